"""Known numbers in SQLite. When one was first seen is kept as a counter, whose window says since when."""

from __future__ import annotations

from proxy.factors.passcode.known_numbers import REMEMBERED_SECONDS, KnownNumber
from proxy.store.sqlite.counters import SQLiteCounters
from proxy.store.sqlite.database import SQLiteDatabase


class SQLiteNumbers:
    """`NumberStore`."""

    def __init__(self, database: SQLiteDatabase, counters: SQLiteCounters) -> None:
        self._database = database
        self._counters = counters

    async def put_known_number(self, guid: str, known: KnownNumber) -> None:
        await self._database.change(
            "INSERT OR REPLACE INTO known_numbers VALUES (?, ?, ?, ?)",
            *(guid, known.digest, known.sealed, known.used_at),
            durable=True,
        )

    async def known_number(self, guid: str) -> KnownNumber | None:
        rows = await self._database.rows("SELECT digest, sealed, used_at FROM known_numbers WHERE guid = ?", guid)
        return KnownNumber(digest=rows[0][0], sealed=rows[0][1], used_at=rows[0][2]) if rows else None

    async def first_seen(self, digest: bytes, *, now: float, see: bool) -> float | None:
        found = await self._counters.read(digest, now=now)
        if found is None and see:
            found = await self._counters.add(digest, now=now, window_seconds=REMEMBERED_SECONDS)
        return None if found is None else found.window_ends_at - REMEMBERED_SECONDS

    async def remove_expired(self, *, now: float) -> int:
        return await self._database.change("DELETE FROM known_numbers WHERE used_at <= ?", now - REMEMBERED_SECONDS)
