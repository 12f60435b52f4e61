"""The keys of persons in SQLite, where one that was destroyed is gone from the files.

A row is overwritten with zeros, in its place, and used again for another key later; no row is ever deleted. SQLite
moves rows from page to page when it deletes some and leaves their bytes behind, even with ``secure_delete``. Rows that
are only appended and overwritten by others of the same size stay where they are. What the indexes hold is made new,
with the old pages zeroed, and the log is emptied.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from proxy.audit.person_keys import WRAPPED_BYTES, PersonKey
from proxy.operations.store_errors import StoreUnavailable
from proxy.store.sqlite.database import SQLiteDatabase
from proxy.store.sqlite.schema import FREE

_SELECT = "SELECT key_id, owner, month, wrapped FROM person_keys "
_NOTHING = (bytes(32).hex()[:32], bytes(32), FREE, bytes(WRAPPED_BYTES))


class SQLitePersonKeys:
    """`PersonKeyStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def keep_person_key(self, key: PersonKey) -> PersonKey:
        return await self._database.writing.run(_keep, key, durable=True)

    async def person_keys_by_id(self, key_ids: Sequence[str]) -> tuple[PersonKey, ...]:
        asked = "key_id IN (SELECT value FROM json_each(?))"
        rows = await self._database.rows(f"{_SELECT} WHERE month != '{FREE}' AND {asked}", json.dumps(key_ids))
        return tuple(map(_key, rows))

    async def person_keys(self, owner: bytes | None = None, month: str | None = None) -> tuple[PersonKey, ...]:
        where, values = _where(owner, month)
        return tuple(map(_key, await self._database.rows(_SELECT + where, *values)))

    async def key_months(self) -> tuple[str, ...]:
        rows = await self._database.rows(
            f"SELECT DISTINCT month FROM person_keys WHERE month != '{FREE}' ORDER BY month"  # noqa: S608
        )
        return tuple(month for (month,) in rows)

    async def erase_person_keys(self, *, owner: bytes | None = None, month: str | None = None) -> int:
        if owner is None and month is None:
            raise ValueError("whose, or of which month?")
        where, values = _where(owner, month)
        erased = await self._database.writing.run(_erase, where, values, durable=True)
        # Even where there was nothing: an erasure before may have ended before this.
        await self._database.reading.run(_empty_log)
        return erased

    async def rewrap_person_key(self, key_id: str, *, was: bytes, wrapped: bytes) -> bool:
        changed = await self._database.change(
            f"UPDATE person_keys SET wrapped = ? WHERE month != '{FREE}' AND key_id = ? AND wrapped = ?",  # noqa: S608
            *(wrapped, key_id, was),
            durable=True,
        )
        return changed > 0


def _where(owner: bytes | None, month: str | None) -> tuple[str, tuple[Any, ...]]:
    """Of rows that hold a key."""
    given = {"owner": owner, "month": month}
    asked = {column: value for column, value in given.items() if value is not None}
    parts = (f"month != '{FREE}'", *(f"{column} = ?" for column in asked))
    return f"WHERE {' AND '.join(parts)}", tuple(asked.values())


def _keep(connection: sqlite3.Connection, key: PersonKey) -> PersonKey:
    where, asked = _where(key.owner, key.month)
    found = connection.execute(_SELECT + where, asked).fetchone()
    if found is not None:
        return _key(found)
    values = (key.key_id, key.owner, key.month, key.wrapped)
    free = connection.execute("SELECT place FROM person_keys WHERE month = ? LIMIT 1", (FREE,)).fetchone()
    if free is None:
        connection.execute("INSERT INTO person_keys (key_id, owner, month, wrapped) VALUES (?, ?, ?, ?)", values)
    else:
        connection.execute(
            "UPDATE person_keys SET key_id = ?, owner = ?, month = ?, wrapped = ? WHERE place = ?", (*values, *free)
        )
    return key


def _erase(connection: sqlite3.Connection, where: str, values: tuple[Any, ...]) -> int:
    (before,) = connection.execute("PRAGMA secure_delete").fetchone()
    connection.execute("PRAGMA secure_delete = ON")
    try:
        erased = connection.execute(
            f"UPDATE person_keys SET key_id = ?, owner = ?, month = ?, wrapped = ? {where}",  # noqa: S608
            (*_NOTHING, *values),
        ).rowcount
        if erased:
            connection.execute("REINDEX person_keys")
    finally:
        connection.execute(f"PRAGMA secure_delete = {before}")
    return erased


def _empty_log(connection: sqlite3.Connection) -> None:
    """Write everything in the log to the database, and cut the log off. Waits for whoever reads."""
    is_busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy:
        raise StoreUnavailable(
            "the keys are destroyed, but others use the store's log: erase them again, until this ends"
        )


def _key(row: tuple[Any, ...]) -> PersonKey:
    key_id, owner, month, wrapped = row
    return PersonKey(key_id=key_id, owner=owner, month=month, wrapped=wrapped)
