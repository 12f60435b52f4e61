"""Counters, kept requests, what is remembered of persons, and leases in Redis: each call one step at the server."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from proxy.factors.passcode.known_numbers import REMEMBERED_SECONDS, KnownNumber
from proxy.store.redis.challenges import ttl
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.records import instant
from proxy.store.redis.scripts import KEEPING
from proxy.throttle.counter_store import Count, Counter, Reached

_REMOVED_AT_ONCE = 200


class RedisKeeping:
    """Everything of a `Store` that hangs on no session."""

    def __init__(self, connections: RedisConnections, *, clock: Callable[[], float] = time.time) -> None:
        self._connections = connections
        self._clock = clock

    async def add(self, key: bytes, *, now: float, window_seconds: float) -> Count:
        would_end_at = now + window_seconds
        arguments = (key, instant(now), instant(would_end_at), ttl(would_end_at, self._clock()))
        value, window_ends_at = await self._connections.run(KEEPING, "add", *arguments, durable=True)
        return Count(value, float(window_ends_at))

    async def read(self, key: bytes, *, now: float) -> Count | None:
        counter = self._connections.prefix + b"counter:" + key
        value, ends_at = await self._connections.command(
            "HMGET", counter, "value", "window_ends_at", is_repeatable=True
        )
        return None if value is None or float(ends_at) <= now else Count(int(value), float(ends_at))

    async def give_back(self, key: bytes, amount: int = 1, *, now: float) -> None:
        await self._connections.run(KEEPING, "give_back", key, instant(now), amount, durable=True)

    async def reserve(self, counters: Sequence[Counter], *, now: float) -> Reached | None:
        arguments: list[str | bytes | int] = []
        for counter in counters:
            would_end_at = now + counter.window_seconds
            arguments += (counter.key, counter.limit, instant(would_end_at), int(counter.is_sliding))
            arguments.append(ttl(would_end_at, self._clock()))
        reached = await self._connections.run(KEEPING, "reserve", instant(now), *arguments, durable=True)
        return None if reached is None else Reached(reached[0], float(reached[1]))

    async def reset_count(self, key: bytes) -> None:
        await self._connections.run(KEEPING, "reset_count", key, durable=True, is_repeatable=True)

    async def put_kept_request(self, digest: bytes, sealed: bytes, *, expires_at: float) -> None:
        arguments = (digest.hex(), sealed, instant(expires_at), ttl(expires_at, self._clock()))
        await self._connections.run(KEEPING, "keep_request", *arguments, is_repeatable=True)

    async def kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        kept = self._connections.prefix + f"kept:{digest.hex()}".encode()
        return _sealed(await self._connections.command("GET", kept, is_repeatable=True), now)

    async def take_kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        return _sealed(await self._connections.run(KEEPING, "take_request", digest.hex(), durable=True), now)

    async def add_familiar(self, person: bytes, address: bytes, *, now: float, expires_at: float, most: int) -> None:
        arguments = (person, address, instant(now), instant(expires_at), most, ttl(expires_at, self._clock()))
        await self._connections.run(KEEPING, "add_familiar", *arguments, is_repeatable=True)

    async def is_familiar(self, person: bytes, address: bytes, *, now: float) -> bool:
        addresses = self._connections.prefix + b"familiar:" + person
        until = await self._connections.command("ZSCORE", addresses, address, is_repeatable=True)
        return until is not None and now < float(until)

    async def put_known_number(self, guid: str, known: KnownNumber) -> None:
        forgotten_at = known.used_at + REMEMBERED_SECONDS
        arguments = (guid, known.digest, known.sealed, instant(known.used_at), instant(forgotten_at))
        net = ttl(forgotten_at, self._clock())
        await self._connections.run(KEEPING, "put_number", *arguments, net, durable=True, is_repeatable=True)

    async def known_number(self, guid: str) -> KnownNumber | None:
        number = self._connections.prefix + f"number:{guid}".encode()
        digest, sealed, used_at = await self._connections.command(
            "HMGET", number, "digest", "sealed", "used_at", is_repeatable=True
        )
        return None if digest is None else KnownNumber(digest=digest, sealed=sealed, used_at=float(used_at))

    async def first_seen(self, digest: bytes, *, now: float, see: bool) -> float | None:
        found = await self.read(digest, now=now)
        if found is None and see:
            found = await self.add(digest, now=now, window_seconds=REMEMBERED_SECONDS)
        return None if found is None else found.window_ends_at - REMEMBERED_SECONDS

    async def take_lease(self, name: str, holder: str, *, now: float, seconds: float) -> bool:
        ends_at = now + seconds
        arguments = (name, holder, instant(now), instant(ends_at), ttl(ends_at, self._clock()))
        return bool(await self._connections.run(KEEPING, "take_lease", *arguments, is_repeatable=True))

    async def drop_lease(self, name: str, holder: str) -> None:
        await self._connections.run(KEEPING, "drop_lease", name, holder, is_repeatable=True)

    async def _remove_kept(self, now: float) -> int:
        """Remove what is over, tickets and challenges too; how many records."""
        removed, looked_at = 0, _REMOVED_AT_ONCE
        while looked_at == _REMOVED_AT_ONCE:
            looked_at, count = await self._connections.run(
                KEEPING, "expire", instant(now), _REMOVED_AT_ONCE, is_repeatable=True
            )
            removed += count
        return removed


def _sealed(found: bytes | None, now: float) -> bytes | None:
    if found is None:
        return None
    expires_at, _, sealed = found.partition(b"\n")
    return sealed if now < float(expires_at) else None
