"""Sessions in SQLite: what ends here is told to the other processes before it is acknowledged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVarTuple, Unpack

from config.settings import SessionSettings
from proxy.delivery.delivery_store import REMEMBERED_SECONDS as FAILURE_SECONDS
from proxy.factors.passcode.arrival_times import KEPT_SECONDS as ARRIVAL_SECONDS
from proxy.factors.passcode.known_numbers import REMEMBERED_SECONDS as NUMBER_SECONDS
from proxy.operations.steady_clock import SKEW_SECONDS
from proxy.sessions.network_access import FORGOTTEN_SECONDS as ACCESS_SECONDS
from proxy.sessions.session import Session
from proxy.store.session_records import principal_to_json
from proxy.store.sqlite import session_rows
from proxy.store.sqlite.database import SQLiteDatabase
from proxy.store.sqlite.marks import mark_all_ended
from proxy.store.sqlite.news import KEPT_SECONDS, SQLiteNews, select_newest
from proxy.store.sqlite.persons import PersonList
from proxy.store.sqlite.session_rows import Named

_REMOVED_AT_ONCE = 100
"""Expired sessions per transaction: other writers wait for some ten milliseconds at the most."""
_LOOKED_AT_ONCE = 2000
"""Sessions that are read together to find those: look-ups wait for a few milliseconds at the most."""

_OVER = {
    # One from the future opens nothing either.
    "challenges": f"expires_at <= ?1 OR created_at > ?1 + {SKEW_SECONDS}",
    "tickets": "expires_at <= ?1",
    "counters": "window_ends_at <= ?1",
    "familiar_addresses": "expires_at <= ?1",
    "throttled_persons": "until <= ?1",
    "known_numbers": f"used_at <= ?1 - {NUMBER_SECONDS}",
    # A channel's are forgotten together, when none came for long.
    "arrivals": f"channel NOT IN (SELECT channel FROM arrivals WHERE at > ?1 - {ARRIVAL_SECONDS})",  # noqa: S608
    "sendings": "expires_at <= ?1",
    "kept_requests": "expires_at <= ?1",
    "remembered_browsers": "expires_at <= ?1",
    "network_accesses": f"expires_at <= ?1 - {ACCESS_SECONDS}",
    "former_cookies": "expires_at <= ?1",
    "passes": "ends_at <= ?1",
    "vouches": "expires_at <= ?1",
    "credentials": "ends_at <= ?1",
    "decisions": "forgotten_at <= ?1",
    "rehearsed": "forgotten_at <= ?1",
    "delivery_failures": f"failed_at <= ?1 - {FAILURE_SECONDS}",
}
"""By table of everything else that is kept, what is true of a record that is over at ?1."""
_NOT_COUNTED = (
    "former_cookies", "delivery_failures", "network_accesses", "throttled_persons", "decisions", "rehearsed",
)  # fmt: skip
"""They tell of sessions, messages and counters, which are counted themselves, or of what was decided about them."""

Ts = TypeVarTuple("Ts")


class SQLiteSessions:
    """`WatchedSessions`."""

    def __init__(self, database: SQLiteDatabase, news: SQLiteNews, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._news = news
        self._clock = clock
        self._persons = PersonList()
        self.on_session_end = news.listeners.on_session_end
        self.on_session_change = news.listeners.on_session_change
        self.on_gap = news.listeners.on_gap
        self.catch_up = news.catch_up

    async def create_session(self, session: Session, *, cookie: bytes, host: str, most: int | None = None) -> None:
        await self._end(self._insert, session, cookie, host, most)

    def _insert(
        self, connection: sqlite3.Connection, session: Session, cookie: bytes, host: str, most: int | None
    ) -> list[Named]:
        """Those that end because the person has too many."""
        session_rows.insert_session(connection, session, cookie, host)
        self._news.write(connection, "created", [(session.session_id, session.principal.guid)])
        return [] if most is None else session_rows.delete_surplus(connection, session, most, self._clock())

    async def create_first(self, session: Session, *, cookie: bytes, host: str) -> bool:
        def insert(connection: sqlite3.Connection) -> bool:
            if session_rows.has_cookie(connection, cookie):
                return False
            self._insert(connection, session, cookie, host, None)
            return True

        return await self._database.writing.run(insert, durable=True)

    async def replace_session(
        self, old_session_id: str, session: Session, *, cookie: bytes, host: str, most: int | None = None
    ) -> bool:
        return bool(await self._end(self._replace, old_session_id, session, cookie, host, most))

    def _replace(
        self,
        connection: sqlite3.Connection,
        old_session_id: str,
        session: Session,
        cookie: bytes,
        host: str,
        most: int | None,
    ) -> list[Named]:
        """The old one, and those that end with it; none if it was not there, and then nothing changed."""
        ended = session_rows.delete_session(connection, old_session_id, self._clock())
        return ended + self._insert(connection, session, cookie, host, most) if ended else []

    async def session_by_cookie(self, cookie: bytes, host: str) -> Session | None:
        await self._news.begin()
        return await self._database.reading.run(session_rows.select_by_cookie, cookie, host)

    async def add_cookie(self, session_id: str, *, cookie: bytes, host: str) -> Session | None:
        return await self._database.writing.run(session_rows.insert_cookie, session_id, cookie, host, durable=True)

    async def update_principal(self, session: Session) -> None:
        number = await self._database.writing.run(self._update, session)
        if number is not None:
            self._news.call(number)

    def _update(self, connection: sqlite3.Connection, session: Session) -> int | None:
        updating = "UPDATE sessions SET principal = ? WHERE session_id = ?"
        if not connection.execute(updating, (principal_to_json(session.principal), session.session_id)).rowcount:
            return None
        return self._news.write(connection, "changed", [(session.session_id, session.principal.guid)])

    async def sessions_by_id(self, session_ids: Sequence[str]) -> dict[str, Session]:
        await self._news.begin()
        return await self._database.reading.run(session_rows.select_by_id, list(session_ids))

    async def sessions(self, guid: str | None = None) -> list[Session]:
        return await self._database.reading.run(session_rows.select_sessions, guid)

    async def newest_sessions(self, most: int) -> list[Session]:
        return await self._database.reading.run(session_rows.select_latest, most)

    async def persons(self) -> dict[str, float]:
        return await self._database.reading.run(self._persons.read)

    async def hosts_of(self, session_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        return await self._database.reading.run(session_rows.select_hosts, list(session_ids))

    async def former_owner(self, cookie: bytes, host: str, *, now: float) -> str | None:
        return await self._database.reading.run(session_rows.select_owner, cookie, host, now)

    async def end_session(self, session_id: str) -> bool:
        ended = await self._end(session_rows.delete_session, session_id, self._clock())
        if not ended:
            await self.ends_heard()
        return bool(ended)

    async def end_sessions_of(self, guid: str) -> int:
        ended = await self._end(session_rows.delete_sessions_of, guid, self._clock())
        if not ended:
            await self.ends_heard()
        return len(ended)

    async def end_all_sessions(self) -> int:
        count, some = 0, _REMOVED_AT_ONCE
        while ended := await self._end(session_rows.delete_oldest, some, self._clock(), is_urgent=False, any_file=True):
            count += len(ended)
        count += len(await self._end(_delete_all, self._clock(), any_file=True))
        await self._news.tell(await self._database.reading.run(select_newest, any_file=True))
        return count

    async def ends_heard(self) -> None:
        await self._news.tell(await self._database.reading.run(select_newest))

    async def _end(
        self,
        delete: Callable[[sqlite3.Connection, Unpack[Ts]], list[Named]],
        *arguments: *Ts,
        is_urgent: bool = True,
        any_file: bool = False,
    ) -> list[Named]:
        """Listeners here hear of it after the commit, those of other processes right after; then it is acknowledged."""

        def delete_and_tell(connection: sqlite3.Connection) -> tuple[list[Named], int]:
            ended = delete(connection, *arguments)
            return ended, self._news.write(connection, "ended", ended) if ended else 0

        ended, number = await self._database.writing.run(
            delete_and_tell,
            durable=is_urgent,
            any_file=any_file,
            after=lambda result: self._news.listeners.tell_ended(session_id for session_id, _ in result[0]),
        )
        if ended and is_urgent:
            await self._news.tell(number)
        return ended

    async def touch_sessions(self, used: Iterable[tuple[str, float]]) -> None:
        await self._database.writing.run(session_rows.touch, list(used))

    async def count_flush(self, worker: str) -> dict[str, int]:
        return await self._database.writing.run(_count_flush, worker)

    async def forget_workers(self, workers: Sequence[str]) -> None:
        await self._database.writing.run(_forget_workers, list(workers))

    async def remove_expired(self, *, now: float, limits: SessionSettings) -> int:
        over, has_future = await self._look_through(limits, now)
        if has_future:
            await self._database.writing.run(self._count_from, now)
            over, _ = await self._look_through(limits, now)
        removed = 0
        for start in range(0, len(over), _REMOVED_AT_ONCE):
            part = over[start : start + _REMOVED_AT_ONCE]
            # Not urgent: every worker that keeps one of these knows its limits.
            removed += len(await self._end(session_rows.delete_unused_since, part, self._clock(), is_urgent=False))
        # By the clock of the process that wrote them: this machine's.
        await self._database.change("DELETE FROM notices WHERE created_at <= ?", self._clock() - KEPT_SECONDS)
        for table, is_over in _OVER.items():  # each by itself, so that others write in between
            count = await self._database.change(f"DELETE FROM {table} WHERE {is_over}", now)  # noqa: S608  # constants
            removed += count if table not in _NOT_COUNTED else 0
        return removed

    async def _look_through(self, limits: SessionSettings, now: float) -> tuple[list[tuple[str, float]], bool]:
        """All that are over, and whether any is from the future. What else is to be read is read in between."""
        over: list[tuple[str, float]] = []
        has_future, last = False, -1
        while True:
            looked = await self._database.reading.run(session_rows.look_through, limits, now, last, _LOOKED_AT_ONCE)
            over += looked.over
            has_future = has_future or looked.has_future
            if looked.last is None:
                return over, has_future
            last = looked.last

    def _count_from(self, connection: sqlite3.Connection, now: float) -> None:
        if counted := session_rows.count_from(connection, now):
            self._news.write(connection, "created", counted)  # when a person's newest session was created

    async def server_time(self) -> float | None:
        return None


def _delete_all(connection: sqlite3.Connection, now: float) -> list[Named]:
    ended = session_rows.delete_oldest(connection, -1, now)
    mark_all_ended(connection, now)
    return ended


def _count_flush(connection: sqlite3.Connection, worker: str) -> dict[str, int]:
    """Everybody's counts, after this worker's was raised."""
    connection.execute(
        "INSERT INTO flushes VALUES (?, 1) ON CONFLICT (worker) DO UPDATE SET count = count + 1", (worker,)
    )
    return dict(connection.execute("SELECT worker, count FROM flushes").fetchall())


def _forget_workers(connection: sqlite3.Connection, workers: Sequence[str]) -> None:
    connection.executemany("DELETE FROM flushes WHERE worker = ?", [(worker,) for worker in workers])
