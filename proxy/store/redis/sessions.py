"""Sessions in Redis: each question is one step at the server, and none goes through all sessions but `sessions`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from config.settings import SessionSettings
from proxy.operations.steady_clock import SKEW_SECONDS
from proxy.operations.store_errors import StoreUnavailable
from proxy.sessions.session import FIRST_FACTOR_SECONDS, Level, Session
from proxy.sessions.session_store import FORMER_SECONDS
from proxy.store.record_fields import UnreadableRecord
from proxy.store.redis.connections import NET_SECONDS, Argument, RedisConnections
from proxy.store.redis.listening import RedisListening
from proxy.store.redis.persons import Persons, scan
from proxy.store.redis.scripts import KEEPING, SESSIONS
from proxy.store.session_records import principal_to_json, session_from_fields, session_to_fields

T = TypeVar("T")

_VERSION = 1

_FORMER_TTL = int((FORMER_SECONDS + NET_SECONDS) * 1000)
_AT_ONCE = 100
"""How many sessions one step at the server reads or ends: others wait at most a few milliseconds for it."""
_TOUCHED_AT_ONCE = 1000
_REMOVED_AT_ONCE = 200


class RedisSessions:
    """`WatchedSessions`."""

    def __init__(self, connections: RedisConnections, listening: RedisListening, *, clock: Callable[[], float]) -> None:
        self._connections = connections
        self._listening = listening
        self._clock = clock
        self._persons = Persons(connections)
        listening.listeners.on_gap(self._persons.forget)
        self.on_session_end = listening.listeners.on_session_end
        self.on_session_change = listening.listeners.on_session_change
        self.on_gap = listening.listeners.on_gap
        self.catch_up = listening.catch_up
        self.ends_heard = listening.all_hear
        self.count_flush = listening.trust.count_flush

    async def create_session(self, session: Session, *, cookie: bytes, host: str, most: int | None = None) -> None:
        arguments = (*_arguments(session), cookie.hex(), host)
        if most is not None and session.level is Level.SIGNED_IN:
            await self._end("create_of_most", most, *arguments, must_be_heard=False)
            return
        await self._listening.check_trust()
        await self._connections.run(SESSIONS, "create", *arguments, durable=True, is_repeatable=True)

    async def create_first(self, session: Session, *, cookie: bytes, host: str) -> bool:
        await self._listening.check_trust()
        arguments = (*_arguments(session), cookie.hex(), host)
        return bool(await self._connections.run(SESSIONS, "create_first", *arguments, durable=True, is_repeatable=True))

    async def replace_session(
        self, old_session_id: str, session: Session, *, cookie: bytes, host: str, most: int | None = None
    ) -> bool:
        arguments = (old_session_id, "" if most is None else most, *_arguments(session), cookie.hex(), host)
        # The caller must get the new session, even if a worker has not heard of the old one's end.
        return bool(await self._end("replace", *arguments, must_be_heard=False))

    async def session_by_cookie(self, cookie: bytes, host: str) -> Session | None:
        await self._listening.begin()
        row = await self._connections.run(SESSIONS, "by_cookie", cookie.hex(), host, is_repeatable=True)
        return _readable(row)

    async def add_cookie(self, session_id: str, *, cookie: bytes, host: str) -> Session | None:
        await self._listening.begin()
        arguments = (session_id, cookie.hex(), host)
        row = await self._connections.run(SESSIONS, "add_cookie", *arguments, durable=True, is_repeatable=True)
        return _readable(row)

    async def update_principal(self, session: Session) -> None:
        principal = principal_to_json(session.principal)
        arguments = (self._listening.name, session.session_id, principal)
        await self._connections.run(SESSIONS, "update_principal", *arguments, is_repeatable=True)

    async def touch_sessions(self, used: Iterable[tuple[str, float]]) -> None:
        for part in _parts(list(used), _TOUCHED_AT_ONCE):
            # XX: what ended stays ended. GT: never backwards.
            pairs = (each for session_id, at in part for each in (at, session_id))
            await self._connections.command("ZADD", self._index("used"), "XX", "GT", *pairs)

    async def forget_workers(self, workers: Sequence[str]) -> None:
        if workers:
            await self._connections.command("HDEL", self._index("flushes"), *workers)

    async def sessions_by_id(self, session_ids: Sequence[str]) -> dict[str, Session]:
        await self._listening.begin()
        found = [_readable(row) async for row in self._rows(session_ids)]
        return {session.session_id: session for session in found if session is not None}

    async def end_session(self, session_id: str) -> bool:
        ended = await self._end("finish", session_id)
        if not ended:
            await self.ends_heard()
        return bool(ended)

    async def end_sessions_of(self, guid: str) -> int:
        count = 0
        while ended := await self._end("finish_of", guid):
            count += len(ended)
        if not count:
            await self.ends_heard()
        return count

    async def end_all_sessions(self) -> int:
        count = 0
        while ended := await self._end("finish_oldest", is_urgent=False, any_data=True):
            count += len(ended)
        await self._listening.trust.all_are_ended()
        await self.ends_heard()
        return count

    async def sessions(self, guid: str | None = None) -> list[Session]:
        await self._listening.begin()
        if guid is None:
            session_ids = [member async for member, _ in scan(self._connections, "created")]
        else:
            of_person = await self._connections.command("ZRANGE", self._index(f"guid:{guid}"), 0, -1)
            session_ids = [session_id.decode() for session_id in of_person]
        found = [_readable(row) async for row in self._rows(session_ids)]
        return sorted((session for session in found if session is not None), key=lambda session: session.created_at)

    async def newest_sessions(self, most: int) -> list[Session]:
        await self._listening.begin()
        session_ids = await self._connections.command("ZREVRANGE", self._index("created"), 0, most - 1)
        found = [_readable(row) async for row in self._rows(session_ids)]
        return sorted(
            (session for session in found if session is not None), key=lambda session: session.created_at, reverse=True
        )

    async def persons(self) -> dict[str, float]:
        await self._listening.begin()
        return await self._persons.read()

    async def hosts_of(self, session_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        found = {}
        for part in _parts(session_ids, _AT_ONCE):
            for session_id, hosts in await self._connections.run(SESSIONS, "hosts", *part, is_repeatable=True):
                if hosts:
                    found[session_id.decode()] = tuple(sorted({host.decode() for host in hosts}))
        return found

    async def former_owner(self, cookie: bytes, host: str, *, now: float) -> str | None:
        arguments = (cookie.hex(), host, now)
        guid = await self._connections.run(SESSIONS, "former_owner", *arguments, is_repeatable=True)
        return guid.decode() or None

    async def remove_expired(self, *, now: float, limits: SessionSettings) -> int:
        await self._count_from(now)
        return await self._remove_over(limits, now) + await self._remove_others(now)

    async def _remove_over(self, limits: SessionSettings, now: float) -> int:
        """End all sessions that are over by these limits and were not used since; how many."""
        removed = 0
        for index, seconds in (
            ("created", limits.absolute),
            ("used", limits.idle),
            ("unfinished", FIRST_FACTOR_SECONDS),
        ):
            candidates = ("ZRANGEBYSCORE", self._index(index), "-inf", now - seconds, "LIMIT")
            skipped, is_last = 0, False
            while not is_last:
                session_ids = await self._connections.command(*candidates, skipped, _AT_ONCE)
                # The index only narrows it down: the one definition of "over" is the session's own.
                over = [
                    part
                    async for row in self._rows(session_ids)
                    if _is_over(row, limits, now, or_if_unreadable=index == "created")
                    for part in (row[0], row[3])
                ]
                ended = await self._end("finish_unused", *over, ended_at=now, is_urgent=False) if over else []
                removed += len(ended)
                skipped += len(session_ids) - len(ended)
                is_last = len(session_ids) < _AT_ONCE
        return removed

    async def _remove_others(self, now: float) -> int:
        """What is over of everything else: found by one index of when each record ends."""
        removed, looked_at = 0, _REMOVED_AT_ONCE
        while looked_at == _REMOVED_AT_ONCE:
            arguments = (now, _REMOVED_AT_ONCE)
            looked_at, count = await self._connections.run(KEEPING, "expire", *arguments, is_repeatable=True)
            removed += count
        return removed

    async def _count_from(self, now: float) -> None:
        """Set records from the future back to `now`, unless only this node's clock is behind."""
        server_now = await self.server_time()
        if server_now is None:
            return
        latest = max(now, server_now) + SKEW_SECONDS
        for index in ("created", "used"):
            found = await self._connections.command("ZRANGEBYSCORE", self._index(index), f"({latest!r}", "+inf")
            async for row in self._rows(found):
                session = _readable(row)
                if session is not None:
                    arguments = _arguments(session.counted_from(latest - SKEW_SECONDS))
                    counted = (row[0], row[2], arguments[6], arguments[3], arguments[4])
                    await self._connections.run(SESSIONS, "count_from", *counted, is_repeatable=True)

    async def server_time(self) -> float | None:
        await self._connections.command("PING")
        try:
            seconds, microseconds = await self._connections.command("TIME")
        except StoreUnavailable:
            return None
        return int(seconds) + int(microseconds) / 1e6

    async def _end(
        self,
        operation: str,
        *arguments: Argument,
        ended_at: float | None = None,
        is_urgent: bool = True,
        must_be_heard: bool = True,
        any_data: bool = False,
    ) -> list[str]:
        """The sessions that this operation ended; everybody was told. `is_urgent`: durable, and acknowledged by
        everybody."""
        former_until = (self._clock() if ended_at is None else ended_at) + FORMER_SECONDS

        async def run(name: str, number: str) -> Any:
            told = (name, number, former_until, _FORMER_TTL)
            return await self._connections.run(SESSIONS, operation, *told, *arguments, durable=is_urgent)

        return await self._listening.end(run, is_waited_for=is_urgent, must_be_heard=must_be_heard, any_data=any_data)

    async def _rows(self, session_ids: Sequence[str | bytes]) -> AsyncIterator[Sequence[Any]]:
        for part in _parts(session_ids, _AT_ONCE):
            for row in await self._connections.run(SESSIONS, "read", *part, is_repeatable=True):
                yield row

    def _index(self, name: str) -> bytes:
        return self._connections.prefix + name.encode()


def _is_over(row: Sequence[Any], limits: SessionSettings, now: float, *, or_if_unreadable: bool) -> bool:
    session = _readable(row)
    return or_if_unreadable if session is None else session.is_over(limits, now)


def _parts(items: Sequence[T], count: int) -> Iterator[Sequence[T]]:
    return (items[start : start + count] for start in range(0, len(items), count))


def _arguments(session: Session) -> tuple[Argument, ...]:
    """What the script's `create` takes of a session."""
    guid = session.principal.guid
    return (
        session.session_id,
        guid,
        guid if session.level is Level.SIGNED_IN else "",
        session.created_at,
        session.last_used_at,
        principal_to_json(session.principal),
        json.dumps({"v": _VERSION, **session_to_fields(session)}, separators=(",", ":")),
    )


def _readable(row: Sequence[Any] | None) -> Session | None:
    """From the id, the principal, the record and the last use. What this version cannot read opens nothing."""
    if row is None:
        return None
    session_id, principal, record, last_used_at = row
    try:
        fields = json.loads(record)
        if fields["v"] != _VERSION:
            return None
        beside = {"session_id": session_id.decode(), "principal": principal.decode(), "last_used_at": last_used_at}
        return session_from_fields({**fields, **beside})
    except (UnreadableRecord, ValueError, KeyError, TypeError, AttributeError):
        return None
