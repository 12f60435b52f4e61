"""Tickets in SQLite."""

from __future__ import annotations

from proxy.sessions.ticket_store import Ticket
from proxy.store.sqlite.database import SQLiteDatabase

_COLUMNS = ("session_id", "host", "start_digest", "return_to", "expires_at")


class SQLiteTickets:
    """`TicketStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def put_ticket(self, ticket_digest: bytes, ticket: Ticket) -> None:
        await self._database.change(
            "INSERT INTO tickets SELECT ?1, ?2, ?3, ?4, ?5, ?6 "
            "WHERE EXISTS (SELECT 1 FROM sessions WHERE session_id = ?2)",
            *(ticket_digest, ticket.session_id, ticket.host, ticket.start_digest, ticket.return_to, ticket.expires_at),
        )

    async def take_ticket(self, ticket_digest: bytes, *, now: float) -> Ticket | None:
        rows = await self._database.take(
            f"DELETE FROM tickets WHERE ticket = ? RETURNING {', '.join(_COLUMNS)}",  # noqa: S608  # constants
            ticket_digest,
        )
        ticket = Ticket(**dict(zip(_COLUMNS, rows[0], strict=True))) if rows else None
        return ticket if ticket is not None and now < ticket.expires_at else None

    async def remove_expired(self, *, now: float) -> int:
        return await self._database.change("DELETE FROM tickets WHERE expires_at <= ?", now)
