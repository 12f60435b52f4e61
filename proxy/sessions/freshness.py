"""How long a worker may answer from what it keeps without asking the store. Pure; instants are of one monotonic clock.

An end is acknowledged when every worker has heard of it or `NOTICE_SECONDS` have passed. So whoever has not caught up
for as long asks the store before each answer: a worker that hung or was stopped serves no session that ended meanwhile.
While the store itself is away more is granted, and that ends with the grace: an attempt that was refused says that
nobody could end anything when it began, and lets memory answer for as long as a success would.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.store.store import NOTICE_SECONDS


@dataclass(slots=True, kw_only=True)
class Freshness:
    grace_seconds: float
    current_at: float
    """As of when everything was heard."""
    until: float = float("-inf")
    """Before this, memory may answer."""
    away_since: float | None = None
    gaps: int = 0
    """How often notices may have been missed."""
    settled: int = 0
    """Up to which gap everything was read anew."""

    @property
    def has_gap(self) -> bool:
        return self.settled < self.gaps

    def caught_up(self, began_at: float) -> None:
        """All that was committed before `began_at` was heard, unless there is a gap."""
        self.away_since = None
        if not self.has_gap:
            self.current_at = max(self.current_at, began_at)
            self.until = self.current_at + NOTICE_SECONDS

    def store_is_away(self, began_at: float, now: float, *, is_silent: bool = False) -> None:
        """An attempt that began then was refused, or (`is_silent`) has no answer yet.

        Silence may be this worker's own slowness: where notices may have been missed it proves nothing.
        """
        if self.away_since is None:
            self.away_since = now
        if not (is_silent and self.has_gap):
            self.until = min(began_at + NOTICE_SECONDS, self.current_at + self.grace_seconds)

    def hears_nothing(self) -> None:
        """The store answers, and so it is asked: what others do now is not heard of."""
        self.until = float("-inf")

    def missed_some(self) -> None:
        """Notices may have been missed: until all was read anew, the store is asked."""
        self.gaps += 1
        self.until = float("-inf")

    def read_anew(self, gap: int, began_at: float) -> None:
        """All that is kept was read since `began_at`, when `gap` was the latest gap."""
        self.settled = max(self.settled, gap)
        if not self.has_gap:
            self.current_at = max(self.current_at, began_at)

    def is_in_grace(self, now: float) -> bool:
        """Whether memory may answer if the store cannot."""
        return now < self.current_at + self.grace_seconds
