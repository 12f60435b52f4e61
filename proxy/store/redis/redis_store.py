"""The shared store: one Redis or Valkey server (6.2 or newer), or the one that sentinels name, for all nodes.

All keys of an installation carry one hash tag: every step is atomic on any server, and in a cluster they all lie in
one slot. What the contract calls durable is as durable as the server writes it (``appendonly``, ``appendfsync``),
and if the settings ask for it, on that disk or on so many replicas before it is acknowledged.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from config.settings import SessionSettings, StoreSettings
from proxy.store.history import Report
from proxy.store.redis.arrivals import RedisArrivals
from proxy.store.redis.challenges import RedisChallenges
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.failures import RedisFailures
from proxy.store.redis.keeping import RedisKeeping
from proxy.store.redis.remarks import remarks
from proxy.store.redis.sessions import RedisSessions


class RedisStore(RedisSessions, RedisChallenges, RedisKeeping, RedisFailures, RedisArrivals):
    """A `Store` on a Redis server. It is reached at the first call, so that Gatepost starts while it is away."""

    def __init__(
        self,
        settings: StoreSettings,
        *,
        clock: Callable[[], float] = time.time,
        report: Report = lambda event, **_: None,
    ) -> None:
        """`clock` says when sessions end, for `former_owner`. Raises `ValueError` if the URL is none of Redis."""
        connections = RedisConnections(settings)
        RedisSessions.__init__(self, connections, clock=clock, report=report)
        RedisChallenges.__init__(self, connections, clock=clock)
        RedisKeeping.__init__(self, connections, clock=clock)
        RedisFailures.__init__(self, connections)
        RedisArrivals.__init__(self, connections, clock=clock)
        self._settings = settings

    async def remove_expired(self, *, now: float, idle_seconds: float, absolute_seconds: float) -> int:
        limits = SessionSettings.model_construct(idle=idle_seconds, absolute=absolute_seconds)
        await self._count_from(now)
        return await self._remove_over(limits, now) + await self._remove_kept(now)

    async def ping(self) -> None:
        ping = ("SET", self._connections.prefix + b"ping", "", "PX", 1000)
        await self._connections.command(*ping, durable=True, is_repeatable=True)
        await self._listening.catch_up()

    async def remarks(self) -> tuple[str, ...]:
        """What about the server's own settings puts sessions at risk, a sentence each. Raises `StoreUnavailable`."""
        return await remarks(self._connections, self._settings)

    async def close(self) -> None:
        await self._listening.close()
        await self._connections.close()
