"""What is known of the canaries, in SQLite."""

from __future__ import annotations

from proxy.canary.canary_message import CanaryRecord
from proxy.store.canary_records import canary_from_json, canary_to_json
from proxy.store.sqlite.database import SQLiteDatabase


class SQLiteCanaries:
    """`CanaryStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def canary(self, name: str) -> CanaryRecord:
        rows = await self._database.rows("SELECT version, record FROM canaries WHERE name = ?", name)
        return canary_from_json(name, *rows[0]) if rows else CanaryRecord(name=name)

    async def put_canary(self, record: CanaryRecord) -> bool:
        put = """
            INSERT INTO canaries VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE
            SET version = excluded.version, record = excluded.record WHERE version = excluded.version - 1
            """
        values = (record.name, record.version, canary_to_json(record))
        return await self._database.change(put, *values) > 0
