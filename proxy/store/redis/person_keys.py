"""The keys of persons in Redis: each step by a script.

A key that was destroyed is gone from the server's memory at once. An append-only file holds it until the server writes
that file again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proxy.audit.person_keys import PersonKey
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.scripts import PERSON_KEYS


class RedisPersonKeys:
    """`PersonKeyStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def keep_person_key(self, key: PersonKey) -> PersonKey:
        named = (key.key_id, key.owner.hex(), key.month, key.wrapped)
        return _key(await self._connections.run(PERSON_KEYS, "keep", *named, durable=True, is_repeatable=True))

    async def person_keys_by_id(self, key_ids: Sequence[str]) -> tuple[PersonKey, ...]:
        return tuple(map(_key, await self._connections.run(PERSON_KEYS, "by_ids", *key_ids, is_repeatable=True)))

    async def person_keys(self, owner: bytes | None = None, month: str | None = None) -> tuple[PersonKey, ...]:
        return tuple(
            map(_key, await self._connections.run(PERSON_KEYS, "all", *_these(owner, month), is_repeatable=True))
        )

    async def key_months(self) -> tuple[str, ...]:
        months = await self._connections.run(PERSON_KEYS, "months", is_repeatable=True)
        return tuple(month.decode() for month in months)

    async def erase_person_keys(self, *, owner: bytes | None = None, month: str | None = None) -> int:
        if owner is None and month is None:
            raise ValueError("whose, or of which month?")
        return int(await self._connections.run(PERSON_KEYS, "erase", *_these(owner, month), durable=True))

    async def rewrap_person_key(self, key_id: str, *, was: bytes, wrapped: bytes) -> bool:
        return bool(await self._connections.run(PERSON_KEYS, "rewrap", key_id, was, wrapped, durable=True))


def _these(owner: bytes | None, month: str | None) -> tuple[str, str]:
    """As the scripts take them: nothing stands for all."""
    return "" if owner is None else owner.hex(), month or ""


def _key(row: Sequence[Any]) -> PersonKey:
    key_id, owner, month, wrapped = row
    return PersonKey(key_id=key_id.decode(), owner=bytes.fromhex(owner.decode()), month=month.decode(), wrapped=wrapped)
