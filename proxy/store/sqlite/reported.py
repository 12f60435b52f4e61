"""Sign-ins and numbers that their persons say are not theirs, and counts of sweeps, in SQLite."""

from __future__ import annotations

from proxy.help_desk.number_sweeps import SweepCount
from proxy.sign_in.not_me import ReportedSignIn
from proxy.sign_in.reported_numbers import ReportedNumber
from proxy.store.sqlite.database import SQLiteDatabase


class SQLiteReportedSignIns:
    """`ReportedSignInStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def put_reported(self, reported: ReportedSignIn) -> None:
        values = (reported.guid, reported.realm, reported.username, reported.at)
        await self._database.change(
            "INSERT OR REPLACE INTO reported_sign_ins VALUES (?, ?, ?, ?)", *values, durable=True
        )

    async def reported(self) -> tuple[ReportedSignIn, ...]:
        rows = await self._database.rows("SELECT guid, realm, username, at FROM reported_sign_ins ORDER BY at DESC")
        return tuple(ReportedSignIn(guid=guid, realm=realm, username=name, at=at) for guid, realm, name, at in rows)

    async def settle_reported(self, guid: str) -> bool:
        return await self._database.change("DELETE FROM reported_sign_ins WHERE guid = ?", guid, durable=True) > 0


class SQLiteReportedNumbers:
    """`ReportedNumberStore` and `SweepCountStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def put_reported_number(self, reported: ReportedNumber) -> bool:
        names = (reported.guid, reported.realm, reported.username)
        values = (*names, reported.number, reported.masked, reported.changed_at, reported.at)
        put = """
            INSERT INTO reported_numbers VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (guid) DO UPDATE
            SET realm = excluded.realm, username = excluded.username, number = excluded.number,
            masked = excluded.masked, changed_at = excluded.changed_at, at = excluded.at
            WHERE number != excluded.number
            """
        return await self._database.change(put, *values, durable=True) > 0

    async def reported_numbers(self) -> tuple[ReportedNumber, ...]:
        rows = await self._database.rows(
            "SELECT guid, realm, username, number, masked, changed_at, at FROM reported_numbers ORDER BY at DESC"
        )
        names = ("guid", "realm", "username", "number", "masked", "changed_at", "at")
        return tuple(ReportedNumber(**dict(zip(names, row, strict=True))) for row in rows)

    async def drop_reported_number(self, guid: str, number: bytes) -> bool:
        drop = "DELETE FROM reported_numbers WHERE guid = ? AND number = ?"
        return await self._database.change(drop, guid, number, durable=True) > 0

    async def put_sweep(self, sweep: SweepCount, *, most: int) -> None:
        values = (sweep.made_at, sweep.persons, sweep.unusable)
        await self._database.change("INSERT OR REPLACE INTO sweeps VALUES (?, ?, ?)", *values)
        await self._database.change(
            "DELETE FROM sweeps WHERE made_at NOT IN (SELECT made_at FROM sweeps ORDER BY made_at DESC LIMIT ?)", most
        )

    async def sweeps(self) -> tuple[SweepCount, ...]:
        rows = await self._database.rows("SELECT made_at, persons, unusable FROM sweeps ORDER BY made_at")
        return tuple(SweepCount(made_at=at, persons=persons, unusable=unusable) for at, persons, unusable in rows)
