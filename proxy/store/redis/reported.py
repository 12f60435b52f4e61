"""Sign-ins that their persons say were not theirs, in Redis: few, in one hash."""

from __future__ import annotations

import json
from dataclasses import asdict

from proxy.sign_in.not_me import ReportedSignIn
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.scripts import REMEMBERED


class RedisReportedSignIns:
    """`ReportedSignInStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def put_reported(self, reported: ReportedSignIn) -> None:
        arguments = (reported.guid, json.dumps(asdict(reported), separators=(",", ":")))
        await self._connections.run(REMEMBERED, "put_reported", *arguments, durable=True, is_repeatable=True)

    async def reported(self) -> tuple[ReportedSignIn, ...]:
        records = await self._connections.run(REMEMBERED, "reported", is_repeatable=True)
        found = (ReportedSignIn(**json.loads(record)) for record in records)
        return tuple(sorted(found, key=lambda each: each.at, reverse=True))

    async def settle_reported(self, guid: str) -> bool:
        return bool(await self._connections.run(REMEMBERED, "settle_reported", guid, durable=True))
