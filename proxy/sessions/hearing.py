"""How long a worker may answer from what it keeps without asking the store. Pure; instants are of one monotonic clock.

An end is acknowledged when every worker has heard of it, or after `NOTICE_SECONDS`. So a worker that has not caught up
for that long must ask the store before each answer. That way a worker that hung or was stopped serves no session that
ended in the meantime.

While the store itself is down, memory may answer longer, up to the grace. A refused attempt shows that nobody could end
anything when it began, so it lets memory answer for as long as a success would. This holds only if this worker had
caught up when the store went down: an end that it has not heard may have been acknowledged before that.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.sessions.session_store import NOTICE_SECONDS


@dataclass(slots=True, kw_only=True)
class HeardChanges:
    grace_seconds: float
    current_at: float
    """Everything up to this instant was heard."""
    until: float = float("-inf")
    """Before this, memory may answer."""
    away_since: float | None = None
    had_caught_up: bool = True
    """Whether everything that was acknowledged before the store went down was heard."""
    is_granted: bool = False
    """Whether a look since then found that memory may go on answering."""
    gaps: int = 0
    """How often notices may have been missed."""
    settled: int = 0
    """Up to which gap everything was read again."""

    @property
    def has_gap(self) -> bool:
        return self.settled < self.gaps

    def caught_up(self, began_at: float) -> None:
        """Everything that was committed before `began_at` was heard, unless there is a gap.

        This may come late, after the silence was taken for an outage. Then what was granted for the outage is taken
        back.
        """
        self._note_answer()
        if not self.has_gap:
            # From the beginning of the attempt, not its end: an end that was committed while the answer travelled was
            # perhaps not heard.
            self.current_at = max(self.current_at, began_at)
            self.until = self.current_at + NOTICE_SECONDS

    def store_is_away(self, began_at: float, now: float) -> None:
        """An attempt that began then was refused."""
        self._note_away(began_at, now)
        self._go_on_from(began_at)

    def store_is_silent(self, began_at: float, now: float) -> None:
        """An attempt that began then got no answer, although this worker was awake to read one.

        Once may be chance. It counts if no answer, not even a late one, comes before the next silence. If notices may
        have been missed it proves nothing: the store may be answering others.
        """
        is_again = self.away_since is not None
        self._note_away(began_at, now)
        if is_again and not self.has_gap:
            self._go_on_from(began_at)

    def hears_nothing(self) -> None:
        """The store answers, but notices of what others do now do not arrive: so each answer needs the store."""
        self._note_answer()
        self.until = float("-inf")

    def _note_answer(self) -> None:
        self.away_since = None
        self.is_granted = False

    def _note_away(self, began_at: float, now: float) -> None:
        if self.away_since is None:
            self.away_since = now
            # An end waits for this worker for `NOTICE_SECONDS`. If it was further behind when the store went down, an
            # end that it has not heard may already be acknowledged.
            self.had_caught_up = began_at < self.current_at + NOTICE_SECONDS

    def _go_on_from(self, began_at: float) -> None:
        if self.had_caught_up:
            self.is_granted = True
            self.until = min(began_at + NOTICE_SECONDS, self.current_at + self.grace_seconds)

    def missed_some(self) -> None:
        """Notices may have been missed: ask the store until everything was read again."""
        self.gaps += 1
        self.until = float("-inf")

    def read_anew(self, gap: int, began_at: float) -> None:
        """Everything in memory was read again after `began_at`, when `gap` was the latest gap."""
        self.settled = max(self.settled, gap)
        if not self.has_gap:
            self.current_at = max(self.current_at, began_at)

    def is_in_grace(self, now: float) -> bool:
        """Whether what is open may stay so without the store."""
        return now < self.current_at + self.grace_seconds

    def may_do_without(self, now: float, *, is_silent: bool) -> bool:
        """Whether memory may answer one request that the store has refused, or (`is_silent`) left without an answer.

        Only if `look` found that the store is down: one failed request proves neither that, nor what was heard before.
        """
        if self.away_since is None or (is_silent and (self.has_gap or not self.is_granted)):
            return False
        return self.had_caught_up and self.is_in_grace(now)
