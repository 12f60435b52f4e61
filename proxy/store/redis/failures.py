"""Failed deliveries in Redis: one sorted set of records by instant."""

from __future__ import annotations

from proxy.delivery.failures import MOST_REMEMBERED, REMEMBERED_SECONDS, DeliveryFailure
from proxy.store.records import failure_to_json, readable_failure
from proxy.store.redis.challenges import NET_SECONDS
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.records import instant
from proxy.store.redis.scripts import KEEPING

_NET_MILLISECONDS = int((REMEMBERED_SECONDS + NET_SECONDS) * 1000)


class RedisFailures:
    """The failures' part of a `Store`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def put_failure(self, failure: DeliveryFailure) -> None:
        over = instant(failure.failed_at - REMEMBERED_SECONDS)
        arguments = (instant(failure.failed_at), over, failure_to_json(failure), MOST_REMEMBERED, _NET_MILLISECONDS)
        await self._connections.run(KEEPING, "put_failure", *arguments, durable=True, is_repeatable=True)

    async def failures(self, *, since: float) -> tuple[DeliveryFailure, ...]:
        records = await self._connections.command(
            "ZREVRANGEBYSCORE", self._connections.prefix + b"failures", "+inf", f"({instant(since)}", is_repeatable=True
        )
        found = (readable_failure(record.decode()) for record in records)
        return tuple(each for each in found if each is not None)
