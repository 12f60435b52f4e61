"""Enrolments in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

from config.factors import Factor
from proxy.factors.enrolment import Enrolment
from proxy.store.sqlite.database import SQLiteDatabase

_COLUMNS = (*("enrolment_id", "guid", "realm", "factor", "name", "made_at", "used_at", "sealed", "counter", "lookup"),)
"""Of the table, and fields of an enrolment."""
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM enrolments "  # noqa: S608  # constants


class SQLiteEnrolments:
    """`EnrolmentStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def put_enrolments(
        self,
        enrolments: Sequence[Enrolment],
        *,
        in_place_of: Factor | None = None,
        seen: Collection[str] | None = None,
    ) -> bool:
        return await self._database.writing.run(_insert, enrolments, in_place_of, seen, durable=True)

    async def enrolments(self, guid: str) -> tuple[Enrolment, ...]:
        rows = await self._database.rows(_SELECT + "WHERE guid = ? ORDER BY made_at, rowid", guid)
        return tuple(filter(None, map(_enrolment, rows)))

    async def enrolment_by(self, lookup: bytes) -> Enrolment | None:
        rows = await self._database.rows(_SELECT + "WHERE lookup = ? AND lookup != x''", lookup)
        return _enrolment(rows[0]) if rows else None

    async def use_enrolment(self, enrolment_id: str, *, counter: int, now: float) -> bool:
        used = await self._database.change(
            "UPDATE enrolments SET counter = ?2, used_at = ?3 "
            "WHERE enrolment_id = ?1 AND (counter < ?2 OR (counter = 0 AND ?2 = 0))",
            *(enrolment_id, counter, now),
            durable=True,
        )
        return used > 0

    async def rename_enrolment(self, guid: str, enrolment_id: str, name: str) -> bool:
        renamed = await self._database.change(
            "UPDATE enrolments SET name = ? WHERE guid = ? AND enrolment_id = ?", name, guid, enrolment_id
        )
        return renamed > 0

    async def remove_enrolments(self, guid: str, ids: Collection[str] | None = None) -> int:
        these = "" if ids is None else f" AND enrolment_id IN ({', '.join('?' * len(ids))})"
        return await self._database.change(
            f"DELETE FROM enrolments WHERE guid = ?{these}",  # noqa: S608  # question marks
            *(guid, *(ids or ())),
            durable=True,
        )

    async def reseal_enrolment(self, enrolment_id: str, *, was: bytes, sealed: bytes) -> bool:
        changed = await self._database.change(
            "UPDATE enrolments SET sealed = ? WHERE enrolment_id = ? AND sealed = ?",
            *(sealed, enrolment_id, was),
            durable=True,
        )
        return changed > 0

    async def guids_with_enrolments(self) -> Collection[str]:
        return [guid for (guid,) in await self._database.rows("SELECT DISTINCT guid FROM enrolments")]


def _insert(
    connection: sqlite3.Connection,
    enrolments: Sequence[Enrolment],
    in_place_of: Factor | None,
    seen: Collection[str] | None,
) -> bool:
    these = (enrolments[0].guid, enrolments[0].realm)
    if seen is not None:
        there = connection.execute(
            "SELECT enrolment_id FROM enrolments WHERE guid = ? AND realm = ? AND factor = ?",
            (*these, enrolments[0].factor.value),
        )
        if {enrolment_id for (enrolment_id,) in there} != set(seen):
            return False
    lookups = [each.lookup for each in enrolments if each.lookup]
    replaced = (*these, in_place_of.value if in_place_of is not None else "")
    for lookup in lookups:
        if connection.execute(
            "SELECT 1 FROM enrolments WHERE lookup = ? AND NOT (guid = ? AND realm = ? AND factor = ?)",
            (lookup, *replaced),
        ).fetchone():
            return False
    connection.execute("DELETE FROM enrolments WHERE guid = ? AND realm = ? AND factor = ?", replaced)
    connection.executemany(
        f"INSERT INTO enrolments ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})",  # noqa: S608
        [
            tuple(each.factor.value if name == "factor" else getattr(each, name) for name in _COLUMNS)
            for each in enrolments
        ],
    )
    return True


def _enrolment(row: tuple[Any, ...]) -> Enrolment | None:
    """None for one of a factor that this version does not know: it proves nothing here, and stays."""
    fields = dict(zip(_COLUMNS, row, strict=True))
    try:
        return Enrolment(**{**fields, "factor": Factor(fields["factor"])})
    except ValueError:
        return None
