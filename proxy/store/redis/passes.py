"""Passes in Redis, and what managers are asked for."""

from __future__ import annotations

from proxy.factors.passes.given_pass import Approver, GivenPass
from proxy.factors.passes.vouch import VouchAnswer, VouchRequest
from proxy.store.records import approver_to_json, pass_to_json, readable_pass, readable_vouch, vouch_to_json
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.scripts import PASSES


class RedisPasses:
    """`PassStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def put_pass(self, given: GivenPass) -> bool:
        times = (given.given_at, given.ends_at, self._connections.ttl(given.ends_at))
        values = (pass_to_json(given), given.digest, approver_to_json(given.confirmed_by))
        return bool(
            await self._connections.run(PASSES, "put", given.pass_id, given.guid, *times, *values, durable=True)
        )

    async def passes(self, guid: str | None = None, *, now: float) -> tuple[GivenPass, ...]:
        asked = ("all", now) if guid is None else ("of", guid, now)
        rows = await self._connections.run(PASSES, *asked, is_repeatable=True)
        found = (readable_pass(*row) for row in rows)
        return tuple(sorted(filter(None, found), key=lambda given: given.given_at))

    async def confirm_pass(self, pass_id: str, by: Approver, *, now: float) -> bool:
        return bool(await self._connections.run(PASSES, "confirm", pass_id, approver_to_json(by), now, durable=True))

    async def end_pass(self, pass_id: str) -> bool:
        return bool(await self._connections.run(PASSES, "finish", pass_id, durable=True))

    async def put_vouch(self, request: VouchRequest) -> None:
        times = (request.asked_at, request.expires_at, self._connections.ttl(request.expires_at))
        values = (request.guid, request.vouch_id, *times, vouch_to_json(request))
        await self._connections.run(PASSES, "put_vouch", *values, durable=True)

    async def vouches(self, guid: str | None = None, *, now: float) -> tuple[VouchRequest, ...]:
        rows = await self._connections.run(
            PASSES, "vouches", now, *(() if guid is None else (guid,)), is_repeatable=True
        )
        found = (readable_vouch(*row) for row in rows)
        return tuple(sorted(filter(None, found), key=lambda request: request.asked_at))

    async def answer_vouch(self, guid: str, vouch_id: str, answer: VouchAnswer, *, now: float) -> bool:
        return bool(
            await self._connections.run(PASSES, "answer_vouch", guid, vouch_id, answer.value, now, durable=True)
        )
