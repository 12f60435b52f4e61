"""The rungs of `[[degrade]]` that somebody put in force, in Redis."""

from __future__ import annotations

from proxy.degrade.rung import BegunRung
from proxy.store.record_fields import json_or_nothing, value_of
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.scripts import RUNGS


class RedisRungs:
    """`DegradeStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def put_rung(self, rung: BegunRung, *, seen: BegunRung | None) -> bool:
        values = (rung.name, json_or_nothing(rung), json_or_nothing(seen))
        return bool(await self._connections.run(RUNGS, "put", *values, durable=True))

    async def rungs(self) -> tuple[BegunRung, ...]:
        records = await self._connections.run(RUNGS, "all", is_repeatable=True)
        found = (value_of(BegunRung, record) for record in records)
        return tuple(sorted(found, key=lambda each: (each.begun_at, each.name)))
