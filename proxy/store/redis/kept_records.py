"""Tickets, kept requests, known numbers, arrivals, messages and leases in Redis, each call one step at the server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from proxy.delivery.delivery_store import MOST_LISTED, MOST_REMEMBERED, DeliveryFailure, Sending
from proxy.delivery.delivery_store import REMEMBERED_SECONDS as FAILURE_SECONDS
from proxy.factors.passcode.arrival_times import KEPT_SECONDS, MOST_KEPT, PasscodeArrival
from proxy.factors.passcode.known_numbers import REMEMBERED_SECONDS as NUMBER_SECONDS
from proxy.factors.passcode.known_numbers import KnownNumber
from proxy.sessions.network_access import FORGOTTEN_SECONDS as ACCESS_SECONDS
from proxy.sessions.network_access import NetworkAccess
from proxy.sessions.ticket_store import Ticket
from proxy.store.records import (
    failure_to_json,
    readable_failure,
    readable_sending,
    sending_to_json,
    ticket_from_values,
    ticket_to_values,
)
from proxy.store.redis.connections import NET_SECONDS, RedisConnections
from proxy.store.redis.counters import RedisCounters
from proxy.store.redis.scripts import CHALLENGES, KEEPING

_FAILURES_TTL = int((FAILURE_SECONDS + NET_SECONDS) * 1000)


class RedisKeptRecords:
    """`TicketStore`, `KeptRequestStore`, `NumberStore`, `ArrivalStore`, `DeliveryStore`, `NetworkAccessStore` and
    `LeaseStore`."""

    def __init__(self, connections: RedisConnections, counters: RedisCounters) -> None:
        """`counters`: when a number was first seen is kept as one, whose window says since when."""
        self._connections = connections
        self._counters = counters

    async def put_ticket(self, ticket_digest: bytes, ticket: Ticket) -> None:
        record = json.dumps(ticket_to_values(ticket), separators=(",", ":"))
        ends_at, ttl = ticket.expires_at, self._connections.ttl(ticket.expires_at)
        arguments = (ticket_digest.hex(), ticket.session_id, record, ends_at, ttl)
        await self._connections.run(CHALLENGES, "put_ticket", *arguments, is_repeatable=True)

    async def take_ticket(self, ticket_digest: bytes, *, now: float) -> Ticket | None:
        record = await self._connections.run(CHALLENGES, "take_ticket", ticket_digest.hex(), durable=True)
        ticket = None if record is None else ticket_from_values(json.loads(record))
        return ticket if ticket is not None and now < ticket.expires_at else None

    async def put_kept_request(self, digest: bytes, sealed: bytes, *, expires_at: float) -> None:
        arguments = (digest.hex(), sealed, expires_at, self._connections.ttl(expires_at))
        await self._connections.run(KEEPING, "keep_request", *arguments, is_repeatable=True)

    async def kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        return _sealed(await self._connections.command("GET", self._connections.key("kept", digest.hex())), now)

    async def take_kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        return _sealed(await self._connections.run(KEEPING, "take_request", digest.hex(), durable=True), now)

    async def put_known_number(self, guid: str, known: KnownNumber) -> None:
        forgotten_at = known.used_at + NUMBER_SECONDS
        arguments = (guid, known.digest, known.sealed, known.used_at, forgotten_at, self._connections.ttl(forgotten_at))
        await self._connections.run(KEEPING, "put_number", *arguments, durable=True, is_repeatable=True)

    async def known_number(self, guid: str) -> KnownNumber | None:
        command = ("HMGET", self._connections.key("number", guid), "digest", "sealed", "used_at")
        digest, sealed, used_at = await self._connections.command(*command)
        return None if digest is None else KnownNumber(digest=digest, sealed=sealed, used_at=float(used_at))

    async def first_seen(self, digest: bytes, *, now: float, see: bool) -> float | None:
        found = await self._counters.read(digest, now=now)
        if found is None and see:
            found = await self._counters.add(digest, now=now, window_seconds=NUMBER_SECONDS)
        return None if found is None else found.window_ends_at - NUMBER_SECONDS

    async def put_arrival(self, channel: str, arrival: PasscodeArrival) -> None:
        """One list for each channel, the latest first."""
        forgotten_at = arrival.at + KEPT_SECONDS
        record = f"{arrival.at!r} {arrival.seconds!r}"
        arguments = (channel, record, MOST_KEPT, forgotten_at, self._connections.ttl(forgotten_at))
        await self._connections.run(KEEPING, "put_arrival", *arguments)

    async def arrivals(self, channel: str) -> tuple[PasscodeArrival, ...]:
        records = await self._connections.command("LRANGE", self._connections.key("arrivals", channel), 0, -1)
        return tuple(PasscodeArrival(*map(float, record.split())) for record in records)

    async def put_sending(self, sending: Sending) -> None:
        ends_at, ttl = sending.expires_at, self._connections.ttl(sending.expires_at)
        arguments = (sending.message_id, sending.challenge_id, ends_at, sending_to_json(sending), ttl, MOST_LISTED)
        await self._connections.run(CHALLENGES, "put_sending", *arguments, is_repeatable=True)

    async def sending(self, message_id: str, *, now: float) -> Sending | None:
        record = await self._connections.run(CHALLENGES, "sending", message_id, now, is_repeatable=True)
        return None if record is None else readable_sending(record)

    async def sendings_of(self, challenge_id: str, *, now: float) -> tuple[Sending, ...]:
        records = await self._connections.run(CHALLENGES, "sendings_of", challenge_id, now, is_repeatable=True)
        found = filter(None, map(readable_sending, records))
        return tuple(sorted(found, key=lambda each: each.sent_at))

    async def latest_sendings(self, *, now: float) -> tuple[Sending, ...]:
        records = await self._connections.run(CHALLENGES, "latest_sendings", now, is_repeatable=True)
        found = filter(None, map(readable_sending, records))
        return tuple(sorted(found, key=lambda each: each.sent_at, reverse=True))

    async def put_failure(self, failure: DeliveryFailure) -> None:
        """All of them are one sorted set by instant."""
        over = failure.failed_at - FAILURE_SECONDS
        arguments = (failure.failed_at, over, failure_to_json(failure), MOST_REMEMBERED, _FAILURES_TTL)
        await self._connections.run(KEEPING, "put_failure", *arguments, durable=True, is_repeatable=True)

    async def failures(self, *, since: float) -> tuple[DeliveryFailure, ...]:
        command = ("ZREVRANGEBYSCORE", self._connections.prefix + b"failures", "+inf", f"({since!r}")
        records: Iterable[bytes] = await self._connections.command(*command)
        return tuple(filter(None, map(readable_failure, records)))

    async def put_access(self, access: NetworkAccess) -> None:
        """All of them are one hash, which goes when none was put for long."""
        record = json.dumps(asdict(access), separators=(",", ":"))
        ttl = self._connections.ttl(access.expires_at + ACCESS_SECONDS)
        arguments = (access.session_id, record, ttl)
        await self._connections.run(KEEPING, "put_access", *arguments, durable=True, is_repeatable=True)

    async def accesses(self, session_ids: Sequence[str] | None = None) -> tuple[NetworkAccess, ...]:
        which = ("all",) if session_ids is None else ("these", *session_ids)
        records: Iterable[bytes | None] = await self._connections.run(KEEPING, "accesses", *which, is_repeatable=True)
        return tuple(NetworkAccess(**json.loads(record)) for record in records if record)

    async def drop_access(self, session_id: str) -> None:
        await self._connections.run(KEEPING, "drop_access", session_id, is_repeatable=True)

    async def take_lease(self, name: str, holder: str, *, now: float, seconds: float) -> bool:
        ends_at = now + seconds
        arguments = (name, holder, now, ends_at, self._connections.ttl(ends_at))
        return bool(await self._connections.run(KEEPING, "take_lease", *arguments, is_repeatable=True))

    async def is_leased(self, name: str, *, now: float, seconds: float) -> bool:
        arguments = (name, now, now + seconds)
        return bool(await self._connections.run(KEEPING, "is_leased", *arguments, is_repeatable=True))

    async def drop_lease(self, name: str, holder: str) -> None:
        await self._connections.run(KEEPING, "drop_lease", name, holder, is_repeatable=True)


def _sealed(found: bytes | None, now: float) -> bytes | None:
    """From the instant when it is over, a line feed, and what its caller has sealed."""
    if found is None:
        return None
    expires_at, _, sealed = found.partition(b"\n")
    return sealed if now < float(expires_at) else None
