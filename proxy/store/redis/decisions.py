"""What was decided, and which configurations were rehearsed, in Redis: a hash for each day, a key for each digest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any

from proxy.rehearsal.decisions import SealedDecision
from proxy.store.redis.connections import RedisConnections

_AT_ONCE = 500


class RedisDecisions:
    """`DecisionStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def put_decisions(self, decisions: Sequence[SealedDecision], *, forgotten_at: float) -> None:
        of_day: defaultdict[str, list[bytes]] = defaultdict(list)
        for each in decisions:
            of_day[each.day] += (each.name, each.key_id.encode() + b" " + each.sealed)
        for day, fields in of_day.items():
            key = self._connections.key("decisions", day)
            # Its end first: a hash without one would stay for ever.
            await self._connections.command("HSETNX", key, "", "")
            await self._connections.command("PEXPIRE", key, self._connections.ttl(forgotten_at))
            await self._connections.command("HSET", key, *fields)

    async def decisions(self, days: Sequence[str]) -> AsyncIterator[Sequence[SealedDecision]]:
        for day in days:
            key, cursor = self._connections.key("decisions", day), b"0"
            while True:
                cursor, fields = await self._connections.command("HSCAN", key, cursor, "COUNT", _AT_ONCE)
                found = zip(fields[::2], fields[1::2], strict=True)
                yield [_decision(name, day, value) for name, value in found if name]
                if cursor == b"0":
                    break

    async def put_rehearsed(self, digest: bytes, *, forgotten_at: float) -> None:
        ttl = self._connections.ttl(forgotten_at)
        key = self._connections.key("rehearsed", digest.hex())
        await self._connections.command("SET", key, repr(forgotten_at), "PX", ttl, durable=True)

    async def was_rehearsed(self, digest: bytes, *, now: float) -> bool:
        found = await self._connections.command("GET", self._connections.key("rehearsed", digest.hex()))
        return found is not None and float(found) > now


def _decision(name: Any, day: str, value: Any) -> SealedDecision:
    key_id, _, sealed = value.partition(b" ")
    return SealedDecision(name=name, day=day, key_id=key_id.decode(), sealed=sealed)
