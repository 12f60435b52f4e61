"""How long passcodes took, in Redis: one list for each channel, the latest first."""

from __future__ import annotations

import time
from collections.abc import Callable

from proxy.factors.passcode.arrival_times import KEPT_SECONDS, MOST_KEPT, Arrival
from proxy.store.redis.challenges import ttl
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.records import instant
from proxy.store.redis.scripts import KEEPING


class RedisArrivals:
    """The arrivals' part of a `Store`."""

    def __init__(self, connections: RedisConnections, *, clock: Callable[[], float] = time.time) -> None:
        self._connections = connections
        self._clock = clock

    async def put_arrival(self, channel: str, arrival: Arrival) -> None:
        forgotten_at = arrival.at + KEPT_SECONDS
        record = f"{instant(arrival.at)} {instant(arrival.seconds)}"
        arguments = (channel, record, MOST_KEPT, instant(forgotten_at), ttl(forgotten_at, self._clock()))
        await self._connections.run(KEEPING, "put_arrival", *arguments)

    async def arrivals(self, channel: str) -> tuple[Arrival, ...]:
        kept = self._connections.prefix + f"arrivals:{channel}".encode()
        records = await self._connections.command("LRANGE", kept, "0", "-1", is_repeatable=True)
        return tuple(Arrival(*map(float, record.split())) for record in records)
