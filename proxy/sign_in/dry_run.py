"""A sign-in that asks everything and changes nothing: could this person sign in from here, and what would stop them?

It decides by the same functions as a sign-in, on what directory and store say now. Where a sign-in adds to a count, it
only reads the count. It continues after a block, because the help desk wants to hear of everything that blocks. It
assumes what nobody can know beforehand: that the person types the right password (or has a Kerberos ticket) and the
right passcodes, in a browser that is not remembered, and that a relay takes the messages.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from config.factors import Factor
from config.settings import ActiveDirectorySettings, AppSettings, DirectorySettings, SchemeSettings, Settings
from directory.change_outcomes import PasswordChanger
from directory.directory import DescribingDirectory, Directory
from directory.login_name import LoginName
from directory.principal import Account, Principal
from proxy.access.policy import NotInGroups, judge
from proxy.degrade.in_force import NOTHING, Degraded, degraded
from proxy.degrade.rung import DegradeStore
from proxy.factors.enrolment_store import EnrolmentStore
from proxy.factors.passcode.known_numbers import NumberStore
from proxy.factors.passcode.passcodes import Judged, number_destination
from proxy.factors.passes.pass_store import PassStore
from proxy.factors.passes.vouch import NoVouch
from proxy.factors.passkey.passkeys import Passkeys
from proxy.secrets.keys import MASTER_KEY_BYTES, Keys, Purpose
from proxy.sign_in.changed_numbers import NumberFound, confirmable, number_found
from proxy.sign_in.create import create_passes, second_factors
from proxy.sign_in.foreseen import AppFound, Foreseen, ForeseenWay, LimitFound
from proxy.sign_in.schemes_found import judge_schemes
from proxy.sign_in.voucher import voucher_of
from proxy.sign_in.walk import CountedAs, ProofPlaces, Walk, limits_met, walked
from proxy.throttle.counter_store import ThrottleStore
from proxy.throttle.limits import CounterState, Limit
from proxy.throttle.throttle import Throttle
from proxy.throttle.typed_names import counted_as


class DryRunStore(Protocol):
    """What a sign-in looks up about a person before there is a session."""

    @property
    def numbers(self) -> NumberStore: ...

    @property
    def enrolments(self) -> EnrolmentStore: ...

    @property
    def passes(self) -> PassStore: ...

    @property
    def counters(self) -> ThrottleStore: ...

    @property
    def rungs(self) -> DegradeStore: ...


class DryRun:
    def __init__(self, settings: Settings, *, store: DryRunStore, keys: Keys | None) -> None:
        """`keys` name what is counted and remembered; None: they are not there, and nothing of it can be known."""
        self._settings = settings
        self._store = store
        self._knows_counts = keys is not None
        # What is made with keys of the moment meets nothing that is kept: it only says whether there is a place at all.
        self._keys = keys or Keys(secrets.token_bytes(MASTER_KEY_BYTES))
        self._throttle = Throttle(store.counters, settings.throttle, key=self._keys.derive(Purpose.THROTTLE))
        self._passes = create_passes(settings, store.passes, self._keys)
        self._factors = second_factors(
            settings,
            store.numbers,
            store.enrolments,
            self._keys,
            Passkeys(settings, store.enrolments, self._keys),
            self._passes,
        )

    async def foresee(
        self,
        login_name: LoginName,
        directory: Directory,
        account: Account,
        *,
        address: str | None,
        app: str,
        now: float,
    ) -> Foreseen | None:
        """What a sign-in of this account meets from here to this app; None: the directory tells nothing of its state.

        `directory`: the one that the login name belongs to, and that found the account. `address` None: it is not
        known; it counts as one in no network, from which they never signed in. `app`: its name; empty: none is asked
        for. Raises `DirectoryError` and `StoreUnavailable`.
        """
        state = await directory.state(account.guid) if isinstance(directory, DescribingDirectory) else None
        if state is None:
            return None
        principal, settings = state.principal, self._settings
        own = next((each for each in settings.directories if each.name == directory.realm), None)
        places = await self._places(principal, now)
        in_force = await self._degraded(now)
        standings = await self._standings(
            principal, directory, places, address=address, typed=counted_as(login_name, own), now=now
        )
        given = await self._passes.counting(principal, now=now) if self._knows_counts else None
        ways, takes = [], Counter[CountedAs]()
        firsts = first_factors_of(own, settings.schemes)
        for first in firsts:
            walk = Walk(
                state,
                places,
                standings,
                can_change_password=isinstance(directory, PasswordChanger),
                degraded=in_force,
            )
            way = walked(settings, walk, principal, first, given, address=address or "", app=app)
            ways.append(way)
            takes |= walk.takes  # of each limit as much as the way that takes most of it
        return Foreseen(
            state=state,
            ways=tuple(ways),
            schemes=judge_schemes(settings.schemes, principal, address or "", first_factors=firsts, app=app),
            mail=places.mail,
            stand_in=places.stand_in,
            number=await self._number(principal, now),
            limits=tuple(limits_met(standings, takes, places.address_of(Factor.SMS))) if self._knows_counts else None,
            password_limits=self._throttle.password_limits(directory),
            degraded=in_force,
            voucher=await self._voucher(principal, directory, ways, now),
            apps=tuple(_app_found(each, principal, settings.schemes) for each in settings.apps),
        )

    async def for_anybody(self, *, now: float) -> LimitFound | None:
        """How the limit stands that all persons share; None: no sign-in goes by it, or it cannot be known."""
        asks_for_passcodes = any(len(scheme.factors) > 1 for scheme in self._settings.schemes)
        if not self._knows_counts or not asks_for_passcodes:
            return None
        return LimitFound(standing=await self._throttle.sends_of_day(now=now), takes=1)

    async def _degraded(self, now: float) -> Degraded:
        """What is in force of `[[degrade]]`."""
        rungs = self._settings.degrade
        return degraded(await self._store.rungs.rungs(), rungs, now) if rungs and self._knows_counts else NOTHING

    async def _places(self, principal: Principal, now: float) -> ProofPlaces:
        """Whether this person can use each second factor now, as a sign-in asks it."""
        held, ways = {}, {}
        for factor, second in self._factors.items():
            held[factor] = ways[factor] = await second.held_by(principal, factor)
            if self._knows_counts:
                ways[factor] = (await second.usable_by(principal, factor, now=now)).way
        return ProofPlaces(ways=ways, held=held)

    async def _voucher(
        self, principal: Principal, directory: Directory, ways: Sequence[ForeseenWay], now: float
    ) -> Principal | NoVouch | None:
        takes_passes = any(Factor.PASS in way.scheme.factors[-1] for way in ways if way.scheme is not None)
        if not (self._settings.help_desk.vouching and takes_passes):
            return None
        return await voucher_of(principal, directory, self._store.passes, now=now)

    async def _number(self, principal: Principal, now: float) -> NumberFound | None:
        """To be told; what follows from it stands in `_places`."""
        if not self._knows_counts:
            return None
        found = await number_destination(self._settings, self._store.numbers, self._keys, principal, now=now, see=False)
        return number_found(found, confirmable(found, self._keys, principal)) if isinstance(found, Judged) else None

    async def _standings(
        self,
        principal: Principal,
        directory: Directory,
        places: ProofPlaces,
        *,
        address: str | None,
        typed: str,
        now: float,
    ) -> dict[CountedAs, CounterState]:
        """The state of everything that may be counted, in the order in which it is reported."""
        if not self._knows_counts:
            return {}
        throttle = self._throttle
        standings: dict[CountedAs, CounterState] = {}
        for standing in await throttle.standings(
            person=principal.guid,
            limits=throttle.password_limits(directory),
            number=None,
            address=address,
            typed=typed,
            now=now,
        ):
            standings[standing.limit, ""] = standing
            if standing.limit is Limit.SENDS_PER_PERSON:
                for place in filter(None, map(places.address_of, self._factors)):
                    standings[Limit.SENDS_PER_NUMBER, place] = await throttle.sent_to(place, now=now)
        return standings


def _app_found(app: AppSettings, principal: Principal, schemes: Sequence[SchemeSettings]) -> AppFound:
    fresh = {scheme.name: scheme.fresh for scheme in schemes}
    return AppFound(
        app=app,
        is_open=not isinstance(judge(principal, app), NotInGroups),
        fresh=fresh.get(app.scheme or ""),
        has_fresh_rules=any(fresh.get(rule.scheme or "") is not None for rule in app.rules),
    )


def first_factors_of(directory: DirectorySettings | None, schemes: Sequence[SchemeSettings]) -> tuple[Factor, ...]:
    """With which a person of this directory may begin."""
    has_tickets = isinstance(directory, ActiveDirectorySettings) and directory.kerberos_keytab is not None
    takes_passkeys = any(Factor.PASSKEY in scheme.factors[0] for scheme in schemes)
    begins = ((Factor.PASSWORD, True), (Factor.KERBEROS, has_tickets), (Factor.PASSKEY, takes_passkeys))
    return tuple(factor for factor, is_possible in begins if is_possible)
