"""Requests that met an ended session, in SQLite: sealed by their callers."""

from __future__ import annotations

from proxy.store.sqlite.database import SQLiteDatabase


class SQLiteKeptRequests:
    """`KeptRequestStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def put_kept_request(self, digest: bytes, sealed: bytes, *, expires_at: float) -> None:
        await self._database.change("INSERT INTO kept_requests VALUES (?, ?, ?)", digest, sealed, expires_at)

    async def kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        rows: list[tuple[bytes]] = await self._database.rows(
            "SELECT sealed FROM kept_requests WHERE digest = ? AND expires_at > ?", digest, now
        )
        return rows[0][0] if rows else None

    async def take_kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        rows: list[tuple[bytes, float]] = await self._database.take(
            "DELETE FROM kept_requests WHERE digest = ? RETURNING sealed, expires_at", digest
        )
        return rows[0][0] if rows and now < rows[0][1] else None

    async def remove_expired(self, *, now: float) -> int:
        return await self._database.change("DELETE FROM kept_requests WHERE expires_at <= ?", now)
