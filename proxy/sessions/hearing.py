"""How long a worker may answer from what it keeps without asking the store. Pure; instants are of one monotonic clock.

An end is acknowledged when every worker has heard of it or `NOTICE_SECONDS` have passed. So whoever has not caught up
for as long asks the store before each answer: a worker that hung or was stopped serves no session that ended meanwhile.
While the store itself is away more is granted, and that ends with the grace: an attempt that was refused says that
nobody could end anything when it began, and lets memory answer for as long as a success would. But only where this
worker had caught up when the store went away: what another one has not heard may have been acknowledged before.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.sessions.session_store import NOTICE_SECONDS


@dataclass(slots=True, kw_only=True)
class HeardChanges:
    grace_seconds: float
    current_at: float
    """As of when everything was heard."""
    until: float = float("-inf")
    """Before this, memory may answer."""
    away_since: float | None = None
    had_caught_up: bool = True
    """Whether all that was acknowledged before the store went away was heard."""
    is_granted: bool = False
    """Whether it was found since then that memory may go on answering."""
    gaps: int = 0
    """How often notices may have been missed."""
    settled: int = 0
    """Up to which gap everything was read anew."""

    @property
    def has_gap(self) -> bool:
        return self.settled < self.gaps

    def caught_up(self, began_at: float) -> None:
        """All that was committed before `began_at` was heard, unless there is a gap.

        That may come late, after the silence was taken for an outage: whatever was granted for it is taken back.
        """
        self._note_answer()
        if not self.has_gap:
            self.current_at = max(self.current_at, began_at)
            self.until = self.current_at + NOTICE_SECONDS

    def store_is_away(self, began_at: float, now: float) -> None:
        """An attempt that began then was refused."""
        self._note_away(began_at, now)
        self._go_on_from(began_at)

    def store_is_silent(self, began_at: float, now: float) -> None:
        """An attempt that began then has no answer, although this worker was awake to hear one.

        Once, that may be chance: it counts where no answer comes, not even a late one, before the next silence. Where
        notices may have been missed it proves nothing: others may be answered.
        """
        is_again = self.away_since is not None
        self._note_away(began_at, now)
        if is_again and not self.has_gap:
            self._go_on_from(began_at)

    def hears_nothing(self) -> None:
        """The store answers, and so it is asked: what others do now is not heard of."""
        self._note_answer()
        self.until = float("-inf")

    def _note_answer(self) -> None:
        self.away_since = None
        self.is_granted = False

    def _note_away(self, began_at: float, now: float) -> None:
        if self.away_since is None:
            self.away_since = now
            self.had_caught_up = began_at < self.current_at + NOTICE_SECONDS

    def _go_on_from(self, began_at: float) -> None:
        if self.had_caught_up:
            self.is_granted = True
            self.until = min(began_at + NOTICE_SECONDS, self.current_at + self.grace_seconds)

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
        """Whether what is open may stay so without the store."""
        return now < self.current_at + self.grace_seconds

    def may_do_without(self, now: float, *, is_silent: bool) -> bool:
        """Whether memory may answer one request that the store has refused, or (`is_silent`) left without an answer.

        Only where `look` found that the store is away: one request proves neither that, nor what was heard before it.
        """
        if self.away_since is None or (is_silent and (self.has_gap or not self.is_granted)):
            return False
        return self.had_caught_up and self.is_in_grace(now)
