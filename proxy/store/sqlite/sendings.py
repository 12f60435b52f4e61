"""What became of messages in SQLite: plain functions on a connection, each run within one transaction."""

from __future__ import annotations

import sqlite3

from proxy.delivery.sending import Sending
from proxy.store.records import readable_sending, sending_to_json


def replace_sending(connection: sqlite3.Connection, sending: Sending) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO sendings VALUES (?, ?, ?, ?, ?)",
        (
            sending.message_id,
            sending.challenge_id,
            sending.sent_at,
            sending.expires_at,
            sending_to_json(sending),
        ),
    )


def select_sending(connection: sqlite3.Connection, message_id: str, now: float) -> Sending | None:
    row = connection.execute(
        "SELECT record FROM sendings WHERE message_id = ? AND expires_at > ?", (message_id, now)
    ).fetchone()
    return None if row is None else readable_sending(row[0])


def select_sendings(connection: sqlite3.Connection, challenge_id: str, now: float) -> tuple[Sending, ...]:
    rows = connection.execute(
        "SELECT record FROM sendings WHERE challenge_id = ? AND expires_at > ? ORDER BY sent_at", (challenge_id, now)
    ).fetchall()
    return tuple(found for (record,) in rows if (found := readable_sending(record)) is not None)


def delete_expired(connection: sqlite3.Connection, now: float) -> int:
    return connection.execute("DELETE FROM sendings WHERE expires_at <= ?", (now,)).rowcount
