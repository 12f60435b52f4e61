"""What other processes did to sessions, numbered, in SQLite: plain functions on a connection.

A notice is written in the transaction of what it tells, so that whoever dies right after it still has told. Numbers
follow the order of the commits without a hole: who has heard up to one knows whether anything was missed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

KEPT_SECONDS = 120.0
"""Who has not looked for so long has missed some and reads everything anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What was told since a number, by others, in order."""

    ended: tuple[str, ...]
    changed: tuple[str, ...]
    newest: int
    is_gap: bool


def insert_notices(
    connection: sqlite3.Connection, session_ids: Iterable[str], *, is_end: bool, told_by: str, now: float
) -> int:
    """The number of the last one."""
    for session_id in session_ids:
        connection.execute(
            "INSERT INTO notices (is_end, session_id, told_by, created_at) VALUES (?, ?, ?, ?)",
            (is_end, session_id, told_by, now),
        )
    return select_newest(connection)


def select_newest(connection: sqlite3.Connection) -> int:
    """The highest number that was ever given; pruned ones count."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'notices'").fetchone()
    return 0 if row is None else int(row[0])


def select_news(connection: sqlite3.Connection, heard: int, listener: str) -> News:
    """All after `heard`, but for what `listener` told itself."""
    connection.execute("BEGIN")
    newest = select_newest(connection)
    rows = []
    if newest != heard:
        rows = connection.execute(
            "SELECT is_end, session_id, told_by FROM notices WHERE number > ? ORDER BY number", (heard,)
        ).fetchall()
    connection.execute("COMMIT")
    return News(
        ended=tuple(session_id for is_end, session_id, told_by in rows if is_end and told_by != listener),
        changed=tuple(session_id for is_end, session_id, told_by in rows if not is_end and told_by != listener),
        newest=newest,
        # Fewer than were numbered: the oldest were pruned. A lower number than before: it is another file.
        is_gap=len(rows) != newest - heard,
    )


def delete_old(connection: sqlite3.Connection, now: float) -> None:
    """By the clock of whoever wrote them: this machine's."""
    connection.execute("DELETE FROM notices WHERE created_at <= ?", (now - KEPT_SECONDS,))
