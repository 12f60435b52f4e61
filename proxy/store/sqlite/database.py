"""The two threads of one SQLite store: one writes, one reads."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from proxy.store.history import History, Report
from proxy.store.sqlite.threads import ReadingThread, SQLiteLimits, WritingThread

SQLValue = str | bytes | int | float | None

_TRIED_BYTES = 16_384
"""Written to test whether writing works: as many pages as a sign-in can fill."""


class SQLiteDatabase:
    """What the parts of a store share. Methods raise `StoreUnavailable`."""

    def __init__(self, path: Path, history: History, report: Report, limits: SQLiteLimits) -> None:
        self.writing = WritingThread(path, "store-writing", history, report, limits)
        self.reading = ReadingThread(path, "store-reading", history, report, limits)

    async def rows(self, statement: str, *values: SQLValue) -> list[Any]:
        """What one SELECT finds."""
        return await self.reading.run(_rows, statement, values)

    async def change(self, statement: str, *values: SQLValue, durable: bool = False) -> int:
        """Run one statement that writes; how many rows it concerned."""
        return await self.writing.run(_change, statement, values, durable=durable)

    async def take(self, statement: str, *values: SQLValue) -> list[Any]:
        """What one DELETE ... RETURNING has taken out, durably."""
        return await self.writing.run(_rows, statement, values, durable=True)

    async def ping(self) -> None:
        """Read, and write as much as a sign-in does."""
        await self.rows("SELECT 1 FROM sessions LIMIT 1")
        await self.writing.run(try_to_write, durable=True)

    async def close(self) -> None:
        await self.writing.close()
        await self.reading.close()


def try_to_write(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE store_file SET tried = randomblob(?)", (_TRIED_BYTES,))


def _rows(connection: sqlite3.Connection, statement: str, values: tuple[SQLValue, ...]) -> list[Any]:
    return connection.execute(statement, values).fetchall()


def _change(connection: sqlite3.Connection, statement: str, values: tuple[SQLValue, ...]) -> int:
    return connection.execute(statement, values).rowcount
