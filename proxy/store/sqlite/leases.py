"""Leases in SQLite: plain functions on a connection, each run within one transaction."""

from __future__ import annotations

import sqlite3


def take_lease(connection: sqlite3.Connection, name: str, holder: str, now: float, seconds: float) -> bool:
    """Nobody holds a lease longer than `seconds`: an end beyond that was written before the clock was set back."""
    taken = connection.execute(
        """
        INSERT INTO leases VALUES (?1, ?2, ?3 + ?4) ON CONFLICT (name) DO UPDATE
        SET holder = excluded.holder, ends_at = excluded.ends_at
        WHERE holder = ?2 OR ends_at <= ?3 OR ends_at > ?3 + ?4
        """,
        (name, holder, now, seconds),
    )
    return taken.rowcount > 0


def drop_lease(connection: sqlite3.Connection, name: str, holder: str) -> None:
    connection.execute("DELETE FROM leases WHERE name = ? AND holder = ?", (name, holder))


def count_flush(connection: sqlite3.Connection, worker: str) -> dict[str, int]:
    """Everybody's counts, after this worker's was raised."""
    connection.execute(
        "INSERT INTO flushes VALUES (?, 1) ON CONFLICT (worker) DO UPDATE SET count = count + 1", (worker,)
    )
    return dict(connection.execute("SELECT worker, count FROM flushes").fetchall())
