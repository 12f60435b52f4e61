"""What was decided, and which configurations were rehearsed, in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Sequence

from proxy.rehearsal.decisions import SealedDecision
from proxy.store.sqlite.database import SQLiteDatabase

_AT_ONCE = 1000


class SQLiteDecisions:
    """`DecisionStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def put_decisions(self, decisions: Sequence[SealedDecision], *, forgotten_at: float) -> None:
        await self._database.writing.run(_insert, list(decisions), forgotten_at)

    async def decisions(self, days: Sequence[str]) -> AsyncIterator[Sequence[SealedDecision]]:
        after = b""
        while True:
            rows = await self._database.rows(
                "SELECT name, day, key_id, sealed FROM decisions "
                "WHERE name > ? AND day IN (SELECT value FROM json_each(?)) ORDER BY name LIMIT ?",
                *(after, json.dumps(list(days)), _AT_ONCE),
            )
            if not rows:
                return
            after = rows[-1][0]
            yield [SealedDecision(name=row[0], day=row[1], key_id=row[2], sealed=row[3]) for row in rows]

    async def put_rehearsed(self, digest: bytes, *, forgotten_at: float) -> None:
        await self._database.change(
            "INSERT OR REPLACE INTO rehearsed VALUES (?, ?)", digest, forgotten_at, durable=True
        )

    async def was_rehearsed(self, digest: bytes, *, now: float) -> bool:
        rows = await self._database.rows("SELECT 1 FROM rehearsed WHERE digest = ? AND forgotten_at > ?", digest, now)
        return bool(rows)


def _insert(connection: sqlite3.Connection, decisions: Sequence[SealedDecision], forgotten_at: float) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO decisions VALUES (?, ?, ?, ?, ?)",
        [(each.name, each.day, each.key_id, each.sealed, forgotten_at) for each in decisions],
    )
