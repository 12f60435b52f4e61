"""A million sessions, written straight into SQLite: through the store each would be a transaction's work."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from proxy.secrets.tokens import token_digest

SESSIONS_EACH = 10
"""Of one person."""


def multiply(path: Path, count: int, tokens: Sequence[str], host: str) -> None:
    """Copy the session of a browser that is stored at `path`, so that there are `count` more, with a cookie for `host`.

    The first of them get `tokens`, so that they can be looked up. For each `SESSIONS_EACH` there is one person.
    """
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        names = [name for _, name, *_ in connection.execute("PRAGMA table_info(sessions)")]
        session_id, guid = connection.execute("SELECT session_id, guid FROM sessions WHERE way = 'browser'").fetchone()
        copied = {name: name for name in names} | {
            "session_id": "printf('copy-%d', number)",
            "guid": "printf('copy-%d', number / :each)",
            "principal": "replace(principal, :guid, printf('copy-%d', number / :each))",
        }
        connection.execute(
            f"""
            WITH RECURSIVE numbers(number) AS
                (SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number + 1 < :count)
            INSERT INTO sessions ({", ".join(copied)}) SELECT {", ".join(copied.values())} FROM sessions, numbers
            WHERE session_id = :copied
            """,  # the names of columns
            {"count": count, "each": SESSIONS_EACH, "guid": guid, "copied": session_id},
        )
        connection.executemany(
            "INSERT INTO cookies VALUES (?, ?, printf('copy-%d', ?))",
            ((token_digest(token), host, number) for number, token in enumerate(tokens)),
        )
        connection.execute(
            """
            INSERT INTO cookies SELECT randomblob(32), ?, session_id FROM sessions
            WHERE session_id NOT IN (SELECT session_id FROM cookies)
            """,
            (host,),
        )
