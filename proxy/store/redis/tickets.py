"""Tickets in Redis: taken by one step at the server."""

from __future__ import annotations

from proxy.sessions.ticket_store import Ticket
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.record_texts import instant, ticket_from_record, ticket_to_record
from proxy.store.redis.scripts import CHALLENGES


class RedisTickets:
    """`TicketStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def put_ticket(self, ticket_digest: bytes, ticket: Ticket) -> None:
        arguments = (
            ticket_digest.hex(),
            ticket.session_id,
            ticket_to_record(ticket),
            instant(ticket.expires_at),
            self._connections.ttl(ticket.expires_at),
        )
        await self._connections.run(CHALLENGES, "put_ticket", *arguments, is_repeatable=True)

    async def take_ticket(self, ticket_digest: bytes, *, now: float) -> Ticket | None:
        record = await self._connections.run(CHALLENGES, "take_ticket", ticket_digest.hex(), durable=True)
        ticket = None if record is None else ticket_from_record(record)
        return ticket if ticket is not None and now < ticket.expires_at else None
