"""A session begins by a credential, for a client that has none: whose it is, and whether their account may be used now.

Nobody is asked for a password, so nothing of this counts in a directory. What is found once is a session like any
other: it is forwarded from memory, and ends when the account changes.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from config.settings import SchemeSettings, SessionSettings
from directory.directory import DescribingDirectory, RefusalReason
from directory.errors import DirectoryError
from directory.principal import Principal
from directory.realms import Realms
from proxy.access.schemes import choose_scheme
from proxy.degrade.board import DegradeBoard
from proxy.secrets.keys import Keys, Purpose
from proxy.sessions.credential_use import CredentialUse, UseRefused, UseThrottled
from proxy.sessions.session_store import SessionStore
from proxy.sessions.way import TOKEN_HOST, Way
from proxy.sign_in.account_stops import account_stops
from proxy.sign_in.attempt import PersonLocks
from proxy.sign_in.client import Client
from proxy.sign_in.credentials import Credential, CredentialStore, is_of_account, judge_credential
from proxy.sign_in.session_steps import SessionSteps
from proxy.sign_in.sign_in_log import SignInLog
from proxy.throttle.counter_store import Counter, CounterStore
from proxy.throttle.throttle import Throttle

_ASKED_SECONDS = 60.0
_ASKED_MOST = 20
"""How often within that time the directory is asked about the account of one credential, if it says no each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialStep:
    """`CredentialUses`."""

    store: CredentialStore
    session_store: SessionStore
    sessions: SessionSteps
    schemes: Sequence[SchemeSettings]
    degrade: DegradeBoard
    limits: SessionSettings
    realms: Realms
    throttle: Throttle
    counters: CounterStore
    locks: PersonLocks
    keys: Keys
    log: SignInLog
    clock: Callable[[], float]

    async def begin_session(self, use: CredentialUse) -> UseRefused | UseThrottled | None:
        """See `CredentialUses`. Wrong ones count for their address, and above a limit they are told so. A right one
        passes even then: it cannot be guessed, and a forgotten client of one person must not stop a whole office."""
        now = self.clock()
        client = self._client(use)
        found = await self.store.credential_by(use.digest) if use.digest is not None else None
        judged = judge_credential(found, use.factor, now=now)
        if not isinstance(judged, Credential):
            refused = UseRefused.MALFORMED if use.digest is None else judged
            throttled = await self.throttle.reserve_credential(use.address, now=now)
            self.log.credential_refused(client, refused.value, app=use.app, credential=found)
            return refused if throttled is None else UseThrottled(throttled.retry_after_seconds)
        async with self.locks.of(judged.guid):  # of many requests at once, one asks the directory
            standing = await self.session_store.session_by_cookie(judged.digest, TOKEN_HOST)
            if standing is not None and not standing.is_over(self.limits, self.clock()):
                return None
            return await self._begin_by(client, judged, now=self.clock())

    async def _begin_by(
        self, client: Client, credential: Credential, *, now: float
    ) -> UseRefused | UseThrottled | None:
        asked = self._asked(credential)
        reached = await self.counters.reserve([asked], now=now)
        if reached is not None:
            return UseThrottled(max(1, math.ceil(reached.window_ends_at - now)))
        await self.log.can_be_proved()
        try:
            person = await self._person(credential)
        except DirectoryError:
            await self.counters.give_back(asked.key, now=now)
            return UseRefused.DIRECTORY_AWAY
        if isinstance(person, RefusalReason):
            self.log.credential_refused(client, person.value, app=credential.app, credential=credential)
            return UseRefused.ACCOUNT
        if choose_scheme(self.schemes, person, client.address, first_factor=None, app=credential.app) is None:
            # It opens no more than a sign-in there could: schemes say who may come, and from where.
            self.log.credential_refused(client, UseRefused.NO_SCHEME.value, app=credential.app, credential=credential)
            return UseRefused.NO_SCHEME
        await self.counters.give_back(asked.key, now=now)
        now = self.clock()  # the directory may have been slow
        if (await self.degrade.at(now)).stops_sign_in(credential.factor) is not None:
            self.log.credential_refused(client, UseRefused.CLOSED.value, app=credential.app, credential=credential)
            return UseRefused.CLOSED
        is_kept = is_recorded = False
        try:
            begun = await self.sessions.begin_by_credential(
                replace(client, confined=credential.confinement),
                person,
                credential.factor,
                cookie=credential.digest,
                limits=self.limits,
                now=now,
            )
            is_kept = await self.store.credential_by(credential.digest) is not None
            if is_kept and begun:
                await self.log.credential_used(client, person, credential)
            is_recorded = True
        finally:
            # Removed in the meantime, or nobody knows, because the store is away or the client is: who removed it may
            # not have seen this session, which began just now. Nor may it stand where the audit could not tell of it:
            # the client has what opens it.
            if not (is_kept and is_recorded):
                await self._end_session_of(credential)
        if not is_kept:
            return UseRefused.UNKNOWN
        if begun:
            await self.store.note_credential_use(credential.credential_id, now=now)
        return None

    async def _end_session_of(self, credential: Credential) -> None:
        standing = await self.session_store.session_by_cookie(credential.digest, TOKEN_HOST)
        if standing is not None:
            await self.session_store.end_session(standing.session_id)

    async def _person(self, credential: Credential) -> Principal | RefusalReason:
        """As the directory knows them now, read by the service account."""
        directory = self.realms.of(credential.realm)
        state = await directory.state(credential.guid) if isinstance(directory, DescribingDirectory) else None
        if state is None or not is_of_account(credential, state.principal):
            return RefusalReason.UNKNOWN
        stops = account_stops(state, credential.factor, can_change_password=False)
        return stops[0] if stops else state.principal

    def _asked(self, credential: Credential) -> Counter:
        name = b"credential\0" + credential.credential_id.encode()
        key = hmac.digest(self.keys.derive(Purpose.THROTTLE), name, "sha256")
        return Counter(key=key, limit=_ASKED_MOST, window_seconds=_ASKED_SECONDS)

    def _client(self, use: CredentialUse) -> Client:
        return Client(
            address=use.address,
            host=TOKEN_HOST,
            browser="",
            incident=use.incident,
            user_agent=use.user_agent,
            way=Way(use.factor.value),
        )
