"""Leases in SQLite."""

from __future__ import annotations

from proxy.store.sqlite.database import SQLiteDatabase


class SQLiteLeases:
    """`LeaseStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def take_lease(self, name: str, holder: str, *, now: float, seconds: float) -> bool:
        """Nobody holds a lease longer than `seconds`: a later end was written before the clock was set back."""
        taken = await self._database.change(
            """
            INSERT INTO leases VALUES (?1, ?2, ?3 + ?4) ON CONFLICT (name) DO UPDATE
            SET holder = excluded.holder, ends_at = excluded.ends_at
            WHERE holder = ?2 OR ends_at <= ?3 OR ends_at > ?3 + ?4
            """,
            *(name, holder, now, seconds),
        )
        return taken > 0

    async def drop_lease(self, name: str, holder: str) -> None:
        await self._database.change("DELETE FROM leases WHERE name = ? AND holder = ?", name, holder)
