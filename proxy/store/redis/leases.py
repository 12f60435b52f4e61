"""Leases in Redis."""

from __future__ import annotations

from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.record_texts import instant
from proxy.store.redis.scripts import KEEPING


class RedisLeases:
    """`LeaseStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def take_lease(self, name: str, holder: str, *, now: float, seconds: float) -> bool:
        ends_at = now + seconds
        arguments = (name, holder, instant(now), instant(ends_at), self._connections.ttl(ends_at))
        return bool(await self._connections.run(KEEPING, "take_lease", *arguments, is_repeatable=True))

    async def drop_lease(self, name: str, holder: str) -> None:
        await self._connections.run(KEEPING, "drop_lease", name, holder, is_repeatable=True)
