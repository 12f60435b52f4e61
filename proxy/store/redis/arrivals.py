"""How long passcodes took, in Redis: one list for each channel, the latest first."""

from __future__ import annotations

from proxy.factors.passcode.arrival_times import KEPT_SECONDS, MOST_KEPT, PasscodeArrival
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.record_texts import instant
from proxy.store.redis.scripts import KEEPING


class RedisArrivals:
    """`ArrivalStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def put_arrival(self, channel: str, arrival: PasscodeArrival) -> None:
        forgotten_at = arrival.at + KEPT_SECONDS
        record = f"{instant(arrival.at)} {instant(arrival.seconds)}"
        arguments = (channel, record, MOST_KEPT, instant(forgotten_at), self._connections.ttl(forgotten_at))
        await self._connections.run(KEEPING, "put_arrival", *arguments)

    async def arrivals(self, channel: str) -> tuple[PasscodeArrival, ...]:
        kept = self._connections.key("arrivals", channel)
        records = await self._connections.command("LRANGE", kept, "0", "-1", is_repeatable=True)
        return tuple(PasscodeArrival(*map(float, record.split())) for record in records)
