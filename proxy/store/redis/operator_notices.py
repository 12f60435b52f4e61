"""What the operator tells everybody, in Redis: one key."""

from __future__ import annotations

import json
from dataclasses import asdict

from proxy.operations.notice_board import OperatorNotice
from proxy.store.record_fields import value_of
from proxy.store.redis.connections import RedisConnections


class RedisOperatorNotices:
    """`OperatorNoticeStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    @property
    def _key(self) -> bytes:
        return self._connections.prefix + b"operator-notice"

    async def put_up(self, notice: OperatorNotice) -> None:
        ends = () if notice.ends_at is None else ("PX", self._connections.ttl(notice.ends_at))
        await self._connections.command("SET", self._key, json.dumps(asdict(notice)), *ends, durable=True)

    async def notice(self) -> OperatorNotice | None:
        record = await self._connections.command("GET", self._key)
        return None if record is None else value_of(OperatorNotice, record)

    async def take_down(self) -> bool:
        return bool(await self._connections.command("DEL", self._key, durable=True))
