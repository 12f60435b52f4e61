"""Challenges, messages and tickets in Redis: judged and used up by scripts, each in one step at the server."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from proxy.delivery.sending import Sending
from proxy.factors.challenge import Challenge
from proxy.factors.challenge_store import Attempt, AttemptResult
from proxy.sessions.ticket import Ticket
from proxy.store.records import readable_sending, sending_to_json
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.records import (
    challenge_from_row,
    challenge_to_record,
    instant,
    ticket_from_record,
    ticket_to_record,
)
from proxy.store.redis.scripts import CHALLENGES

NET_SECONDS = 3600.0
"""Redis itself removes a record only so long after its time: clocks may differ, and the instants decide."""


def ttl(expires_at: float, now: float) -> int:
    """Milliseconds until Redis may remove what is over at `expires_at`."""
    return int((max(expires_at - now, 0.0) + NET_SECONDS) * 1000)


class RedisChallenges:
    """The challenges', messages' and tickets' part of a `Store`."""

    def __init__(self, connections: RedisConnections, *, clock: Callable[[], float] = time.time) -> None:
        self._connections = connections
        self._clock = clock

    async def put_challenge(self, challenge: Challenge, *, newest: str | None = None) -> bool:
        arguments: tuple[str | bytes | int, ...] = (
            challenge.challenge_id,
            challenge.session_id,
            challenge_to_record(challenge),
            challenge.digest,
            instant(challenge.expires_at),
            challenge.attempts_left,
            instant(challenge.last_sent_at),
            ttl(challenge.expires_at, self._clock()),
        )
        if newest is not None:
            arguments += (instant(challenge.created_at), newest)
        return bool(await self._connections.run(CHALLENGES, "put", *arguments))

    async def challenge(self, challenge_id: str, *, session_id: str, now: float) -> Challenge | None:
        arguments = (challenge_id, session_id, instant(now))
        row = await self._connections.run(CHALLENGES, "read", *arguments, is_repeatable=True)
        return None if row is None else challenge_from_row(row)

    async def challenge_of_session(self, session_id: str, *, now: float) -> Challenge | None:
        rows = await self._connections.run(CHALLENGES, "of_session", session_id, instant(now), is_repeatable=True)
        # Of two with the same instant, the one that was put later is the newer one.
        newest_first = sorted(map(challenge_from_row, reversed(rows)), key=lambda found: found.created_at, reverse=True)
        return newest_first[0] if newest_first else None

    async def answer_challenge(self, challenge_id: str, *, session_id: str, digest: bytes, now: float) -> AttemptResult:
        arguments = (challenge_id, session_id, digest, instant(now), secrets.token_bytes(32))
        attempt, attempts_left = await self._connections.run(CHALLENGES, "answer", *arguments, durable=True)
        return AttemptResult(Attempt(attempt.decode()), attempts_left)

    async def mark_sent(self, challenge_id: str, *, now: float, not_before: float) -> bool:
        arguments = (challenge_id, instant(now), instant(not_before))
        return bool(await self._connections.run(CHALLENGES, "mark_sent", *arguments))

    async def put_sending(self, sending: Sending) -> None:
        arguments = (
            sending.message_id,
            sending.challenge_id,
            instant(sending.expires_at),
            sending_to_json(sending),
            ttl(sending.expires_at, self._clock()),
        )
        await self._connections.run(CHALLENGES, "put_sending", *arguments, is_repeatable=True)

    async def sending(self, message_id: str, *, now: float) -> Sending | None:
        record = await self._connections.run(CHALLENGES, "sending", message_id, instant(now), is_repeatable=True)
        return None if record is None else readable_sending(record.decode())

    async def sendings_of(self, challenge_id: str, *, now: float) -> tuple[Sending, ...]:
        arguments = (challenge_id, instant(now))
        records = await self._connections.run(CHALLENGES, "sendings_of", *arguments, is_repeatable=True)
        found = (readable_sending(record.decode()) for record in records)
        return tuple(sorted((each for each in found if each is not None), key=lambda each: each.sent_at))

    async def put_ticket(self, ticket_digest: bytes, ticket: Ticket) -> None:
        arguments = (
            ticket_digest.hex(),
            ticket.session_id,
            ticket_to_record(ticket),
            instant(ticket.expires_at),
            ttl(ticket.expires_at, self._clock()),
        )
        await self._connections.run(CHALLENGES, "put_ticket", *arguments, is_repeatable=True)

    async def take_ticket(self, ticket_digest: bytes, *, now: float) -> Ticket | None:
        record = await self._connections.run(CHALLENGES, "take_ticket", ticket_digest.hex(), durable=True)
        ticket = None if record is None else ticket_from_record(record)
        return ticket if ticket is not None and now < ticket.expires_at else None
