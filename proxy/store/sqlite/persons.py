"""What SQLite keeps of persons between sign-ins: plain functions on a connection, each run within one transaction."""

from __future__ import annotations

import sqlite3

from proxy.factors.passcode.known_numbers import REMEMBERED_SECONDS, KnownNumber


def insert_familiar(
    connection: sqlite3.Connection, person: bytes, address: bytes, now: float, expires_at: float, most: int
) -> None:
    connection.execute("DELETE FROM familiar_addresses WHERE person = ? AND expires_at <= ?", (person, now))
    connection.execute(
        "INSERT INTO familiar_addresses VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at",
        (person, address, expires_at),
    )
    connection.execute(
        """
        DELETE FROM familiar_addresses WHERE person = ?1 AND address IN (
            SELECT address FROM familiar_addresses WHERE person = ?1 ORDER BY expires_at DESC LIMIT -1 OFFSET ?2
        )
        """,
        (person, most),
    )


def select_familiar(connection: sqlite3.Connection, person: bytes, address: bytes, now: float) -> bool:
    found = connection.execute(
        "SELECT 1 FROM familiar_addresses WHERE person = ? AND address = ? AND expires_at > ?", (person, address, now)
    ).fetchone()
    return found is not None


def replace_known_number(connection: sqlite3.Connection, guid: str, known: KnownNumber) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO known_numbers VALUES (?, ?, ?, ?)", (guid, known.digest, known.sealed, known.used_at)
    )


def select_known_number(connection: sqlite3.Connection, guid: str) -> KnownNumber | None:
    row = connection.execute("SELECT digest, sealed, used_at FROM known_numbers WHERE guid = ?", (guid,)).fetchone()
    return None if row is None else KnownNumber(digest=row[0], sealed=row[1], used_at=row[2])


def delete_expired(connection: sqlite3.Connection, now: float) -> int:
    """Addresses whose time is over, and numbers that were not used for so long; how many."""
    return (
        connection.execute("DELETE FROM familiar_addresses WHERE expires_at <= ?", (now,)).rowcount
        + connection.execute("DELETE FROM known_numbers WHERE used_at <= ?", (now - REMEMBERED_SECONDS,)).rowcount
    )
