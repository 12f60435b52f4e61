"""What is kept of sessions, and what is told of them between workers and nodes.

A cookie is named by the SHA-256 of its token. Instants are epoch seconds. Every method raises `StoreUnavailable` when
the store does not answer. "Durable" means: written so that it survives a loss of power once the method has returned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from config.settings import SessionSettings
from proxy.sessions.session import Session

NOTICE_SECONDS = 1.0
"""How long the end of a session waits for another worker or node to say that it has heard of it.

A worker that has heard of everything answers from memory for just as long. A busy event loop is never that late.
"""
FORMER_SECONDS = 3600.0
"""How long the store knows whose an ended session was."""


class SessionStore(Protocol):
    """Sessions, their cookies, and whose they were."""

    async def create_session(self, session: Session, *, cookie: bytes, host: str, most: int | None = None) -> None:
        """Durable.

        `most`: if this session is signed in, so many of the person's stand from then on, this one among them. In the
        same transaction the oldest of their other signed-in ones end, and listeners hear of it before this returns.
        """
        ...

    async def replace_session(
        self, old_session_id: str, session: Session, *, cookie: bytes, host: str, most: int | None = None
    ) -> bool:
        """Step up: in one transaction the old session, its cookies and its challenges end and the new session begins.

        Durable. False, and nothing changed, if the old one is not there (any more). Listeners hear the old one's end.
        `most` as in `create_session`.
        """
        ...

    async def create_first(self, session: Session, *, cookie: bytes, host: str) -> bool:
        """As `create_session`, but of several at once one begins. False, and nothing changed: a session has this
        cookie."""
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

    async def sessions_by_id(self, session_ids: Sequence[str]) -> dict[str, Session]:
        """Which of these sessions still exist, by `session_id`."""
        ...

    async def sessions(self, guid: str | None = None) -> list[Session]:
        """One person's, or everybody's, the oldest first."""
        ...

    async def newest_sessions(self, most: int) -> list[Session]:
        """At most so many of everybody's, the newest first: however many there are, it takes no longer."""
        ...

    async def persons(self) -> dict[str, float]:
        """Everybody who has a session, by GUID: when their newest one was created. Cheap enough for every second."""
        ...

    async def hosts_of(self, session_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The hosts on which each of these sessions has a cookie, sorted; those that are gone are left out."""
        ...

    async def former_owner(self, cookie: bytes, host: str, *, now: float) -> str | None:
        """GUID of the person whose signed-in session had this cookie, for `FORMER_SECONDS` after its end.

        Also if the session still exists: one that is over by its limits is removed only later.
        """
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
        """End everybody's sessions, even in an older copy, which is used from then on; returns how many. Durable."""
        ...

    async def ends_heard(self) -> None:
        """Return once listeners have heard of every end that was made before, as after an end of one's own.

        For a caller that finds nothing to end: perhaps the worker that ended it died before anybody heard of it.
        `end_session` and `end_sessions_of` do this by themselves then.
        """
        ...


class SessionNews(Protocol):
    """What others did to sessions. Listeners are called on the event loop; each method returns what unsubscribes."""

    def on_session_end(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call `listener(session_id)` whenever a session ends, in whichever worker or node."""
        ...

    def on_session_change(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call `listener(session_id)` whenever another worker or node wrote a session's principal."""
        ...

    def on_gap(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener()` when notices of ends and changes may have been missed: read again what is kept."""
        ...

    async def catch_up(self) -> None:
        """Return once listeners here were told of all ends and changes that were committed before this was called.

        Cheap enough for ten times a second. Raises `StoreUnavailable`, and then nothing is known to be so; `NotHeard`
        only where the store has just answered, so that others may end sessions that are not heard of here.
        """
        ...


class SessionUpkeep(Protocol):
    """What workers write of the uses of sessions, and what is removed once all have written."""

    async def touch_sessions(self, used: Iterable[tuple[str, float]]) -> None:
        """Write `(session_id, last_used_at)` in one batch; never moves an instant backwards. Not durable."""
        ...

    async def count_flush(self, worker: str) -> dict[str, int]:
        """Count that this worker has written all uses that it knows of; everybody's counts, by name.

        It fails where `touch_sessions` would: something is written. Not durable.
        """
        ...

    async def forget_workers(self, workers: Sequence[str]) -> None:
        """These are gone: nothing is waited for from them any more."""
        ...

    async def remove_expired(self, *, now: float, limits: SessionSettings) -> int:
        """Remove what is over, for good: sessions by these limits, and what else the store keeps; how many records.

        Sessions that claim to have begun or to have been used later than clocks may differ (`SKEW_SECONDS`) count from
        `now` on.
        """
        ...

    async def server_time(self) -> float | None:
        """By the clock of the server that all nodes share; None if there is none, or we may not ask it."""
        ...


class WatchedSessions(SessionStore, SessionNews, SessionUpkeep, Protocol):
    """All of it: what a worker needs to answer from memory."""
