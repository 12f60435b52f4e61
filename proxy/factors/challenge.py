"""A pending second factor: what is kept of it, without the passcode itself, and how an answer to it is judged."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from config.factors import ChannelKind, Choice, Factor


def new_challenge_id() -> str:
    """192 random bits, URL-safe."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """Used up atomically in the store: accepted once, dead after its attempts or its expiry."""

    challenge_id: str = field(repr=False)
    """At least 128 random bits, URL-safe; also what the passcode is derived from, together with the master key."""
    session_id: str = field(repr=False)
    """The first-factor session it belongs to: no other session can answer it."""
    guid: str
    digest: bytes = field(repr=False)
    """HMAC-SHA256 of challenge id, guid and passcode under the server's key."""
    masked_destination: str
    created_at: float
    expires_at: float
    attempts_left: int
    last_sent_at: float
    return_to: str = field(default="", repr=False)
    """Where the person wanted to go: an absolute URL that was already judged, or empty for the start page."""
    start_digest: str = field(default="", repr=False)
    """Binds the ticket to the browser on the app's host that started; empty if the sign-in page was opened by hand."""
    factor: Factor
    """What a right answer proves, even if the session asks for something else by then."""
    choice: Choice = ()
    """The factors that would do as well, this one among them."""
    kind: ChannelKind | None
    """What its passcode may go by. A mail can prove "sms", where it stands in for a number; None: nothing is sent."""
    number_digest: bytes = field(default=b"", repr=False)
    """Which number (`proxy.factors.passcode.known_numbers`) or mail address it goes to: never to a second one."""


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
    """What is kept of challenges. They end with their session. An expired one counts as absent, even if it was not
    removed yet. Methods raise `StoreUnavailable`.

    Attempts are the session's: its live challenges share them. Otherwise each change to another factor, which makes a
    challenge of its own, would win the attempts of a new one.
    """

    async def put_challenge(self, challenge: Challenge, *, newest: str | None = None) -> bool:
        """False, and nothing written, if its session is gone, or `newest` names another challenge than it should.

        `newest` is the id of the session's newest live challenge, empty if there is none. So of several that are put at
        the same time, only one is written. None: write in any case. It gets no more attempts than the session's live
        ones have left. It takes the place of those for the same factor, so that whoever changes to and fro fills no
        store. Atomic.
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

        Of parallel right answers exactly one is `ACCEPTED`; a wrong one always costs each of the session's challenges
        an attempt.
        """
        ...

    async def mark_sent(self, challenge_id: str, *, now: float, not_before: float) -> bool:
        """Claim the right to send again: True, and `last_sent_at` is `now`, only if it was at most `not_before`."""
        ...
