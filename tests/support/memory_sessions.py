"""Sessions in dictionaries: the sessions' part of the store that tests stand on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from config.settings import SessionSettings
from proxy.sessions.session import Level, Session
from proxy.sessions.session_store import FORMER_SECONDS
from proxy.sessions.way import OF_CREDENTIALS
from proxy.store.listeners import StoreListeners


class Hanging(Protocol):
    """What ends with its session."""

    def forget_session(self, session_id: str) -> None: ...


class Expiring(Protocol):
    """A part whose records end by themselves."""

    async def remove_expired(self, *, now: float) -> int: ...


class MemorySessions:
    def __init__(
        self,
        called: Callable[[str], None],
        standing: dict[str, Session],
        hanging: Sequence[Hanging],
        others: Sequence[Expiring],
    ) -> None:
        """`called` is told the name of each method first, and may raise. `standing`: by id."""
        self._called = called
        self.standing = standing
        self._hanging = hanging
        self._others = others
        self._cookies: dict[bytes, tuple[str, str]] = {}
        self._former: dict[tuple[bytes, str], tuple[str, float]] = {}
        self._flushes: dict[str, int] = {}
        self.listeners = StoreListeners()
        """Through these a test tells what other workers and nodes did."""
        self.on_session_end = self.listeners.on_session_end
        self.on_session_change = self.listeners.on_session_change
        self.on_gap = self.listeners.on_gap

    async def create_session(self, session: Session, *, cookie: bytes, host: str, most: int | None = None) -> None:
        self._called("create_session")
        self._create(session, cookie, host, most)

    async def create_first(self, session: Session, *, cookie: bytes, host: str) -> bool:
        self._called("create_first")
        _, standing = self._cookies.get(cookie, ("", ""))
        if standing in self.standing:
            return False
        self._create(session, cookie, host, None)
        return True

    async def replace_session(
        self, old_session_id: str, session: Session, *, cookie: bytes, host: str, most: int | None = None
    ) -> bool:
        self._called("replace_session")
        if old_session_id not in self.standing:
            return False
        self._end(old_session_id)
        self._create(session, cookie, host, most)
        return True

    def _create(self, session: Session, cookie: bytes, host: str, most: int | None) -> None:
        self.standing[session.session_id] = session
        self._cookies[cookie] = (host, session.session_id)
        if most is None or session.level is not Level.SIGNED_IN:
            return
        others = [
            each
            for each in self.standing.values()
            if each.principal.guid == session.principal.guid
            and each.level is Level.SIGNED_IN
            and each.way not in OF_CREDENTIALS
            and each is not session
        ]
        others.sort(key=lambda each: each.created_at)
        for each in others[: max(0, len(others) + 1 - most)]:
            self._end(each.session_id)

    async def session_by_cookie(self, cookie: bytes, host: str) -> Session | None:
        self._called("session_by_cookie")
        bound_to, session_id = self._cookies.get(cookie, ("", ""))
        return self.standing.get(session_id) if bound_to == host else None

    async def add_cookie(self, session_id: str, *, cookie: bytes, host: str) -> Session | None:
        self._called("add_cookie")
        if session_id in self.standing:
            self._cookies[cookie] = (host, session_id)
        return self.standing.get(session_id)

    async def update_principal(self, session: Session) -> None:
        self._called("update_principal")
        stored = self.standing.get(session.session_id)
        if stored is not None:
            self.standing[session.session_id] = replace(stored, principal=session.principal)
            self.listeners.tell_changed([session.session_id])

    async def touch_sessions(self, used: Iterable[tuple[str, float]]) -> None:
        self._called("touch_sessions")
        for session_id, last_used_at in used:
            stored = self.standing.get(session_id)
            if stored is not None and stored.last_used_at < last_used_at:
                self.standing[session_id] = replace(stored, last_used_at=last_used_at)

    async def count_flush(self, worker: str) -> dict[str, int]:
        self._called("count_flush")
        self._flushes[worker] = self._flushes.get(worker, 0) + 1
        return dict(self._flushes)

    async def forget_workers(self, workers: Sequence[str]) -> None:
        self._called("forget_workers")
        for worker in workers:
            self._flushes.pop(worker, None)

    async def sessions_by_id(self, session_ids: Sequence[str]) -> dict[str, Session]:
        self._called("sessions_by_id")
        return {session_id: self.standing[session_id] for session_id in session_ids if session_id in self.standing}

    async def end_session(self, session_id: str) -> bool:
        self._called("end_session")
        return self._end(session_id)

    async def end_sessions_of(self, guid: str) -> int:
        self._called("end_sessions_of")
        return sum(self._end(session.session_id) for session in await self.sessions(guid))

    async def end_all_sessions(self) -> int:
        self._called("end_all_sessions")
        return sum(self._end(session_id) for session_id in list(self.standing))

    async def ends_heard(self) -> None:
        self._called("ends_heard")

    async def sessions(self, guid: str | None = None) -> list[Session]:
        self._called("sessions")
        found = [session for session in self.standing.values() if guid is None or session.principal.guid == guid]
        return sorted(found, key=lambda session: session.created_at)

    async def newest_sessions(self, most: int) -> list[Session]:
        self._called("newest_sessions")
        found = sorted(self.standing.values(), key=lambda session: session.created_at, reverse=True)
        return found[:most]

    async def persons(self) -> dict[str, float]:
        self._called("persons")
        return {session.principal.guid: session.created_at for session in await self.sessions()}

    async def hosts_of(self, session_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        self._called("hosts_of")
        hosts = {each: {host for host, of in self._cookies.values() if of == each} for each in session_ids}
        return {each: tuple(sorted(found)) for each, found in hosts.items() if found}

    async def former_owner(self, cookie: bytes, host: str, *, now: float) -> str | None:
        self._called("former_owner")
        bound_to, session_id = self._cookies.get(cookie, ("", ""))
        standing = self.standing.get(session_id)
        if standing is not None and bound_to == host:
            return standing.principal.guid if standing.level is Level.SIGNED_IN else None
        guid, kept_until = self._former.get((cookie, host), ("", now))
        return guid if now < kept_until else None

    async def catch_up(self) -> None:
        self._called("catch_up")

    def _end(self, session_id: str) -> bool:
        ended = self.standing.pop(session_id, None)
        if ended is None:
            return False
        if ended.level is Level.SIGNED_IN:
            kept_until = time.time() + FORMER_SECONDS
            hers = [(cookie, host) for cookie, (host, of) in self._cookies.items() if of == session_id]
            self._former |= dict.fromkeys(hers, (ended.principal.guid, kept_until))
        self._cookies = {cookie: bound for cookie, bound in self._cookies.items() if bound[1] != session_id}
        for part in self._hanging:
            part.forget_session(session_id)
        self.listeners.tell_ended([session_id])
        return True

    async def remove_expired(self, *, now: float, limits: SessionSettings) -> int:
        self._called("remove_expired")
        for session_id, session in self.standing.items():
            self.standing[session_id] = session.counted_from(now)
        over = [session.session_id for session in self.standing.values() if session.is_over(limits, now)]
        for session_id in over:
            self._end(session_id)
        return len(over) + sum([await other.remove_expired(now=now) for other in self._others])

    async def server_time(self) -> float | None:
        return None
