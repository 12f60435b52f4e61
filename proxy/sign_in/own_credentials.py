"""Making, listing and removing app passwords and service tokens, and who is told. The same for pages and commands.

Who may make one is decided by whoever asks: on the pages by `enrolling.may_change_factors`. Instants are epoch seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_network

from config.client_kinds import ClientKind
from config.factors import Factor
from config.settings import AppSettings, Settings
from directory.principal import Principal
from proxy.factors.passcode.known_numbers import NumberStore
from proxy.secrets.keys import Keys
from proxy.secrets.tokens import app_password, new_app_password, new_service_token, token_digest
from proxy.sessions.session_store import SessionStore
from proxy.sessions.way import TOKEN_HOST
from proxy.sign_in.changed_numbers import Notice, Notices, number_on_file
from proxy.sign_in.credentials import Credential, CredentialStore, new_credential_id

MOST_PER_PERSON = 50
_KIND_OF = {Factor.APP_PASSWORD: ClientKind.APP_PASSWORD, Factor.SERVICE_TOKEN: ClientKind.BEARER}
_METHOD = re.compile(r"[A-Z][A-Z-]{0,31}", re.ASCII)


class WrongLimits(ValueError):
    """The text says what is wrong with methods or networks, and quotes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedCredential:
    """What is to be made."""

    factor: Factor
    app: str
    name: str
    ends_at: float
    methods: tuple[str, ...] | None = None
    networks: tuple[str, ...] | None = None


def apps_taking(apps: Sequence[AppSettings], factor: Factor) -> list[AppSettings]:
    """Those that take this kind of credential. Pure."""
    return [app for app in apps if _KIND_OF[factor] in app.clients]


def read_methods(text: str) -> tuple[str, ...] | None:
    """As people type them: ``get, PROPFIND``. ``GET`` covers ``HEAD``, as in rules. None: all. Raises `WrongLimits`."""
    methods = dict.fromkeys(text.upper().replace(",", " ").split())
    for each in methods:
        if not _METHOD.fullmatch(each):
            raise WrongLimits(f"{each!r} is no method: write GET, PROPFIND")
    if "GET" in methods:
        methods["HEAD"] = None
    return tuple(methods) or None


def read_networks(text: str) -> tuple[str, ...] | None:
    """``10.0.0.0/8, 2001:db8::1``. None: from everywhere. Raises `WrongLimits`."""
    networks = []
    for each in text.replace(",", " ").split():
        try:
            networks.append(str(ip_network(each)))
        except ValueError:
            raise WrongLimits(f"{each!r} is no network: write 10.0.0.0/8 or an address") from None
    return tuple(dict.fromkeys(networks)) or None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCredentials:
    """Methods raise `StoreUnavailable`."""

    store: CredentialStore
    sessions: SessionStore
    numbers: NumberStore
    settings: Settings
    keys: Keys
    notices: Notices
    notice_of: Callable[[Factor, bool], Notice]
    """What is told of one that was made (True) or removed: put into words by the adapter."""

    async def of(self, guid: str | None, *, now: float) -> list[Credential]:
        """One person's, or everybody's, with the last use: that of the session that stands, or when it began."""
        return [await self._with_last_use(each) for each in await self.store.credentials(guid, now=now)]

    async def make(
        self, principal: Principal, wanted: WantedCredential, *, incident: str, now: float
    ) -> tuple[Credential, str] | None:
        """What is kept, and the secret, which nobody can read again; None: the person has too many. They are told."""
        secret = new_app_password() if wanted.factor is Factor.APP_PASSWORD else new_service_token()
        plain = app_password(secret.encode()) if wanted.factor is Factor.APP_PASSWORD else secret.encode()
        made = Credential(
            credential_id=new_credential_id(),
            factor=wanted.factor,
            guid=principal.guid,
            realm=principal.realm,
            username=principal.username,
            name=wanted.name,
            app=wanted.app,
            digest=token_digest(plain or b""),
            made_at=now,
            ends_at=wanted.ends_at,
            methods=wanted.methods,
            networks=wanted.networks,
        )
        if not await self.store.put_credential(made, most=MOST_PER_PERSON):
            return None
        await self._tell(principal, wanted.factor, is_made=True, incident=incident)
        return made, secret

    async def remove(self, credential: Credential) -> bool:
        """Remove it and end its session on every worker and node. False: it was gone; its session ends all the same.

        The session ends first: where that fails, the credential is still listed, and all of this can be done again.
        """
        await self._end_session(credential)
        removed = await self.store.remove_credentials([credential.credential_id])
        await self._end_session(credential)  # another one may have begun in between
        return removed > 0

    async def _end_session(self, credential: Credential) -> None:
        standing = await self.sessions.session_by_cookie(credential.digest, TOKEN_HOST)
        if standing is not None:
            await self.sessions.end_session(standing.session_id)

    async def tell_removed(self, principal: Principal, factor: Factor, *, incident: str) -> None:
        await self._tell(principal, factor, is_made=False, incident=incident)

    async def _with_last_use(self, credential: Credential) -> Credential:
        standing = await self.sessions.session_by_cookie(credential.digest, TOKEN_HOST)
        if standing is None:
            return credential
        return replace(credential, used_at=max(standing.last_used_at, credential.used_at or 0.0))

    async def _tell(self, principal: Principal, factor: Factor, *, is_made: bool, incident: str) -> None:
        """As of factors (`Enrolling`): it may be a thief who makes one."""
        number = await number_on_file(self.settings.mobile, self.numbers, self.keys, principal)
        worded = partial(self.notice_of, factor, is_made)
        self.notices.send(principal, number, worded, phone="phone", incident=incident)
