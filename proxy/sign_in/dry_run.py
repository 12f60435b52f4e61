"""A sign-in that asks everything and changes nothing: could this person sign in from here, and what would stop them?

It decides by the same functions as a sign-in, on what directory and store say now. Where a sign-in adds to a count, it
only reads the count. It continues after a block, because the help desk wants to hear of everything that blocks. It
assumes what nobody can know beforehand: that the person types the right password (or has a Kerberos ticket) and the
right passcodes, in a browser that is not remembered, and that a relay takes the messages.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from config.factors import FIRST_FACTORS, Choice, Factor
from config.settings import ActiveDirectorySettings, DirectorySettings, SchemeSettings, Settings
from directory.change_outcomes import PasswordChanger
from directory.directory import AccountState, DescribingDirectory, Directory
from directory.login_name import LoginName
from directory.principal import Account, Principal
from proxy.access.policy import NotInGroups, NotInPass, judge, judge_confinement
from proxy.access.schemes import Asked, choose_scheme, create_app_demand, is_offered
from proxy.factors.enrolment_store import EnrolmentStore
from proxy.factors.passcode.known_numbers import NumberStore
from proxy.factors.passcode.passcodes import Judged, number_destination
from proxy.factors.passes.given_pass import GivenPass
from proxy.factors.passes.pass_store import PassStore
from proxy.factors.passes.vouch import NoVouch
from proxy.factors.passkey.passkeys import Passkeys
from proxy.factors.proof import missing_choices
from proxy.factors.second_factor import Chosen, Lack, Unusable, first_usable_way
from proxy.secrets.keys import MASTER_KEY_BYTES, Keys, Purpose
from proxy.sign_in.account_stops import account_stops
from proxy.sign_in.changed_numbers import NumberFound, confirmable, number_found
from proxy.sign_in.create import create_passes, second_factors
from proxy.sign_in.foreseen import AppFound, Foreseen, ForeseenWay, LimitFound, Obstacle, Stop
from proxy.sign_in.schemes_found import judge_schemes
from proxy.sign_in.voucher import voucher_of
from proxy.throttle.counter_store import ThrottleStore
from proxy.throttle.limits import CounterState, Limit
from proxy.throttle.throttle import Throttle
from proxy.throttle.typed_names import counted_as

_Counted = tuple[Limit, str]
"""A limit, and of `SENDS_PER_NUMBER` where it is sent to."""


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
        standings = await self._standings(
            principal, directory, places, address=address, typed=counted_as(login_name, own), now=now
        )
        given = await self._passes.counting(principal, now=now) if self._knows_counts else None
        ways, takes = [], Counter[_Counted]()
        firsts = first_factors_of(own, settings.schemes)
        for first in firsts:
            walk = _Walk(state, places, standings, can_change_password=isinstance(directory, PasswordChanger))
            way = self._walked(walk, principal, first, given, address=address or "", app=app)
            ways.append(way)
            takes |= walk.takes  # of each limit as much as the way that takes most of it
        return Foreseen(
            state=state,
            ways=tuple(ways),
            schemes=judge_schemes(settings.schemes, principal, address or "", first_factors=firsts, app=app),
            mail=places.mail,
            stand_in=places.stand_in,
            number=await self._number(principal, now),
            limits=tuple(_limits(standings, takes, places.address_of(Factor.SMS))) if self._knows_counts else None,
            password_limits=self._throttle.password_limits(directory),
            voucher=await self._voucher(principal, directory, ways, now),
            apps=tuple(
                AppFound(app=each, is_open=not isinstance(judge(principal, each), NotInGroups))
                for each in settings.apps
            ),
        )

    async def for_anybody(self, *, now: float) -> LimitFound | None:
        """How the limit stands that all persons share; None: no sign-in goes by it, or it cannot be known."""
        asks_for_passcodes = any(len(scheme.factors) > 1 for scheme in self._settings.schemes)
        if not self._knows_counts or not asks_for_passcodes:
            return None
        return LimitFound(standing=await self._throttle.sends_of_day(now=now), takes=1)

    async def _places(self, principal: Principal, now: float) -> _Places:
        """Whether this person can use each second factor now, as a sign-in asks it."""
        held, ways = {}, {}
        for factor, second in self._factors.items():
            held[factor] = ways[factor] = await second.held_by(principal, factor)
            if self._knows_counts:
                ways[factor] = (await second.usable_by(principal, factor, now=now)).way
        return _Places(ways=ways, held=held)

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
        places: _Places,
        *,
        address: str | None,
        typed: str,
        now: float,
    ) -> dict[_Counted, CounterState]:
        """The state of everything that may be counted, in the order in which it is reported."""
        if not self._knows_counts:
            return {}
        throttle = self._throttle
        standings: dict[_Counted, CounterState] = {}
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

    def _walked(
        self, walk: _Walk, principal: Principal, first: Factor, given: GivenPass | None, *, address: str, app: str
    ) -> ForeseenWay:
        """One sign-in, from its first factor to the app. `given`: the pass that they would type."""
        schemes = self._settings.schemes
        if first is Factor.PASSKEY and not is_offered(schemes, first, address, app=app):
            walk.stop(Obstacle.NO_SCHEME)  # before anybody looks whose it is
        walk.take_first(first)
        scheme = choose_scheme(schemes, principal, address, first_factor=first, app=app)
        for choice in () if scheme is None else scheme.factors[1:]:
            walk.take_second(choice)
        if scheme is None:
            walk.stop(Obstacle.NO_SCHEME)
        is_by_pass = Factor.PASS in walk.factors
        if is_by_pass:
            walk.stop_changes()
        wanted = next((each for each in self._settings.apps if each.name == app), None)
        if wanted is not None:
            is_outside = given is not None and isinstance(judge_confinement(given.confinement, wanted), NotInPass)
            if is_by_pass and is_outside:
                walk.stop(Obstacle.NOT_IN_PASS)
            if isinstance(judge(principal, wanted), NotInGroups):
                walk.stop(Obstacle.NOT_IN_GROUPS)
            demand = create_app_demand(wanted, schemes)
            if demand is not None:
                walk.take_more(demand.asked_of(principal, first, address))
            if Factor.PASS in walk.factors and is_outside:
                walk.stop(Obstacle.NOT_IN_PASS)
        return ForeseenWay(first_factor=first, scheme=scheme, factors=tuple(walk.factors), stops=tuple(walk.stops))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """What a person proves each second factor with, or why they cannot."""

    ways: Mapping[Factor, Chosen | Unusable]
    held: Mapping[Factor, Chosen | Unusable]
    """The same, whatever rules say just now."""

    def address_of(self, factor: Factor) -> str:
        """Where its passcodes go, as sends are counted, even while none goes there; empty: nowhere."""
        place = next((each for each in (self.ways[factor], self.held[factor]) if isinstance(each, Chosen)), None)
        return place.address if place is not None else ""

    @property
    def stand_in(self) -> str:
        held = self.held[Factor.SMS]
        return held.masked if isinstance(held, Chosen) and held.number is None else ""

    @property
    def mail(self) -> str:
        way = self.ways[Factor.EMAIL]
        return way.masked if isinstance(way, Chosen) else ""

    def is_sent(self, factor: Factor) -> bool:
        """Whether a passcode of it is sent, or would be if there were a place."""
        place = self.ways[factor]
        return place.kind is not None if isinstance(place, Chosen) else place.lack not in (Lack.ENROLMENT, Lack.PASS)


class _Walk:
    """One sign-in on its way: what it has proven, what it has used of each limit, and what has stopped it so far."""

    def __init__(
        self,
        state: AccountState,
        places: _Places,
        standings: Mapping[_Counted, CounterState],
        *,
        can_change_password: bool,
    ) -> None:
        self._state = state
        self._places = places
        self._standings = standings
        self._can_change_password = can_change_password
        self.factors: list[Factor] = []
        self.stops: list[Stop] = []
        self.takes: Counter[_Counted] = Counter()

    def stop(self, *stops: Stop) -> None:
        self.stops += [each for each in stops if each not in self.stops]

    def take_first(self, factor: Factor) -> None:
        """Name and password, a ticket, or a passkey."""
        if factor is Factor.PASSWORD:
            self._take(Limit.PASSWORDS_PER_ADDRESS, Limit.PASSWORDS_PER_PERSON, Limit.PASSWORDS_FROM_UNFAMILIAR)
        elif factor is Factor.PASSKEY:
            self._take(Limit.PASSWORDS_PER_ADDRESS)
            self.takes[Limit.PASSWORDS_PER_ADDRESS, ""] -= 1  # a right one is given back before the next try
            if isinstance(way := self._places.ways[factor], Unusable):
                self.stop(way)
        self.stop(*account_stops(self._state, factor, can_change_password=self._can_change_password))
        self.factors.append(factor)

    def stop_changes(self) -> None:
        """A password that must be changed is not changed by a pass."""
        self.stop(*account_stops(self._state, self.factors[0], can_change_password=False))

    def take_second(self, choice: Choice) -> None:
        """The first factor of the choice that the person can use, and its answer."""
        way = first_usable_way([self._places.ways[factor] for factor in choice])
        if isinstance(way, Unusable):
            self.stop(way)
        if self._places.is_sent(way.factor):
            address = self._places.address_of(way.factor)
            self._take(Limit.SENDS_PER_PERSON)
            if address:
                self._take(Limit.SENDS_PER_NUMBER, address=address)
            self._take(Limit.SENDS_PER_ADDRESS, Limit.SENDS_PER_DAY)
        if FIRST_FACTORS.issuperset(self.factors[1:]):  # a right answer clears what was counted before the next
            self._take(Limit.PASSCODES_PER_PERSON, Limit.PASSCODE_FAILURES_IN_A_ROW)
        self.factors.append(way.factor)

    def take_more(self, asked: Asked) -> None:
        """The step-up, where an app asks for more than the sign-in."""
        if not asked.scheme:
            self.stop(Obstacle.NO_SCHEME)
            return
        for choice in missing_choices(asked.factors, frozenset(self.factors)):
            if Factor.PASSWORD in choice:
                self.take_first(Factor.PASSWORD)
            elif Factor.KERBEROS in choice:
                self.stop(Obstacle.NEEDS_TICKET)
            else:
                self.take_second(choice)

    def _take(self, *limits: Limit, address: str = "") -> None:
        for limit in limits:
            standing = self._standings.get((limit, address))
            if standing is not None and standing.count + self.takes[limit, address] >= standing.most:
                self.stop(limit)
            self.takes[limit, address] += 1


def _limits(
    standings: Mapping[_Counted, CounterState], takes: Mapping[_Counted, int], number: str
) -> Iterator[LimitFound]:
    """Of the places that passcodes go to, those that are sent to on some way; or else the number."""
    sent_to = [where for (limit, where), amount in takes.items() if limit is Limit.SENDS_PER_NUMBER and amount]
    for (limit, where), standing in standings.items():
        if limit is not Limit.SENDS_PER_NUMBER or where in (sent_to or [number]):
            yield LimitFound(standing=standing, takes=takes.get((limit, where), 0))


def first_factors_of(directory: DirectorySettings | None, schemes: Sequence[SchemeSettings]) -> tuple[Factor, ...]:
    """With which a person of this directory may begin."""
    has_tickets = isinstance(directory, ActiveDirectorySettings) and directory.kerberos_keytab is not None
    takes_passkeys = any(Factor.PASSKEY in scheme.factors[0] for scheme in schemes)
    begins = ((Factor.PASSWORD, True), (Factor.KERBEROS, has_tickets), (Factor.PASSKEY, takes_passkeys))
    return tuple(factor for factor, is_possible in begins if is_possible)
