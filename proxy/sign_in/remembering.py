"""Browsers that are remembered: one stands for the second factors of its scheme, beside a password proven just now.

It stands for nothing else: not for a first factor, not for another scheme, not where a proof must be fresh
(`access.schemes.missing_of`), not on a shared network. Whether one stands is decided in `factors.remembered.browser`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from config.factors import Factor
from config.settings import MobileSettings, NetworkSettings, SchemeSettings
from directory.principal import Principal
from proxy.access.shared_networks import shared_network
from proxy.factors.challenge import Challenge
from proxy.factors.passcode.known_numbers import NumberStore
from proxy.factors.proof import missing_choices
from proxy.factors.remembered.browser import RememberedBrowser, name_of, next_value, password_of, why_fallen
from proxy.factors.remembered.browser_store import RememberedBrowserStore, ValueUse
from proxy.factors.second_factor import Chosen, SecondFactor, Unusable
from proxy.secrets.keys import Keys, Purpose
from proxy.secrets.tokens import new_token, token_digest
from proxy.sessions.session import Level, Session
from proxy.sign_in.changed_numbers import Notice, Notices, number_on_file
from proxy.sign_in.client import Client
from proxy.sign_in.outcomes import RememberedClient
from proxy.sign_in.password import PersonProven
from proxy.sign_in.sign_in_log import SignInLog

MOST_PER_PERSON = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembering:
    """Methods raise `StoreUnavailable`."""

    schemes: Sequence[SchemeSettings]
    networks: Sequence[NetworkSettings]
    mobile: MobileSettings
    factors: Mapping[Factor, SecondFactor]
    store: RememberedBrowserStore
    numbers: NumberStore
    keys: Keys
    log: SignInLog
    notices: Notices
    stolen: Callable[[], Notice] | None
    """What is told of a browser whose cookie somebody has copied; None: nothing."""

    async def stands_in(
        self, client: Client, proven: PersonProven, scheme: SchemeSettings, *, now: float
    ) -> RememberedClient | None:
        """Whether the client stands for the second factors of the person's scheme, and what it keeps from now on.

        An old value means that somebody has copied it: then none of the person's browsers is remembered any more.
        """
        principal, value = proven.principal, client.remembered
        if not value or proven.factor is not Factor.PASSWORD or proven.must_change or scheme.remember is None:
            return None
        if shared_network(self.networks, client.address) is not None:
            return None
        browser = await self.store.browser(name_of(value))
        if browser is None or browser.guid != principal.guid or browser.scheme != scheme.name:
            return None
        # Whatever the master key was when another tab brought the same value.
        values = [next_value(key, value) for key in self.keys.accepted(Purpose.REMEMBERED_BROWSERS)]
        turned = await self.store.turn_browser(
            browser.name, digest=token_digest(value), becomes=token_digest(values[0]), now=now
        )
        if turned.use is ValueUse.GONE:
            return None
        if turned.use is ValueUse.STOLEN:
            await self._forget_stolen(client, principal)
            return None
        fallen = why_fallen(browser, principal, scheme, await self._held(principal, browser), now=now)
        if fallen is not None:
            await self.store.forget_browsers(principal.guid, [browser.name])
            self.log.browsers_forgotten(client, principal, fallen.value, count=1)
            return None
        in_force = next((each for each in (value, *values) if token_digest(each) == turned.digest), value)
        return RememberedClient(value=in_force, seconds=browser.expires_at - now)

    async def is_kept(self, client: RememberedClient) -> bool:
        """Whether nobody has forgotten it since it was judged."""
        return await self.store.browser(name_of(client.value)) is not None

    def offers(self, client: Client, session: Session, challenge: Challenge) -> float | None:
        """For how many seconds the client may be remembered once this session has answered the challenge; None: not.
        Never by a pass, which ends today, nor by a mail in the place of an SMS, which counts while a rung is in force.
        Pure."""
        if challenge.factor is Factor.PASS or session.confined is not None:
            return None
        if Factor.EMAIL_FOR_SMS in (challenge.factor, *session.proven_factors):
            return None
        scheme = self._scheme(session.scheme)
        if shared_network(self.networks, client.address) is not None:
            return None
        is_last = len(missing_choices(session.factors, session.proven_factors)) == 1
        if scheme is None or scheme.factors != session.factors or session.level is not Level.FIRST_FACTOR:
            return None
        if not is_last or session.begun_with is not Factor.PASSWORD or session.password_must_change:
            return None
        return scheme.remember if password_of(session.principal) else None

    async def remember(
        self, client: Client, session: Session, challenge: Challenge, *, now: float
    ) -> RememberedClient | None:
        """Remember the client of a session that has just proven its last factor by `challenge`: one that `offers`."""
        scheme, principal, value = self._scheme(session.scheme), session.principal, new_token()
        second = [proof.factor for proof in session.proven[1:]]
        ways = {factor: await self.factors[factor].held_by(principal, factor) for factor in second}
        digests = {factor: way.digest for factor, way in ways.items() if isinstance(way, Chosen)}
        # What was proven, even if the directory holds another number by now: then it stands for nothing.
        digests[challenge.factor] = challenge.number_digest
        if scheme is None or scheme.remember is None or digests.keys() != set(second):
            return None
        if client.remembered and (before := await self.store.browser(name_of(client.remembered))) is not None:
            await self.store.forget_browsers(before.guid, [before.name])
        browser = RememberedBrowser(
            name=name_of(value),
            guid=principal.guid,
            realm=principal.realm,
            scheme=scheme.name,
            proven=tuple(digests.items()),
            password=password_of(principal),
            account=principal.account_mark,
            made_at=now,
            used_at=now,
            expires_at=now + scheme.remember,
            client_address=client.address,
            user_agent=client.user_agent,
        )
        await self.store.put_browser(browser, digest=token_digest(value), most=MOST_PER_PERSON)
        self.log.browser_remembered(client, session)
        return RememberedClient(value=value, seconds=scheme.remember)

    async def take_back(self, client: Client, principal: Principal, made: RememberedClient) -> None:
        await self.forget(client, principal, [name_of(made.value)], reason="session_gone")

    async def of(self, principal: Principal, *, now: float) -> list[RememberedBrowser]:
        """Those that would stand for something now, the latest used first."""
        found = []
        for each in await self.store.browsers(principal.guid):
            held = await self._held(principal, each)
            if why_fallen(each, principal, self._scheme(each.scheme), held, now=now) is None:
                found.append(each)
        return sorted(found, key=lambda each: each.used_at, reverse=True)

    async def forget(self, client: Client, principal: Principal, names: Collection[str] | None, *, reason: str) -> int:
        """These of the person's, or all; how many there were."""
        count = await self.store.forget_browsers(principal.guid, names)
        if count:
            self.log.browsers_forgotten(client, principal, reason, count=count)
        return count

    async def _forget_stolen(self, client: Client, principal: Principal) -> None:
        forgotten = await self.forget(client, principal, None, reason="stolen")
        if forgotten and self.stolen is not None:  # of many uses of a copy at one time, one tells the person
            number = await number_on_file(self.mobile, self.numbers, self.keys, principal)
            self.notices.send(principal, number, self.stolen, phone="phone", incident=client.incident)

    async def _held(self, principal: Principal, browser: RememberedBrowser) -> dict[Factor, Chosen | Unusable]:
        factors = [factor for factor, _ in browser.proven if factor in self.factors]
        return {factor: await self.factors[factor].held_by(principal, factor) for factor in factors}

    def _scheme(self, name: str) -> SchemeSettings | None:
        return next((each for each in self.schemes if each.name == name), None)
