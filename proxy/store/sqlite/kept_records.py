"""Tickets, kept requests, known numbers, arrivals, messages and leases in SQLite, each in a table of its own."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from proxy.delivery.delivery_store import MOST_LISTED, MOST_REMEMBERED, DeliveryFailure, Sending
from proxy.delivery.delivery_store import REMEMBERED_SECONDS as FAILURE_SECONDS
from proxy.factors.passcode.arrival_times import MOST_KEPT, PasscodeArrival
from proxy.factors.passcode.known_numbers import REMEMBERED_SECONDS as NUMBER_SECONDS
from proxy.factors.passcode.known_numbers import KnownNumber
from proxy.sessions.network_access import NetworkAccess
from proxy.sessions.ticket_store import Ticket
from proxy.store.records import (
    TICKET_FIELDS,
    failure_to_json,
    readable_failure,
    readable_sending,
    sending_to_json,
    ticket_from_values,
    ticket_to_values,
)
from proxy.store.sqlite.counters import SQLiteCounters
from proxy.store.sqlite.database import SQLiteDatabase


class SQLiteKeptRecords:
    """`TicketStore`, `KeptRequestStore`, `NumberStore`, `ArrivalStore`, `DeliveryStore` and `LeaseStore`."""

    def __init__(self, database: SQLiteDatabase, counters: SQLiteCounters) -> None:
        """`counters`: when a number was first seen is kept as one, whose window says since when."""
        self._database = database
        self._counters = counters

    async def put_ticket(self, ticket_digest: bytes, ticket: Ticket) -> None:
        await self._database.change(
            "INSERT INTO tickets SELECT ?1, ?2, ?3, ?4, ?5, ?6 "
            "WHERE EXISTS (SELECT 1 FROM sessions WHERE session_id = ?2)",
            *(ticket_digest, *ticket_to_values(ticket)),
        )

    async def take_ticket(self, ticket_digest: bytes, *, now: float) -> Ticket | None:
        taking = f"DELETE FROM tickets WHERE ticket = ? RETURNING {', '.join(TICKET_FIELDS)}"  # noqa: S608  # constants
        rows = await self._database.take(taking, ticket_digest)
        ticket = ticket_from_values(rows[0]) if rows else None
        return ticket if ticket is not None and now < ticket.expires_at else None

    async def put_kept_request(self, digest: bytes, sealed: bytes, *, expires_at: float) -> None:
        await self._database.change("INSERT INTO kept_requests VALUES (?, ?, ?)", digest, sealed, expires_at)

    async def kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        rows: list[tuple[bytes]] = await self._database.rows(
            "SELECT sealed FROM kept_requests WHERE digest = ? AND expires_at > ?", digest, now
        )
        return rows[0][0] if rows else None

    async def take_kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        rows: list[tuple[bytes, float]] = await self._database.take(
            "DELETE FROM kept_requests WHERE digest = ? RETURNING sealed, expires_at", digest
        )
        return rows[0][0] if rows and now < rows[0][1] else None

    async def put_known_number(self, guid: str, known: KnownNumber) -> None:
        values = (guid, known.digest, known.sealed, known.used_at)
        await self._database.change("INSERT OR REPLACE INTO known_numbers VALUES (?, ?, ?, ?)", *values, durable=True)

    async def known_number(self, guid: str) -> KnownNumber | None:
        rows = await self._database.rows("SELECT digest, sealed, used_at FROM known_numbers WHERE guid = ?", guid)
        return KnownNumber(digest=rows[0][0], sealed=rows[0][1], used_at=rows[0][2]) if rows else None

    async def first_seen(self, digest: bytes, *, now: float, see: bool) -> float | None:
        found = await self._counters.read(digest, now=now)
        if found is None and see:
            found = await self._counters.add(digest, now=now, window_seconds=NUMBER_SECONDS)
        return None if found is None else found.window_ends_at - NUMBER_SECONDS

    async def put_arrival(self, channel: str, arrival: PasscodeArrival) -> None:
        await self._database.writing.run(_insert_arrival, channel, arrival)

    async def arrivals(self, channel: str) -> tuple[PasscodeArrival, ...]:
        rows = await self._database.rows("SELECT at, seconds FROM arrivals WHERE channel = ?", channel)
        return tuple(PasscodeArrival(at, seconds) for at, seconds in rows)

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

    async def latest_sendings(self, *, now: float) -> tuple[Sending, ...]:
        rows = await self._database.rows(
            "SELECT record FROM sendings WHERE expires_at > ? ORDER BY sent_at DESC LIMIT ?", now, MOST_LISTED
        )
        return tuple(found for (record,) in rows if (found := readable_sending(record)) is not None)

    async def put_failure(self, failure: DeliveryFailure) -> None:
        await self._database.writing.run(_insert_failure, failure, durable=True)

    async def failures(self, *, since: float) -> tuple[DeliveryFailure, ...]:
        rows = await self._database.rows(
            "SELECT record FROM delivery_failures WHERE failed_at > ? ORDER BY failed_at DESC", since
        )
        return tuple(found for (record,) in rows if (found := readable_failure(record)) is not None)

    async def put_access(self, access: NetworkAccess) -> None:
        values = (access.session_id, access.record, access.expires_at)
        await self._database.change("INSERT OR REPLACE INTO network_accesses VALUES (?, ?, ?)", *values, durable=True)

    async def accesses(self, session_ids: Sequence[str] | None = None) -> tuple[NetworkAccess, ...]:
        select = "SELECT session_id, record, expires_at FROM network_accesses"
        if session_ids is None:
            rows = await self._database.rows(select)
        else:
            select += " WHERE session_id IN (SELECT value FROM json_each(?))"
            rows = await self._database.rows(select, json.dumps(list(session_ids)))
        return tuple(NetworkAccess(session_id=name, record=record, expires_at=at) for name, record, at in rows)

    async def drop_access(self, session_id: str) -> None:
        await self._database.change("DELETE FROM network_accesses WHERE session_id = ?", session_id)

    async def take_lease(self, name: str, holder: str, *, now: float, seconds: float) -> bool:
        """Nobody holds a lease longer than `seconds`: a later end was written before the clock was set back."""
        taken = await self._database.change(
            """
            INSERT INTO leases VALUES (?1, ?2, ?3 + ?4) ON CONFLICT (name) DO UPDATE
            SET holder = excluded.holder, ends_at = excluded.ends_at
            WHERE holder = ?2 OR ends_at <= ?3 OR ends_at > ?3 + ?4
            """,
            *(name, holder, now, seconds),
        )
        return taken > 0

    async def is_leased(self, name: str, *, now: float, seconds: float) -> bool:
        select = "SELECT 1 FROM leases WHERE name = ? AND ends_at > ? AND ends_at <= ?"
        return bool(await self._database.rows(select, name, now, now + seconds))

    async def drop_lease(self, name: str, holder: str) -> None:
        await self._database.change("DELETE FROM leases WHERE name = ? AND holder = ?", name, holder)


def _insert_arrival(connection: sqlite3.Connection, channel: str, arrival: PasscodeArrival) -> None:
    connection.execute(
        "INSERT INTO arrivals (channel, at, seconds) VALUES (?, ?, ?)", (channel, arrival.at, arrival.seconds)
    )
    connection.execute(
        """
        DELETE FROM arrivals WHERE number IN (
            SELECT number FROM arrivals WHERE channel = ? ORDER BY number DESC LIMIT -1 OFFSET ?
        )
        """,
        (channel, MOST_KEPT),
    )


def _insert_failure(connection: sqlite3.Connection, failure: DeliveryFailure) -> None:
    connection.execute("DELETE FROM delivery_failures WHERE failed_at <= ?", (failure.failed_at - FAILURE_SECONDS,))
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
