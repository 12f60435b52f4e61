"""The contract of every store: what must be atomic, what must survive, and what is told to whom.

`tests/store/contract.py` holds each implementation to it. Methods raise `StoreUnavailable` when the store does
not answer. "Durable" means: written so that it survives power loss once the method has returned. Expired
records are treated as absent by every method that takes `now`, whether or not they were removed yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from proxy.delivery.failures import DeliveryFailure
from proxy.delivery.sending import Sending
from proxy.factors.challenge import Challenge
from proxy.factors.passcode.arrival_times import Arrival
from proxy.factors.passcode.known_numbers import KnownNumber
from proxy.sessions.session import Session

NOTICE_SECONDS = 1.0
"""How long the end of a session waits for another worker or node to say that it has heard of it.

For as long, whoever has heard of everything answers from memory: longer than a busy event loop is late.
"""
FORMER_SECONDS = 3600.0
"""How long it is known whose an ended session was."""


class StoreError(Exception):
    """The base of all; never raised itself."""


class StoreUnavailable(StoreError):
    """The store did not answer. `reason` is for the log."""


class Silent(StoreUnavailable):
    """No answer came in time: nobody refused, and what was asked may have been done."""


class NotHeard(StoreUnavailable):
    """The store answers, but what others did is not heard of just now."""


Report = Callable[..., None]
"""`report(event, **fields)`: what the operator should read in the log of the store. On any thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """The single-use hand-over of a session to an app's host (RFC 9700 section 4.5 on binding applies in spirit)."""

    session_id: str = field(repr=False)
    host: str
    start_digest: str = field(repr=False)
    return_to: str = field(repr=False)
    expires_at: float


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


@dataclass(frozen=True, slots=True)
class Count:
    """One counter within its window after a `count`."""

    value: int
    window_ends_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A counter that must not pass `limit` within its window."""

    key: bytes = field(repr=False)
    limit: int
    window_seconds: float
    is_sliding: bool = False
    """Whether the window starts anew with each count: the counter is cleared only by a whole window without one."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Which of the counters that were to be reserved had reached its limit."""

    index: int
    window_ends_at: float


class Store(Protocol):
    # Sessions. A cookie is named by the SHA-256 of its token.
    async def create_session(self, session: Session, *, cookie: bytes, host: str) -> None:
        """Durable."""
        ...

    async def replace_session(self, old_session_id: str, session: Session, *, cookie: bytes, host: str) -> bool:
        """Step up: in one transaction the old session, its cookies and its challenges end and the new one stands.

        Durable. False, and nothing changed, if the old one is not there (any more). Listeners hear the old one's end.
        """
        ...

    async def session_by_cookie(self, cookie: bytes, host: str) -> Session | None:
        """The session that this cookie points to on this host. Limits are the caller's to check."""
        ...

    async def add_cookie(self, session_id: str, *, cookie: bytes, host: str) -> Session | None:
        """One more host for a session, replacing none; the session, or None if it is gone. Durable."""
        ...

    async def update_principal(self, session: Session) -> None:
        """Write a session's principal and nothing else of it, if it still exists. Change listeners hear of it."""
        ...

    async def touch_sessions(self, used: Iterable[tuple[str, float]]) -> None:
        """Write `(session_id, last_used_at)` in one batch; never moves an instant backwards. Not durable."""
        ...

    async def count_flush(self, worker: str) -> dict[str, int]:
        """Count that this worker has written all uses that it knows of; everybody's counts, by name.

        It fails where `touch_sessions` would: something is written. Not durable.
        """
        ...

    async def forget_workers(self, workers: Sequence[str]) -> None:
        """Those that are gone, of whom nothing is waited for any more."""
        ...

    async def sessions_by_id(self, session_ids: Sequence[str]) -> dict[str, Session]:
        """Those of these sessions that still stand, by `session_id`."""
        ...

    async def end_session(self, session_id: str) -> bool:
        """End it with all its cookies, challenges and tickets. Durable. Listeners hear of it before this returns.

        Those of other workers and nodes too, unless one does not answer within `NOTICE_SECONDS`.
        """
        ...

    async def end_sessions_of(self, guid: str) -> int:
        """End all of one person's sessions; how many there were. Durable."""
        ...

    async def end_all_sessions(self) -> int:
        """End everybody's sessions, those of an older copy too, which is used from then on; how many. Durable."""
        ...

    async def ends_heard(self) -> None:
        """Return once listeners have heard of every end that was made before, as after an end of one's own.

        Whoever finds nothing to end may ask again: it ended, and who ended it died before anybody heard of it. The two
        above do it by themselves then.
        """
        ...

    async def sessions(self, guid: str | None = None) -> list[Session]: ...

    async def persons(self) -> dict[str, float]:
        """Everybody who has a session, by GUID: when their newest one was created. Cheap enough for every second."""
        ...

    async def hosts_of(self, session_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The hosts on which each of these sessions has a cookie, sorted; those that are gone are left out."""
        ...

    async def former_owner(self, cookie: bytes, host: str, *, now: float) -> str | None:
        """The GUID of whom a signed-in session was whose cookie this was, for `FORMER_SECONDS` after its end.

        Also if it still stands: one that is over by its limits is removed only later.
        """
        ...

    def on_session_end(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call `listener(session_id)` on the event loop whenever a session ends, whichever worker or node ended it.

        Returns what unsubscribes it, as the next two do.
        """
        ...

    def on_session_change(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call `listener(session_id)` whenever another worker or node wrote a session's principal."""
        ...

    def on_gap(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener()` when notices of ends and changes may have been missed: what is kept is to be read anew."""
        ...

    async def catch_up(self) -> None:
        """Return once listeners here were told of all ends and changes that were committed before this was called.

        Cheap enough for ten times a second. Raises `StoreUnavailable`, and then nothing is known to be so; `NotHeard`
        only where the store has just answered, so that others may end sessions that are not heard of here.
        """
        ...

    # Challenges.
    async def put_challenge(self, challenge: Challenge, *, newest: str | None = None) -> bool:
        """False, and nothing written, if its session is gone, or `newest` names another challenge than it should.

        That is the id of the session's newest challenge that is live when this one is created, empty if there is none:
        of several that are put at the same time, one is. None: whatever there is. Atomic.
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

    # What became of messages that carried a passcode. They outlive their challenge and its session.
    async def put_sending(self, sending: Sending) -> None:
        """Remember it until its `expires_at`, in place of what was known of this message id."""
        ...

    async def sending(self, message_id: str, *, now: float) -> Sending | None: ...

    async def sendings_of(self, challenge_id: str, *, now: float) -> tuple[Sending, ...]:
        """Every message of one challenge, in the order of sending. The caller judges whose challenge it is."""
        ...

    async def put_arrival(self, channel: str, arrival: Arrival) -> None:
        """Remember how long one took: of each channel the `arrival_times.MOST_KEPT` that were put last.

        They are forgotten when none came for `KEPT_SECONDS`.
        """
        ...

    async def arrivals(self, channel: str) -> tuple[Arrival, ...]:
        """Those of this channel, in any order."""
        ...

    async def put_failure(self, failure: DeliveryFailure) -> None:
        """Remember it for `failures.REMEMBERED_SECONDS`, and no more than the `MOST_REMEMBERED` latest. Durable."""
        ...

    async def failures(self, *, since: float) -> tuple[DeliveryFailure, ...]:
        """Those read after that instant, the latest first."""
        ...

    # Tickets. Named by the SHA-256 of the token.
    async def put_ticket(self, ticket_digest: bytes, ticket: Ticket) -> None: ...

    async def take_ticket(self, ticket_digest: bytes, *, now: float) -> Ticket | None:
        """Take it out: the second taker gets None."""
        ...

    # Requests that met an ended session, and the report of the admin pages: sealed by the caller, named by a SHA-256.
    async def put_kept_request(self, digest: bytes, sealed: bytes, *, expires_at: float) -> None: ...

    async def kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        """Read it and leave it there: what is shown of it before it is sent on."""
        ...

    async def take_kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        """Take it out: the second taker gets None. Durable: what was sent on is not sent on again."""
        ...

    # Counters, for throttles: `key` names what is counted and holds no personal data in the clear.
    async def count(self, key: bytes, *, now: float, window_seconds: float, amount: int = 1) -> Count:
        """Add to a counter and return it; the window opens with its first count. Durable.

        `amount=0` reads. A negative one gives back, never below zero.
        """
        ...

    async def reserve(self, counters: Sequence[Counter], *, now: float) -> Reached | None:
        """Add one to all of these, or to none and say which one had reached its limit. Atomic and durable."""
        ...

    async def reset_count(self, key: bytes) -> None: ...

    # What is remembered of persons.
    async def add_familiar(self, person: bytes, address: bytes, *, now: float, expires_at: float, most: int) -> None:
        """Remember an address of a person, both as digests, until `expires_at`; the `most` latest of one person."""
        ...

    async def is_familiar(self, person: bytes, address: bytes, *, now: float) -> bool: ...

    async def put_known_number(self, guid: str, known: KnownNumber) -> None:
        """The one number of a person that is remembered, in place of the one before. Durable."""
        ...

    async def known_number(self, guid: str) -> KnownNumber | None: ...

    # Leases: work that one worker of all nodes does at a time.
    async def take_lease(self, name: str, holder: str, *, now: float, seconds: float) -> bool:
        """Take or prolong it until `now + seconds`; False while another holder has it. Atomic."""
        ...

    async def drop_lease(self, name: str, holder: str) -> None:
        """Give it back, if this holder has it."""
        ...

    # The house.
    async def remove_expired(self, *, now: float, idle_seconds: float, absolute_seconds: float) -> int:
        """Remove what is over, for good; how many records.

        Sessions that claim to have begun or to have been used later than clocks may differ (`SKEW_SECONDS`) count from
        `now` on.
        """
        ...

    async def server_time(self) -> float | None:
        """By the clock of the server that all nodes share; None where there is none, or it may not be asked."""
        ...

    async def ping(self) -> None:
        """Return if the store can be read, and written as durably as a sign-in writes, else raise."""
        ...

    async def close(self) -> None: ...
