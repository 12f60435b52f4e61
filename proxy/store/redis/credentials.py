"""App passwords and service tokens in Redis."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from proxy.sign_in.credentials import Credential
from proxy.store.records import credential_to_json, readable_credential
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.scripts import CREDENTIALS


class RedisCredentials:
    """`CredentialStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def put_credential(self, credential: Credential, *, most: int) -> bool:
        times = (credential.made_at, credential.ends_at, self._connections.ttl(credential.ends_at))
        named = (credential.credential_id, credential.guid, credential.digest.hex())
        arguments = (*named, *times, most, credential_to_json(credential))
        return bool(await self._connections.run(CREDENTIALS, "put", *arguments, durable=True))

    async def credential_by(self, digest: bytes) -> Credential | None:
        row = await self._connections.run(CREDENTIALS, "by_digest", digest.hex(), is_repeatable=True)
        return _credential(row) if row else None

    async def credentials(self, guid: str | None = None, *, now: float) -> tuple[Credential, ...]:
        asked = ("all", now) if guid is None else ("of", guid, now)
        rows = await self._connections.run(CREDENTIALS, *asked, is_repeatable=True)
        return tuple(sorted(filter(None, map(_credential, rows)), key=lambda each: each.made_at))

    async def note_credential_use(self, credential_id: str, *, now: float) -> None:
        await self._connections.run(CREDENTIALS, "use", credential_id, now, is_repeatable=True)

    async def remove_credentials(self, ids: Collection[str]) -> int:
        return int(await self._connections.run(CREDENTIALS, "remove", *ids, durable=True)) if ids else 0


def _credential(row: Sequence[Any]) -> Credential | None:
    credential_id, record, guid, digest, made_at, ends_at, used_at = row
    return readable_credential(
        record,
        credential_id=credential_id.decode(),
        guid=guid.decode(),
        digest=bytes.fromhex(digest.decode()),
        made_at=float(made_at),
        ends_at=float(ends_at),
        used_at=float(used_at) if used_at else None,
    )
