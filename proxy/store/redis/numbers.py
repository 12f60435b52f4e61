"""Known numbers in Redis. When one was first seen is kept as a counter, whose window says since when."""

from __future__ import annotations

from proxy.factors.passcode.known_numbers import REMEMBERED_SECONDS, KnownNumber
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.counters import RedisCounters
from proxy.store.redis.record_texts import instant
from proxy.store.redis.scripts import KEEPING


class RedisNumbers:
    """`NumberStore`."""

    def __init__(self, connections: RedisConnections, counters: RedisCounters) -> None:
        self._connections = connections
        self._counters = counters

    async def put_known_number(self, guid: str, known: KnownNumber) -> None:
        forgotten_at = known.used_at + REMEMBERED_SECONDS
        arguments = (guid, known.digest, known.sealed, instant(known.used_at), instant(forgotten_at))
        ttl = self._connections.ttl(forgotten_at)
        await self._connections.run(KEEPING, "put_number", *arguments, ttl, durable=True, is_repeatable=True)

    async def known_number(self, guid: str) -> KnownNumber | None:
        number = self._connections.key("number", guid)
        command = ("HMGET", number, "digest", "sealed", "used_at")
        digest, sealed, used_at = await self._connections.command(*command, is_repeatable=True)
        return None if digest is None else KnownNumber(digest=digest, sealed=sealed, used_at=float(used_at))

    async def first_seen(self, digest: bytes, *, now: float, see: bool) -> float | None:
        found = await self._counters.read(digest, now=now)
        if found is None and see:
            found = await self._counters.add(digest, now=now, window_seconds=REMEMBERED_SECONDS)
        return None if found is None else found.window_ends_at - REMEMBERED_SECONDS
