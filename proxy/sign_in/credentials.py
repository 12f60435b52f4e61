"""What clients without a browser hold: app passwords that persons make for themselves, and service tokens.

Each is for one person and one app, has an end, and is one factor. Only its SHA-256 is kept. Instants are epoch seconds.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from config.factors import Factor
from directory.principal import Principal
from proxy.factors.confinement import Confinement
from proxy.sessions.credential_use import UseRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    credential_id: str
    """128 random bits in hexadecimal. Names it in forms, commands and the log; knowing it opens nothing."""
    factor: Factor
    """`APP_PASSWORD` or `SERVICE_TOKEN`."""
    guid: str
    realm: str
    username: str
    """For lists: the directory is not asked about everybody on them."""
    name: str
    """As whoever made it called it."""
    app: str
    digest: bytes = field(repr=False)
    made_at: float
    ends_at: float
    methods: tuple[str, ...] | None = None
    networks: tuple[str, ...] | None = None
    used_at: float | None = None
    """When a session began by it last."""

    @property
    def confinement(self) -> Confinement:
        return Confinement(
            apps=(self.app,),
            ends_at=self.ends_at,
            credential_id=self.credential_id,
            methods=self.methods,
            networks=self.networks,
        )


def new_credential_id() -> str:
    """It is typed after a command, so it must not begin with a dash."""
    return secrets.token_hex(16)


def judge_credential(found: Credential | None, factor: Factor, *, now: float) -> Credential | UseRefused:
    """Whether a session may begin by it; `factor`: what it was brought as. Pure. The account is not asked here."""
    if found is None or found.factor is not factor:
        return UseRefused.UNKNOWN
    return UseRefused.OVER if now >= found.ends_at else found


def is_of_account(credential: Credential, principal: Principal) -> bool:
    """An objectGUID is one account's for ever; a local user's realm may be taken over by another."""
    return (credential.guid, credential.realm) == (principal.guid, principal.realm)


class CredentialStore(Protocol):
    """One that is over may still be there. Changes are durable. Methods raise `StoreUnavailable`."""

    async def put_credential(self, credential: Credential, *, most: int) -> bool:
        """False, and nothing kept, if the person has `most` that are not over at `made_at`."""
        ...

    async def credential_by(self, digest: bytes) -> Credential | None: ...

    async def credentials(self, guid: str | None = None, *, now: float) -> tuple[Credential, ...]:
        """One person's, or everybody's, the oldest first; without those that are over."""
        ...

    async def note_credential_use(self, credential_id: str, *, now: float) -> None:
        """Never moves an instant backwards. Not durable."""
        ...

    async def remove_credentials(self, ids: Collection[str]) -> int:
        """How many there were."""
        ...
