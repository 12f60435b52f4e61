"""The single-use hand-over of a session from the sign-in host to an app's host, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Bound to the app's host and to the browser that started (RFC 9700 section 4.5 on binding applies in spirit)."""

    session_id: str = field(repr=False)
    host: str
    start_digest: str = field(repr=False)
    return_to: str = field(repr=False)
    expires_at: float


class TicketStore(Protocol):
    """Tickets by the SHA-256 of their token. They end with their session. Methods raise `StoreUnavailable`."""

    async def put_ticket(self, ticket_digest: bytes, ticket: Ticket) -> None:
        """Nothing is kept if its session is gone: it would hand over nothing."""
        ...

    async def take_ticket(self, ticket_digest: bytes, *, now: float) -> Ticket | None:
        """Take it out: the second taker gets None. Durable."""
        ...
