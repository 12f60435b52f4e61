"""One sign-in as it would go, step by step: pure, on what was looked up beforehand (`dry_run.py`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from config.factors import FIRST_FACTORS, Choice, Factor
from config.settings import AppSettings, Settings
from directory.directory import AccountState
from directory.principal import Principal
from proxy.access.policy import NotInGroups, NotInPass, asked_for, judge, judge_confinement
from proxy.access.rules import PathRule
from proxy.access.schemes import Asked, choose_scheme, create_app_demand, is_offered
from proxy.degrade.in_force import NOTHING, Degraded
from proxy.factors.passes.given_pass import GivenPass
from proxy.factors.proof import missing_choices
from proxy.factors.second_factor import Chosen, Lack, Unusable, first_usable_way
from proxy.sign_in.account_stops import account_stops
from proxy.sign_in.foreseen import ForeseenWay, LimitFound, Obstacle, Stop
from proxy.throttle.limits import CounterState, Limit

CountedAs = tuple[Limit, str]
"""A limit, and of `SENDS_PER_NUMBER` where it is sent to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofPlaces:
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


class Walk:
    """One sign-in on its way: what it has proven, what it has used of each limit, and what has stopped it so far."""

    def __init__(
        self,
        state: AccountState,
        places: ProofPlaces,
        standings: Mapping[CountedAs, CounterState],
        *,
        can_change_password: bool,
        degraded: Degraded = NOTHING,
    ) -> None:
        self._degraded = degraded
        self._state = state
        self._places = places
        self._standings = standings
        self._can_change_password = can_change_password
        self.factors: list[Factor] = []
        self.stops: list[Stop] = []
        self.takes: Counter[CountedAs] = Counter()

    def stop(self, *stops: Stop) -> None:
        self.stops += [each for each in stops if each not in self.stops]

    def begin(self, factor: Factor) -> None:
        """Before anybody is asked who this is."""
        if (closed := self._degraded.stops_sign_in(factor)) is not None:
            self.stop(closed)

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
        way = first_usable_way([self._degraded.judged(factor, choice, self._places.ways[factor]) for factor in choice])
        if isinstance(way, Unusable):
            self.stop(way)
        is_off = isinstance(way, Unusable) and way.lack is Lack.SMS_OFF
        if self._places.is_sent(way.factor) and not is_off:
            address = self._places.address_of(way.factor)
            self._take(Limit.SENDS_PER_PERSON)
            if address:
                self._take(Limit.SENDS_PER_NUMBER, address=address)
            self._take(Limit.SENDS_PER_ADDRESS, Limit.SENDS_PER_DAY)
        if FIRST_FACTORS.issuperset(self.factors[1:]):  # a right answer clears what was counted before the next
            self._take(Limit.PASSCODES_PER_PERSON, Limit.PASSCODE_FAILURES_IN_A_ROW)
        self.factors.append(way.factor)

    def reach(self, app: AppSettings, rule: PathRule | None, principal: Principal, address: str) -> None:
        """Signed in, from there: networks and groups of the app, or of a part of it."""
        if rule is not None and not rule.is_open_from(address):
            self.stop(Obstacle.NOT_FROM_HERE)
        if isinstance(judge(principal, app, rule), NotInGroups):
            self.stop(Obstacle.NOT_IN_GROUPS)

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


def limits_met(
    standings: Mapping[CountedAs, CounterState], takes: Mapping[CountedAs, int], number: str
) -> Iterator[LimitFound]:
    """Of the places that passcodes go to, those that are sent to on some way; or else the number."""
    sent_to = [where for (limit, where), amount in takes.items() if limit is Limit.SENDS_PER_NUMBER and amount]
    for (limit, where), standing in standings.items():
        if limit is not Limit.SENDS_PER_NUMBER or where in (sent_to or [number]):
            yield LimitFound(standing=standing, takes=takes.get((limit, where), 0))


def walked(
    settings: Settings,
    walk: Walk,
    principal: Principal,
    first: Factor,
    given: GivenPass | None,
    *,
    address: str,
    app: str,
    rule: PathRule | None = None,
) -> ForeseenWay:
    """One sign-in, from its first factor to the app, or the part of it that `rule` is for. `given`: the pass that they
    would type."""
    schemes = settings.schemes
    walk.begin(first)
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
    wanted = next((each for each in settings.apps if each.name == app), None)
    if wanted is not None:
        is_outside = given is not None and isinstance(judge_confinement(given.confinement, wanted), NotInPass)
        if is_by_pass and is_outside:
            walk.stop(Obstacle.NOT_IN_PASS)
        walk.reach(wanted, rule, principal, address)
        demand = create_app_demand(wanted, schemes)
        asked = asked_for(principal, first, address, rule=rule, demand=demand)
        if asked is not None:
            walk.take_more(asked)
        if Factor.PASS in walk.factors and is_outside:
            walk.stop(Obstacle.NOT_IN_PASS)
    return ForeseenWay(first_factor=first, scheme=scheme, factors=tuple(walk.factors), stops=tuple(walk.stops))


def walked_by_credential(
    settings: Settings,
    walk: Walk,
    principal: Principal,
    credential: Factor,
    *,
    address: str,
    app: AppSettings,
    rule: PathRule | None,
) -> ForeseenWay:
    """What a client without a browser meets: nobody signs in, and what it holds is one factor, whatever the app asks
    for. A rule that names a scheme asks for more."""
    walk.take_first(credential)
    scheme = choose_scheme(settings.schemes, principal, address, first_factor=None, app=app.name)
    if scheme is None:
        walk.stop(Obstacle.NO_SCHEME)
    walk.reach(app, rule, principal, address)
    if rule is not None and rule.scheme and missing_choices(rule.factors, frozenset(walk.factors)):
        walk.stop(Obstacle.ONE_FACTOR)
    return ForeseenWay(first_factor=credential, scheme=scheme, factors=tuple(walk.factors), stops=tuple(walk.stops))
