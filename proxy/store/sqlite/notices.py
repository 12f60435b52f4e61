"""What other processes did to sessions, numbered, in SQLite: plain functions on a connection.

A notice is written in the transaction of its event, so it is told even if the process dies right after. Numbers follow
the order of the commits without a gap. So a process that has heard up to one number knows whether it missed anything.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

KEPT_SECONDS = 120.0
"""A process that has not looked for this long has missed some, and reads everything again."""


Kind = Literal["created", "changed", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What was told since a number, by others, in order."""

    ended: tuple[str, ...]
    changed: tuple[str, ...]
    newest: int
    is_gap: bool


def insert_notice(
    connection: sqlite3.Connection, kind: Kind, session_id: str, guid: str, *, told_by: str, now: float
) -> None:
    connection.execute(
        "INSERT INTO notices (kind, session_id, guid, told_by, created_at) VALUES (?, ?, ?, ?, ?)",
        (kind, session_id, guid, told_by, now),
    )


def select_newest(connection: sqlite3.Connection) -> int:
    """The highest number that was ever given; pruned ones count."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'notices'").fetchone()
    return 0 if row is None else int(row[0])


def select_news(connection: sqlite3.Connection, heard: int, listener: str) -> News:
    """All after `heard`, except what `listener` told itself."""
    connection.execute("BEGIN")
    newest = select_newest(connection)
    rows = []
    if newest != heard:
        rows = connection.execute(
            "SELECT kind, session_id, told_by FROM notices WHERE number > ? ORDER BY number", (heard,)
        ).fetchall()
    connection.execute("COMMIT")
    return News(
        ended=tuple(session_id for kind, session_id, told_by in rows if kind == "ended" and told_by != listener),
        changed=tuple(session_id for kind, session_id, told_by in rows if kind == "changed" and told_by != listener),
        newest=newest,
        # Fewer than were numbered: the oldest were pruned. A lower number than before: it is another file.
        is_gap=len(rows) != newest - heard,
    )


class PersonList:
    """Everybody who has a session, kept up to date by the notices. For one thread."""

    def __init__(self) -> None:
        self._known: dict[str, float] = {}
        self._heard: int | None = None
        self._connection: sqlite3.Connection | None = None
        """In another file, numbers say nothing about what was heard before."""

    def read(self, connection: sqlite3.Connection) -> dict[str, float]:
        """By GUID, when their newest session was created; the same object as before as long as nothing changed."""
        connection.execute("BEGIN")
        newest = select_newest(connection)
        if connection is not self._connection:
            self._connection, self._heard = connection, None
        if newest != self._heard:
            self._known = self._differing(connection, newest)
            self._heard = newest
        connection.execute("COMMIT")
        return self._known

    def _differing(self, connection: sqlite3.Connection, newest: int) -> dict[str, float]:
        heard = newest if self._heard is None else self._heard
        rows = connection.execute("SELECT kind, guid FROM notices WHERE number > ?", (heard,)).fetchall()
        if self._heard is None or len(rows) != newest - heard:
            return dict(connection.execute("SELECT guid, max(created_at) FROM sessions GROUP BY guid").fetchall())
        persons = dict(self._known)
        for guid in {guid for kind, guid in rows if kind != "changed"}:
            (created_at,) = connection.execute(
                "SELECT max(created_at) FROM sessions WHERE guid = ?", (guid,)
            ).fetchone()
            if created_at is None:
                persons.pop(guid, None)
            else:
                persons[guid] = created_at
        return persons


def delete_old(connection: sqlite3.Connection, now: float) -> None:
    """By the clock of the process that wrote them: this machine's."""
    connection.execute("DELETE FROM notices WHERE created_at <= ?", (now - KEPT_SECONDS,))
