"""App passwords and service tokens in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from proxy.sign_in.credentials import Credential
from proxy.store.records import credential_to_json, readable_credential
from proxy.store.sqlite.database import SQLiteDatabase

_BESIDE = ("credential_id", "guid", "digest", "made_at", "ends_at", "used_at")
"""Columns that are fields of a credential; the rest is its record."""
_SELECT = f"SELECT record, {', '.join(_BESIDE)} FROM credentials "  # noqa: S608  # constants


class SQLiteCredentials:
    """`CredentialStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def put_credential(self, credential: Credential, *, most: int) -> bool:
        return await self._database.writing.run(_insert, credential, most, durable=True)

    async def credential_by(self, digest: bytes) -> Credential | None:
        rows = await self._database.rows(_SELECT + "WHERE digest = ?", digest)
        return _credential(*rows[0]) if rows else None

    async def credentials(self, guid: str | None = None, *, now: float) -> tuple[Credential, ...]:
        whose, values = ("", ()) if guid is None else (" AND guid = ?", (guid,))
        rows = await self._database.rows(f"{_SELECT}WHERE ends_at > ?{whose} ORDER BY made_at, rowid", now, *values)
        return tuple(found for row in rows if (found := _credential(*row)) is not None)

    async def note_credential_use(self, credential_id: str, *, now: float) -> None:
        await self._database.change(
            "UPDATE credentials SET used_at = ?2 WHERE credential_id = ?1 AND coalesce(used_at, 0) < ?2",
            credential_id,
            now,
        )

    async def remove_credentials(self, ids: Collection[str]) -> int:
        return await self._database.change(
            f"DELETE FROM credentials WHERE credential_id IN ({', '.join('?' * len(ids))})",  # noqa: S608
            *ids,
            durable=True,
        )


def _insert(connection: sqlite3.Connection, credential: Credential, most: int) -> bool:
    counting = "SELECT count(*) FROM credentials WHERE guid = ? AND ends_at > ?"
    (count,) = connection.execute(counting, (credential.guid, credential.made_at)).fetchone()
    if count >= most:
        return False
    names = ", ".join(("record", *_BESIDE))
    connection.execute(
        f"INSERT INTO credentials ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # constants
        (credential_to_json(credential), *(getattr(credential, name) for name in _BESIDE)),
    )
    return True


def _credential(record: str, *values: object) -> Credential | None:
    return readable_credential(record, **dict(zip(_BESIDE, values, strict=True)))
