"""Who has a session, kept up to date by what is told of sessions, in SQLite."""

from __future__ import annotations

import sqlite3

from proxy.store.sqlite.news import select_newest


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
            # Row by row: there may be hundreds of thousands.
            return dict(connection.execute("SELECT guid, max(created_at) FROM sessions GROUP BY guid"))
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
