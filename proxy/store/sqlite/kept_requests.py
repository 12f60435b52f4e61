"""Requests that met an ended session, and whose such sessions were, in SQLite: plain functions on a connection."""

from __future__ import annotations

import sqlite3

from proxy.sessions.session_store import FORMER_SECONDS


def insert_kept_request(connection: sqlite3.Connection, digest: bytes, sealed: bytes, expires_at: float) -> None:
    connection.execute("INSERT INTO kept_requests VALUES (?, ?, ?)", (digest, sealed, expires_at))


def select_kept_request(connection: sqlite3.Connection, digest: bytes, now: float) -> bytes | None:
    rows: list[tuple[bytes]] = connection.execute(
        "SELECT sealed FROM kept_requests WHERE digest = ? AND expires_at > ?", (digest, now)
    ).fetchall()
    return rows[0][0] if rows else None


def delete_kept_request(connection: sqlite3.Connection, digest: bytes, now: float) -> bytes | None:
    rows: list[tuple[bytes, float]] = connection.execute(
        "DELETE FROM kept_requests WHERE digest = ? RETURNING sealed, expires_at", (digest,)
    ).fetchall()
    return rows[0][0] if rows and rows[0][1] > now else None


def remember_owner(connection: sqlite3.Connection, session_id: str, now: float) -> None:
    """To be called before the session is deleted."""
    connection.execute(
        """
        INSERT OR REPLACE INTO former_cookies
        SELECT cookie, host, guid, ? FROM cookies JOIN sessions USING (session_id) WHERE session_id = ?
        """,
        (now + FORMER_SECONDS, session_id),
    )


def select_former_owner(connection: sqlite3.Connection, cookie: bytes, host: str, now: float) -> str | None:
    row = connection.execute(
        "SELECT guid FROM former_cookies WHERE cookie = ? AND host = ? AND expires_at > ?", (cookie, host, now)
    ).fetchone()
    return None if row is None else str(row[0])


def delete_expired(connection: sqlite3.Connection, now: float) -> int:
    """Requests whose time is over, and former owners; how many requests."""
    connection.execute("DELETE FROM former_cookies WHERE expires_at <= ?", (now,))
    return connection.execute("DELETE FROM kept_requests WHERE expires_at <= ?", (now,)).rowcount
