"""Counters and familiar addresses in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from proxy.store.sqlite.database import SQLiteDatabase
from proxy.throttle.counter_store import MOST_THROTTLED, Count, Counter, Reached, ThrottledPerson
from proxy.throttle.limits import Limit

_LIMITS = frozenset(each.value for each in Limit)
"""Of another version there may be one that this one does not know."""

_SELECT = "SELECT value, window_ends_at FROM counters WHERE key = ? AND window_ends_at > ?"


class SQLiteCounters:
    """`ThrottleStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def add(self, key: bytes, *, now: float, window_seconds: float) -> Count:
        return await self._database.writing.run(_add, key, now, window_seconds, durable=True)

    async def read(self, key: bytes, *, now: float) -> Count | None:
        rows = await self._database.rows(_SELECT, key, now)
        return Count(*rows[0]) if rows else None

    async def give_back(self, key: bytes, amount: int = 1, *, now: float) -> None:
        await self._database.change(
            "UPDATE counters SET value = max(value - ?, 0) WHERE key = ? AND window_ends_at > ?",
            *(amount, key, now),
        )

    async def reserve(self, counters: Sequence[Counter], *, now: float) -> Reached | None:
        return await self._database.writing.run(_reserve, counters, now, durable=True)

    async def reset_count(self, key: bytes) -> None:
        await self._database.change("DELETE FROM counters WHERE key = ?", key, durable=True)

    async def add_familiar(self, person: bytes, address: bytes, *, now: float, expires_at: float, most: int) -> None:
        await self._database.writing.run(_add_familiar, person, address, now, expires_at, most)

    async def is_familiar(self, person: bytes, address: bytes, *, now: float) -> bool:
        rows = await self._database.rows(
            "SELECT 1 FROM familiar_addresses WHERE person = ? AND address = ? AND expires_at > ?",
            *(person, address, now),
        )
        return bool(rows)

    async def put_throttled(self, person: ThrottledPerson) -> None:
        await self._database.writing.run(_put_throttled, person)

    async def throttled(self, *, now: float) -> tuple[ThrottledPerson, ...]:
        rows = await self._database.rows(
            "SELECT guid, limit_name, realm, username, at, until FROM throttled_persons WHERE until > ?"
            " ORDER BY at DESC",
            now,
        )
        return tuple(
            ThrottledPerson(guid=guid, limit=Limit(name), realm=realm, username=username, at=at, until=until)
            for guid, name, realm, username, at, until in rows
            if name in _LIMITS
        )

    async def drop_throttled(self, guid: str, limit: Limit) -> None:
        drop = "DELETE FROM throttled_persons WHERE guid = ? AND limit_name = ?"
        await self._database.change(drop, guid, limit.value)


def _count(connection: sqlite3.Connection, counter: Counter, now: float) -> Count:
    """As it is, or as it would be opened now."""
    row = connection.execute(_SELECT, (counter.key, now)).fetchone()
    return Count(0, now + counter.window_seconds) if row is None else Count(*row)


def _add(connection: sqlite3.Connection, key: bytes, now: float, window_seconds: float) -> Count:
    rows = connection.execute(
        """
        INSERT INTO counters VALUES (?1, 1, ?2 + ?3)
        ON CONFLICT (key) DO UPDATE SET
            value = CASE WHEN window_ends_at > ?2 THEN value + 1 ELSE 1 END,
            window_ends_at = CASE WHEN window_ends_at > ?2 THEN window_ends_at ELSE ?2 + ?3 END
        RETURNING value, window_ends_at
        """,
        (key, now, window_seconds),
    ).fetchall()
    return Count(*rows[0])


def _reserve(connection: sqlite3.Connection, counters: Sequence[Counter], now: float) -> Reached | None:
    for index, counter in enumerate(counters):
        count = _count(connection, counter, now)
        if count.value >= counter.limit:
            return Reached(index, count.window_ends_at)
    for counter in counters:
        count = _add(connection, counter.key, now, counter.window_seconds)
        if counter.is_sliding and count.window_ends_at < now + counter.window_seconds:
            connection.execute(
                "UPDATE counters SET window_ends_at = ? WHERE key = ?", (now + counter.window_seconds, counter.key)
            )
    return None


def _add_familiar(
    connection: sqlite3.Connection, person: bytes, address: bytes, now: float, expires_at: float, most: int
) -> None:
    connection.execute("DELETE FROM familiar_addresses WHERE person = ? AND expires_at <= ?", (person, now))
    connection.execute(
        "INSERT INTO familiar_addresses VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at",
        (person, address, expires_at),
    )
    connection.execute(
        """
        DELETE FROM familiar_addresses WHERE person = ?1 AND address IN (
            SELECT address FROM familiar_addresses WHERE person = ?1 ORDER BY expires_at DESC LIMIT -1 OFFSET ?2
        )
        """,
        (person, most),
    )


def _put_throttled(connection: sqlite3.Connection, person: ThrottledPerson) -> None:
    values = (person.guid, person.limit.value, person.realm, person.username, person.at, person.until)
    connection.execute("INSERT OR REPLACE INTO throttled_persons VALUES (?, ?, ?, ?, ?, ?)", values)
    connection.execute(
        """
        DELETE FROM throttled_persons WHERE (guid, limit_name) IN (
            SELECT guid, limit_name FROM throttled_persons ORDER BY at DESC LIMIT -1 OFFSET ?
        )
        """,
        (MOST_THROTTLED,),
    )
