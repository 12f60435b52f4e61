"""What a file says about itself, and how that is written: plain functions on a connection."""

from __future__ import annotations

import sqlite3

from proxy.store.history import Facts, Marks


def read_facts(connection: sqlite3.Connection) -> Facts:
    store_id, made_at = connection.execute("SELECT store_id, made_at FROM store_file").fetchone()
    predecessors = connection.execute("SELECT store_id FROM predecessors").fetchall()
    return Facts(
        store_id=store_id,
        predecessors=frozenset(each for (each,) in predecessors),
        made_at=made_at,
        marks=read_marks(connection),
    )


def read_marks(connection: sqlite3.Connection) -> Marks:
    """Cheap enough for each group of jobs."""
    newest, all_ended_at, is_doubted = connection.execute(
        "SELECT (SELECT seq FROM sqlite_sequence WHERE name = 'notices'), all_ended_at, is_doubted FROM store_file"
    ).fetchone()
    return Marks(newest=newest or 0, all_ended_at=all_ended_at, is_doubted=bool(is_doubted))


def doubt_file(connection: sqlite3.Connection, *, unless_ended_after: float) -> None:
    """So that other processes do not use it either, even if they remember nothing.

    Where all sessions were ended after that instant, the doubt is out of date: nothing is left to be doubted.
    """
    connection.execute(
        "UPDATE store_file SET is_doubted = 1 WHERE is_doubted = 0 AND all_ended_at <= ?", (unless_ended_after,)
    )


def mark_all_ended(connection: sqlite3.Connection, now: float) -> None:
    """It holds no session, so it may be used, even if it is an older copy."""
    connection.execute("UPDATE store_file SET all_ended_at = max(?, all_ended_at + 0.001), is_doubted = 0", (now,))


def name_predecessors(connection: sqlite3.Connection, store_ids: set[str]) -> None:
    """Nothing may be taken over from these any more."""
    connection.executemany("INSERT OR IGNORE INTO predecessors VALUES (?)", [(each,) for each in sorted(store_ids)])
