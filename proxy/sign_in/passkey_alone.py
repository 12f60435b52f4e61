"""The first factor by passkey: whose it is, and whether their account may be used now. No password is typed."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from config.factors import Factor
from directory.directory import DescribingDirectory, RefusalReason
from directory.errors import DirectoryError
from directory.principal import Principal
from directory.realms import Realms
from proxy.factors.enrolment import Enrolment, is_of
from proxy.factors.passkey.passkey import PasskeyRefusal
from proxy.factors.passkey.passkeys import ASKED_SECONDS, Passkeys
from proxy.secrets.keys import Keys, Purpose
from proxy.sign_in.account_stops import account_stops
from proxy.sign_in.client import Client
from proxy.sign_in.password import AddressThrottled, PersonProven
from proxy.sign_in.sign_in_log import SignInLog
from proxy.throttle.counter_store import Counter, CounterStore
from proxy.throttle.throttle import Throttle

_REMEMBERED_SECONDS = 2 * ASKED_SECONDS
"""Clocks of nodes differ a little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyGiven:
    """What came back with the form."""

    assertion: str
    """JSON."""
    stamp: str
    """See `Passkeys.ask_anybody`."""


@dataclass(frozen=True, slots=True)
class PasskeyRefusedHere:
    """It proves nobody who may sign in. Why stands in the log alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyStep:
    """The step that takes an assertion."""

    passkeys: Passkeys
    realms: Realms
    throttle: Throttle
    counters: CounterStore
    keys: Keys
    log: SignInLog

    async def prove(
        self, client: Client, given: PasskeyGiven, *, now: float
    ) -> PersonProven | PasskeyRefusedHere | AddressThrottled:
        """Raises `DirectoryError` and `StoreUnavailable`. A try counts as one of a password does for its address. It
        counts for nobody: the name of a passkey is no secret, and must lock nobody out."""
        throttled = await self.throttle.reserve_address(client.address, now=now)
        if throttled is not None:
            self.log.refused(client, throttled.limit.value, factor=Factor.PASSKEY.value)
            return AddressThrottled(throttled.retry_after_seconds)
        try:
            holder = await self._holder(client, given, now=now)
        except DirectoryError:
            await self.throttle.give_back_address(client.address, now=now)
            raise
        if holder is None:
            return PasskeyRefusedHere()
        await self.throttle.give_back_address(client.address, now=now)
        return PersonProven(holder, Factor.PASSKEY)

    async def _holder(self, client: Client, given: PasskeyGiven, *, now: float) -> Principal | None:
        """None: it was refused, and that is logged."""
        used = await self._use(client, given, now=now)
        if isinstance(used, PasskeyRefusal):
            self.log.refused(client, used.value, factor=Factor.PASSKEY.value)
            return None
        found = await self._judged(used)
        if isinstance(found, RefusalReason):
            facts = {"guid": used.guid, "factor": Factor.PASSKEY.value}
            self.log.refused(client, found.value, realm=used.realm, **facts)
            return None
        return found

    async def _use(self, client: Client, given: PasskeyGiven, *, now: float) -> Enrolment | PasskeyRefusal:
        """An assertion opens once, on whatever worker or node: what it was asked for is remembered in the store."""
        seen = await self.passkeys.judge_alone(given.assertion, browser=client.browser, stamp=given.stamp, now=now)
        if isinstance(seen, PasskeyRefusal):
            return seen
        key = hmac.digest(self.keys.derive(Purpose.THROTTLE), b"passkey\0" + seen.challenge, "sha256")
        once = Counter(key=key, limit=1, window_seconds=_REMEMBERED_SECONDS)
        if await self.counters.reserve([once], now=now) is not None:
            return PasskeyRefusal.SEEN_BEFORE
        return await self.passkeys.use(seen, now=now)

    async def _judged(self, enrolment: Enrolment) -> Principal | RefusalReason:
        """The person as the directory knows them now, read by the service account."""
        directory = self.realms.of(enrolment.realm)
        state = await directory.state(enrolment.guid) if isinstance(directory, DescribingDirectory) else None
        if state is None or not is_of(enrolment, state.principal):
            return RefusalReason.UNKNOWN
        stops = account_stops(state, Factor.PASSKEY, can_change_password=False)
        return stops[0] if stops else state.principal
