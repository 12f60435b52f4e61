"""What is over in Redis, of every part but the sessions: found by one index of when each record ends."""

from __future__ import annotations

from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.record_texts import instant
from proxy.store.redis.scripts import KEEPING

_REMOVED_AT_ONCE = 200


class RedisExpiry:
    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def remove_expired(self, *, now: float) -> int:
        removed, looked_at = 0, _REMOVED_AT_ONCE
        while looked_at == _REMOVED_AT_ONCE:
            looked_at, count = await self._connections.run(
                KEEPING, "expire", instant(now), _REMOVED_AT_ONCE, is_repeatable=True
            )
            removed += count
        return removed
