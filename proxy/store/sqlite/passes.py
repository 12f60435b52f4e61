"""Passes in SQLite, and what managers are asked for."""

from __future__ import annotations

import sqlite3
from typing import Any

from proxy.factors.passes.given_pass import Approver, GivenPass
from proxy.factors.passes.vouch import VouchAnswer, VouchRequest
from proxy.store.records import approver_to_json, pass_to_json, readable_pass, readable_vouch, vouch_to_json
from proxy.store.sqlite.database import SQLiteDatabase


class SQLitePasses:
    """`PassStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def put_pass(self, given: GivenPass) -> bool:
        return await self._database.writing.run(_insert, given, durable=True)

    async def passes(self, guid: str | None = None, *, now: float) -> tuple[GivenPass, ...]:
        whose, values = ("", ()) if guid is None else (" AND guid = ?", (guid,))
        rows: list[tuple[Any, ...]] = await self._database.rows(
            f"SELECT record, digest, confirmed FROM passes WHERE ends_at > ?{whose} ORDER BY given_at",  # noqa: S608
            *(now, *values),
        )
        return tuple(found for row in rows if (found := readable_pass(*row)) is not None)

    async def confirm_pass(self, pass_id: str, by: Approver, *, now: float) -> bool:
        confirmed = await self._database.change(
            "UPDATE passes SET confirmed = ? WHERE pass_id = ? AND confirmed = '' AND ends_at > ?",
            *(approver_to_json(by), pass_id, now),
            durable=True,
        )
        return confirmed > 0

    async def end_pass(self, pass_id: str) -> bool:
        return await self._database.change("DELETE FROM passes WHERE pass_id = ?", pass_id, durable=True) > 0

    async def put_vouch(self, request: VouchRequest) -> None:
        values = (request.guid, request.vouch_id, request.asked_at, request.expires_at, vouch_to_json(request))
        await self._database.change("INSERT OR REPLACE INTO vouches VALUES (?, ?, ?, ?, ?, '')", *values, durable=True)

    async def vouches(self, guid: str | None = None, *, now: float) -> tuple[VouchRequest, ...]:
        whose, values = ("", ()) if guid is None else (" AND guid = ?", (guid,))
        rows: list[tuple[Any, ...]] = await self._database.rows(
            f"SELECT record, answer FROM vouches WHERE expires_at > ?{whose} ORDER BY asked_at",  # noqa: S608
            *(now, *values),
        )
        return tuple(found for row in rows if (found := readable_vouch(*row)) is not None)

    async def answer_vouch(self, guid: str, vouch_id: str, answer: VouchAnswer, *, now: float) -> bool:
        answered = await self._database.change(
            "UPDATE vouches SET answer = ? WHERE guid = ? AND vouch_id = ? AND answer = '' AND expires_at > ?",
            *(answer.value, guid, vouch_id, now),
            durable=True,
        )
        return answered > 0


def _insert(connection: sqlite3.Connection, given: GivenPass) -> bool:
    if connection.execute(
        "SELECT 1 FROM passes WHERE guid = ? AND ends_at > ?", (given.guid, given.given_at)
    ).fetchone():
        return False
    connection.execute(
        "INSERT INTO passes VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            given.pass_id,
            given.guid,
            given.given_at,
            given.ends_at,
            given.digest,
            pass_to_json(given),
            approver_to_json(given.confirmed_by),
        ),
    )
    return True
