"""What is kept of challenges, and how an answer to one is judged. Methods raise `StoreUnavailable`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from proxy.factors.challenge import Challenge


class Attempt(Enum):
    """What became of one answer to a challenge."""

    ACCEPTED = "accepted"
    WRONG = "wrong"
    EXHAUSTED = "exhausted"
    """Wrong, and it was the last attempt: the challenge is gone."""
    GONE = "gone"
    """Unknown, expired, used before, or another session's."""


@dataclass(frozen=True, slots=True)
class AttemptResult:
    attempt: Attempt
    attempts_left: int = 0


class ChallengeStore(Protocol):
    """Challenges. They end with their session. An expired one counts as absent, even if it was not removed yet."""

    async def put_challenge(self, challenge: Challenge, *, newest: str | None = None) -> bool:
        """False, and nothing written, if its session is gone, or `newest` names another challenge than it should.

        `newest` is the id of the session's newest live challenge, empty if there is none. So of several that are put at
        the same time, only one is written. None: write in any case. Atomic.
        """
        ...

    async def challenge(self, challenge_id: str, *, session_id: str, now: float) -> Challenge | None:
        """The live challenge, if it is that session's."""
        ...

    async def challenge_of_session(self, session_id: str, *, now: float) -> Challenge | None:
        """The newest live challenge of a session: what the passcode page shows when opened by hand."""
        ...

    async def answer_challenge(self, challenge_id: str, *, session_id: str, digest: bytes, now: float) -> AttemptResult:
        """Judge one answer, atomically: compare in constant time, count, and use up. Durable.

        Of parallel right answers exactly one is `ACCEPTED`; a wrong one always costs an attempt.
        """
        ...

    async def mark_sent(self, challenge_id: str, *, now: float, not_before: float) -> bool:
        """Claim the right to send again: True, and `last_sent_at` is `now`, only if it was at most `not_before`."""
        ...
