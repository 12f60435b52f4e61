"""What is known of the canaries, in Redis: a hash by their names, each its version, a blank and the record."""

from __future__ import annotations

from proxy.canary.canary_message import CanaryRecord
from proxy.store.canary_records import canary_from_json, canary_to_json
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.scripts import CANARIES


class RedisCanaries:
    """`CanaryStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def canary(self, name: str) -> CanaryRecord:
        found = await self._connections.command("HGET", self._connections.prefix + b"canaries", name)
        if found is None:
            return CanaryRecord(name=name)
        version, _, record = found.partition(b" ")
        return canary_from_json(name, int(version), record)

    async def put_canary(self, record: CanaryRecord) -> bool:
        arguments = (record.name, record.version, canary_to_json(record))
        return bool(await self._connections.run(CANARIES, "put_canary", *arguments))
