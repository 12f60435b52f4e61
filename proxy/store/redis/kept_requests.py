"""Requests that met an ended session, in Redis: sealed by their callers, each with the instant when it is over."""

from __future__ import annotations

from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.record_texts import instant
from proxy.store.redis.scripts import KEEPING


class RedisKeptRequests:
    """`KeptRequestStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def put_kept_request(self, digest: bytes, sealed: bytes, *, expires_at: float) -> None:
        arguments = (digest.hex(), sealed, instant(expires_at), self._connections.ttl(expires_at))
        await self._connections.run(KEEPING, "keep_request", *arguments, is_repeatable=True)

    async def kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        kept = self._connections.key("kept", digest.hex())
        return _sealed(await self._connections.command("GET", kept, is_repeatable=True), now)

    async def take_kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        return _sealed(await self._connections.run(KEEPING, "take_request", digest.hex(), durable=True), now)


def _sealed(found: bytes | None, now: float) -> bytes | None:
    if found is None:
        return None
    expires_at, _, sealed = found.partition(b"\n")
    return sealed if now < float(expires_at) else None
