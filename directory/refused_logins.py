"""Growing waits after a login is refused: each try may count towards a lock of the account.

Instants are of a monotonic clock, in seconds.
"""

from __future__ import annotations

WAITS_SECONDS = (60.0, 480.0, 3600.0)
"""How long it is not tried again after the first refusal in a row, the second, and all others.

Three tries fit before a wait that is longer than the window in which a domain usually counts (30 minutes).
"""


def wait_seconds(in_a_row: int) -> float:
    """After so many refusals, at least one."""
    return WAITS_SECONDS[min(in_a_row, len(WAITS_SECONDS)) - 1]


class RefusedLogins:
    """Of one account."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._next_at = float("-inf")
        self._reason = ""

    def held_back(self, now: float) -> str:
        """Why not to try it at `now`, or nothing."""
        return self._reason if now < self._next_at else ""

    def refused(self, reason: str, now: float) -> None:
        """`reason` is for the log."""
        if now < self._next_at:
            return  # both were in flight
        self._in_a_row += 1
        wait = wait_seconds(self._in_a_row)
        self._next_at = now + wait
        self._reason = f"{reason}: the login is tried again in {wait / 60:.0f} min, or by a restart"

    def taken(self) -> None:
        self._in_a_row = 0
        self._next_at = float("-inf")
