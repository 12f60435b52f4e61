"""The rungs of `[[degrade]]` that somebody put in force, in SQLite."""

from __future__ import annotations

from proxy.degrade.rung import BegunRung
from proxy.store.record_fields import json_or_nothing, value_of
from proxy.store.sqlite.database import SQLiteDatabase


class SQLiteRungs:
    """`DegradeStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def put_rung(self, rung: BegunRung, *, seen: BegunRung | None) -> bool:
        statement = "UPDATE rungs SET record = ?2 WHERE name = ?1 AND record = ?3"
        if seen is None:
            statement = "INSERT OR IGNORE INTO rungs SELECT ?1, ?2 WHERE ?3 = ''"
        values = (rung.name, json_or_nothing(rung), json_or_nothing(seen))
        return await self._database.change(statement, *values, durable=True) > 0

    async def rungs(self) -> tuple[BegunRung, ...]:
        rows = await self._database.rows("SELECT record FROM rungs")
        found = (value_of(BegunRung, record) for (record,) in rows)
        return tuple(sorted(found, key=lambda each: (each.begun_at, each.name)))
