"""Failed deliveries in SQLite: plain functions on a connection, each run within one transaction."""

from __future__ import annotations

import sqlite3

from proxy.delivery.failures import MOST_REMEMBERED, REMEMBERED_SECONDS, DeliveryFailure
from proxy.store.records import failure_to_json, readable_failure


def insert_failure(connection: sqlite3.Connection, failure: DeliveryFailure) -> None:
    delete_old(connection, failure.failed_at)
    connection.execute(
        "INSERT OR REPLACE INTO delivery_failures VALUES (?, ?, ?)",
        (failure.message_id, failure.failed_at, failure_to_json(failure)),
    )
    connection.execute(
        """
        DELETE FROM delivery_failures WHERE message_id IN (
            SELECT message_id FROM delivery_failures ORDER BY failed_at DESC LIMIT -1 OFFSET ?
        )
        """,
        (MOST_REMEMBERED,),
    )


def select_failures(connection: sqlite3.Connection, since: float) -> tuple[DeliveryFailure, ...]:
    rows = connection.execute(
        "SELECT record FROM delivery_failures WHERE failed_at > ? ORDER BY failed_at DESC", (since,)
    ).fetchall()
    found = (readable_failure(record) for (record,) in rows)
    return tuple(each for each in found if each is not None)


def delete_old(connection: sqlite3.Connection, now: float) -> None:
    connection.execute("DELETE FROM delivery_failures WHERE failed_at <= ?", (now - REMEMBERED_SECONDS,))
