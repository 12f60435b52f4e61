"""What all processes that sign in as one service account know of each other's tries: the contract.

Alone, each of them would try a wrong password a few times. Together they would lock the account.
"""

from __future__ import annotations

from typing import Protocol

from directory.refused_logins import LeftAlone, Turn


class SharedTries(Protocol):
    """`account` is a digest of name and password. Every method blocks, for at most a second, and raises nothing. If the
    store does not answer, it is as if nobody else had tried: what the methods answer here."""

    def left_alone(self, account: bytes) -> LeftAlone | None:
        return None

    def begin(self, account: bytes) -> Turn | LeftAlone:
        return Turn.YOURS

    def taken(self, account: bytes) -> None:
        return None

    def refused(self, account: bytes, *, counts: bool) -> int:
        """How many wrong passwords there were in a row, from all processes. `counts`: whether this was one."""
        return 0

    def leave_alone(self, account: bytes, *, seconds: float) -> bool:
        """Also ends the turn. Returns whether others know of it now."""
        return False

    def is_taken_since(self, account: bytes) -> bool:
        """Whether the wait is over early, because some process was let in."""
        return False

    def given_up(self, account: bytes) -> None:
        return None


class AloneTries(SharedTries):
    """For a process that is alone."""
