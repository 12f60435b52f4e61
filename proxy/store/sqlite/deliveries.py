"""What became of messages, in SQLite."""

from __future__ import annotations

import sqlite3

from proxy.delivery.failures import MOST_REMEMBERED, REMEMBERED_SECONDS, DeliveryFailure
from proxy.delivery.sending import Sending
from proxy.store.records import failure_to_json, readable_failure, readable_sending, sending_to_json
from proxy.store.sqlite.database import SQLiteDatabase

_DELETE_OLD_FAILURES = "DELETE FROM delivery_failures WHERE failed_at <= ?"


class SQLiteDeliveries:
    """`DeliveryStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def put_sending(self, sending: Sending) -> None:
        await self._database.change(
            "INSERT OR REPLACE INTO sendings VALUES (?, ?, ?, ?, ?)",
            *(sending.message_id, sending.challenge_id, sending.sent_at, sending.expires_at, sending_to_json(sending)),
        )

    async def sending(self, message_id: str, *, now: float) -> Sending | None:
        rows = await self._database.rows(
            "SELECT record FROM sendings WHERE message_id = ? AND expires_at > ?", message_id, now
        )
        return readable_sending(rows[0][0]) if rows else None

    async def sendings_of(self, challenge_id: str, *, now: float) -> tuple[Sending, ...]:
        rows = await self._database.rows(
            "SELECT record FROM sendings WHERE challenge_id = ? AND expires_at > ? ORDER BY sent_at", challenge_id, now
        )
        return tuple(found for (record,) in rows if (found := readable_sending(record)) is not None)

    async def put_failure(self, failure: DeliveryFailure) -> None:
        await self._database.writing.run(_insert_failure, failure, durable=True)

    async def failures(self, *, since: float) -> tuple[DeliveryFailure, ...]:
        rows = await self._database.rows(
            "SELECT record FROM delivery_failures WHERE failed_at > ? ORDER BY failed_at DESC", since
        )
        return tuple(found for (record,) in rows if (found := readable_failure(record)) is not None)

    async def remove_expired(self, *, now: float) -> int:
        """How many messages; failures are removed beside them."""
        await self._database.change(_DELETE_OLD_FAILURES, now - REMEMBERED_SECONDS)
        return await self._database.change("DELETE FROM sendings WHERE expires_at <= ?", now)


def _insert_failure(connection: sqlite3.Connection, failure: DeliveryFailure) -> None:
    connection.execute(_DELETE_OLD_FAILURES, (failure.failed_at - REMEMBERED_SECONDS,))
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
