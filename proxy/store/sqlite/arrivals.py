"""How long passcodes took, in SQLite."""

from __future__ import annotations

import sqlite3

from proxy.factors.passcode.arrival_times import KEPT_SECONDS, MOST_KEPT, PasscodeArrival
from proxy.store.sqlite.database import SQLiteDatabase


class SQLiteArrivals:
    """`ArrivalStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def put_arrival(self, channel: str, arrival: PasscodeArrival) -> None:
        await self._database.writing.run(_insert, channel, arrival)

    async def arrivals(self, channel: str) -> tuple[PasscodeArrival, ...]:
        rows = await self._database.rows("SELECT at, seconds FROM arrivals WHERE channel = ?", channel)
        return tuple(PasscodeArrival(at, seconds) for at, seconds in rows)

    async def remove_expired(self, *, now: float) -> int:
        return await self._database.change(
            """
            DELETE FROM arrivals WHERE channel IN (
                SELECT channel FROM arrivals GROUP BY channel HAVING max(at) <= ?
            )
            """,
            now - KEPT_SECONDS,
        )


def _insert(connection: sqlite3.Connection, channel: str, arrival: PasscodeArrival) -> None:
    connection.execute(
        "INSERT INTO arrivals (channel, at, seconds) VALUES (?, ?, ?)", (channel, arrival.at, arrival.seconds)
    )
    connection.execute(
        """
        DELETE FROM arrivals WHERE number IN (
            SELECT number FROM arrivals WHERE channel = ? ORDER BY number DESC LIMIT -1 OFFSET ?
        )
        """,
        (channel, MOST_KEPT),
    )
