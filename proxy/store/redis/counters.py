"""Counters and familiar addresses in Redis: each call one step at the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from proxy.store.record_fields import compact_json, value_of
from proxy.store.redis.connections import Argument, RedisConnections
from proxy.store.redis.scripts import KEEPING
from proxy.throttle.counter_store import MOST_THROTTLED, Count, Counter, Reached, ThrottledPerson
from proxy.throttle.limits import Limit

_LIMITS = frozenset(each.value for each in Limit)
"""Of another version there may be one that this one does not know."""


class RedisCounters:
    """`ThrottleStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def add(self, key: bytes, *, now: float, window_seconds: float) -> Count:
        would_end_at = now + window_seconds
        arguments = (key, now, would_end_at, self._connections.ttl(would_end_at))
        value, window_ends_at = await self._connections.run(KEEPING, "add", *arguments, durable=True)
        return Count(value, float(window_ends_at))

    async def read(self, key: bytes, *, now: float) -> Count | None:
        counter = self._connections.key("counter", key)
        command = ("HMGET", counter, "value", "window_ends_at")
        value, ends_at = await self._connections.command(*command)
        return Count(int(value), float(ends_at)) if value is not None and now < float(ends_at) else None

    async def give_back(self, key: bytes, amount: int = 1, *, now: float) -> None:
        await self._connections.run(KEEPING, "give_back", key, now, amount)

    async def reserve(self, counters: Sequence[Counter], *, now: float) -> Reached | None:
        arguments: list[Argument] = []
        for counter in counters:
            would_end_at = now + counter.window_seconds
            arguments += (counter.key, counter.limit, would_end_at, int(counter.is_sliding))
            arguments.append(self._connections.ttl(would_end_at))
        reached = await self._connections.run(KEEPING, "reserve", now, *arguments, durable=True)
        return None if reached is None else Reached(reached[0], float(reached[1]))

    async def reset_count(self, key: bytes) -> None:
        await self._connections.run(KEEPING, "reset_count", key, durable=True, is_repeatable=True)

    async def add_familiar(self, person: bytes, address: bytes, *, now: float, expires_at: float, most: int) -> None:
        arguments = (person, address, now, expires_at, most, self._connections.ttl(expires_at))
        await self._connections.run(KEEPING, "add_familiar", *arguments, is_repeatable=True)

    async def is_familiar(self, person: bytes, address: bytes, *, now: float) -> bool:
        addresses = self._connections.key("familiar", person)
        until = await self._connections.command("ZSCORE", addresses, address)
        return until is not None and now < float(until)

    async def put_throttled(self, person: ThrottledPerson) -> None:
        """All of them are one hash."""
        name = f"{person.guid} {person.limit.value}"
        record = compact_json({**asdict(person), "limit": person.limit.value})
        await self._connections.run(KEEPING, "put_throttled", name, record, MOST_THROTTLED, is_repeatable=True)

    async def throttled(self, *, now: float) -> tuple[ThrottledPerson, ...]:
        records = await self._connections.command("HVALS", self._connections.prefix + b"throttled")
        written = (value_of(ThrottledPerson, record) for record in records)
        known = (replace(each, limit=Limit(each.limit)) for each in written if str(each.limit) in _LIMITS)
        return tuple(sorted((each for each in known if now < each.until), key=lambda each: each.at, reverse=True))

    async def drop_throttled(self, guid: str, limit: Limit) -> None:
        await self._connections.run(KEEPING, "drop_throttled", f"{guid} {limit.value}", is_repeatable=True)
