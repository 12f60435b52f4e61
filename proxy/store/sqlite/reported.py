"""Sign-ins that their persons say were not theirs, in SQLite."""

from __future__ import annotations

from proxy.sign_in.not_me import ReportedSignIn
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
