"""Remembered browsers in SQLite: each use of a value is judged and counted in one transaction."""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Collection

from proxy.factors.remembered.browser import RememberedBrowser
from proxy.factors.remembered.browser_store import CHANGE_SECONDS, UsedValue, ValueUse
from proxy.store.records import browser_to_json, readable_browser
from proxy.store.sqlite.database import SQLiteDatabase

_SELECT = "SELECT name, guid, used_at, record FROM remembered_browsers "


class SQLiteRememberedBrowsers:
    """`RememberedBrowserStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def put_browser(self, browser: RememberedBrowser, *, digest: bytes, most: int) -> None:
        await self._database.writing.run(_insert, browser, digest, most, durable=True)

    async def browser(self, name: str) -> RememberedBrowser | None:
        rows = await self._database.rows(_SELECT + "WHERE name = ?", name)
        return _browser(rows[0]) if rows else None

    async def browsers(self, guid: str) -> tuple[RememberedBrowser, ...]:
        rows = await self._database.rows(_SELECT + "WHERE guid = ? ORDER BY rowid", guid)
        return tuple(filter(None, map(_browser, rows)))

    async def turn_browser(self, name: str, *, digest: bytes, becomes: bytes, now: float) -> UsedValue:
        return await self._database.writing.run(_turn, name, digest, becomes, now, durable=True)

    async def forget_browsers(self, guid: str, names: Collection[str] | None = None) -> int:
        these = "" if names is None else f" AND name IN ({', '.join('?' * len(names))})"
        return await self._database.change(
            f"DELETE FROM remembered_browsers WHERE guid = ?{these}",  # noqa: S608  # question marks
            *(guid, *(names or ())),
            durable=True,
        )

    async def guids_with_browsers(self) -> Collection[str]:
        return [guid for (guid,) in await self._database.rows("SELECT DISTINCT guid FROM remembered_browsers")]


def _insert(connection: sqlite3.Connection, browser: RememberedBrowser, digest: bytes, most: int) -> None:
    connection.execute(
        "INSERT INTO remembered_browsers VALUES (?, ?, ?, x'', ?, ?, ?)",
        (browser.name, browser.guid, digest, browser.used_at, browser.expires_at, browser_to_json(browser)),
    )
    connection.execute(
        """
        DELETE FROM remembered_browsers WHERE name IN (
            SELECT name FROM remembered_browsers WHERE guid = ? ORDER BY rowid DESC LIMIT -1 OFFSET ?
        )
        """,
        (browser.guid, most),
    )


def _turn(connection: sqlite3.Connection, name: str, digest: bytes, becomes: bytes, now: float) -> UsedValue:
    row = connection.execute(
        "SELECT digest, former, used_at FROM remembered_browsers WHERE name = ?", (name,)
    ).fetchone()
    if row is None:
        return UsedValue(ValueUse.GONE)
    in_force, former, used_at = row
    is_in_force = hmac.compare_digest(in_force, digest)
    if now < used_at + CHANGE_SECONDS and (is_in_force or hmac.compare_digest(former, digest)):
        return UsedValue(ValueUse.STANDS, in_force)
    if is_in_force:
        connection.execute(
            "UPDATE remembered_browsers SET former = digest, digest = ?, used_at = ? WHERE name = ?",
            (becomes, now, name),
        )
        return UsedValue(ValueUse.TURNED, becomes)
    return UsedValue(ValueUse.STOLEN)


def _browser(row: tuple[str, str, float, str]) -> RememberedBrowser | None:
    name, guid, used_at, record = row
    return readable_browser(record, name=name, guid=guid, used_at=used_at)
