"""What the operator tells everybody, in SQLite."""

from __future__ import annotations

from proxy.operations.notice_board import OperatorNotice
from proxy.store.sqlite.database import SQLiteDatabase


class SQLiteOperatorNotices:
    """`OperatorNoticeStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def put_up(self, notice: OperatorNotice) -> None:
        values = (notice.text, notice.ends_at)
        await self._database.change("INSERT OR REPLACE INTO operator_notices VALUES (1, ?, ?)", *values, durable=True)

    async def notice(self) -> OperatorNotice | None:
        rows = await self._database.rows("SELECT text, ends_at FROM operator_notices")
        return OperatorNotice(text=rows[0][0], ends_at=rows[0][1]) if rows else None

    async def take_down(self) -> bool:
        return await self._database.change("DELETE FROM operator_notices", durable=True) > 0
