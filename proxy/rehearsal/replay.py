"""What one configuration makes of a decision that was kept: by the functions that a sign-in and its dry run decide by.

What is assumed is what the dry run assumes (`sign_in/dry_run.py`): the right password and passcodes, a browser that is
not remembered, a relay that takes the messages. Limits are not looked at. Pure, but for a memory of what was asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from config.addresses import Network
from config.client_kinds import ClientKind
from config.factors import CREDENTIALS, Factor
from config.settings import AppSettings, SchemeSettings, Settings
from directory.directory import AccountState
from directory.known_person import KnownPerson
from proxy.access.networks import is_within, parse_address
from proxy.access.policy import NotInGroups, asked_for, judge
from proxy.access.rules import AppRules, PathRule, create_app_rules, rules_of
from proxy.access.schemes import create_app_demand
from proxy.factors.second_factor import Unusable, not_by_this_way
from proxy.rehearsal.parts import Part
from proxy.sessions.way import Way, provable_by
from proxy.sign_in.dry_run import first_factors_of
from proxy.sign_in.foreseen import ForeseenWay, Obstacle, Stop, log_word
from proxy.sign_in.schemes_found import judge_schemes
from proxy.sign_in.walk import ProofPlaces, Walk, walked, walked_by_credential

_KINDS = {
    Way.BROWSER: ClientKind.BROWSER,
    Way.API: ClientKind.BEARER,
    Way.SERVICE_TOKEN: ClientKind.BEARER,
    Way.APP_PASSWORD: ClientKind.APP_PASSWORD,
}
"""As what a session comes to an app, by its way in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who comes, how, and from where."""

    person: KnownPerson
    places: ProofPlaces
    first: Factor
    way: Way
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What they meet."""

    is_open: bool
    why: str
    """What stops them first, and what it asks for; where nothing does, what they sign in by."""
    factors: frozenset[Factor] = frozenset()
    """What they prove on the way."""
    fresh_seconds: float | None = None
    """How old the last of it may be; None: as old as the session."""


class Replay:
    """Of one configuration."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.apps = {app.name: app for app in settings.apps}
        self._rules = {app.name: create_app_rules(app, settings.schemes) for app in settings.apps}
        self._demands = {app.name: create_app_demand(app, settings.schemes) for app in settings.apps}
        self._directories = {each.name: each for each in settings.directories}
        self._networks = _networks_of(settings)
        self._settings_of_way = {
            Way.SSH: _only(settings, settings.ssh.scheme),
            Way.RADIUS: _only(settings, settings.radius.scheme),
        }
        ways = ((Way.SSH, settings.ssh.is_on), (Way.RADIUS, settings.radius.is_on), (Way.API, settings.api.enabled))
        self._closed = frozenset(way for way, is_on in ways if not is_on)
        self._known_networks: dict[str, tuple[bool, ...]] = {}

    def rule_for(self, app: str, part: Part | None) -> PathRule | None:
        """The rule that such requests fall under; None: the app's own groups decide."""
        rules: AppRules | None = self._rules[app]
        rule = rules.choose(part.method, part.target) if rules is not None and part is not None else None
        return rule if isinstance(rule, PathRule) else None

    def rules_of(self, app: str) -> tuple[PathRule, ...]:
        return rules_of(self.apps[app], self._settings.schemes)

    def access(self, asker: Asker, app: str, rule: PathRule | None = None) -> Access:
        """`app`: by the name that it has here; empty: the sign-in alone. `rule`: of the app, for what it is for."""
        return self._access(asker, self.apps.get(app), rule)

    def place(self, address: str) -> tuple[bool, ...]:
        """In which of the configuration's networks it is: nothing else of an address matters."""
        known = self._known_networks.get(address)
        if known is None:
            parsed = parse_address(address)
            known = tuple(is_within(parsed, networks) for networks in self._networks)
            self._known_networks[address] = known
        return known

    def _access(self, asker: Asker, app: AppSettings | None, rule: PathRule | None) -> Access:
        if rule is not None and rule.is_public:
            if rule.is_open_from(asker.address):
                return Access(is_open=True, why="nobody has to sign in")
            return Access(is_open=False, why=_from_here(rule))
        if asker.way in self._closed:
            return Access(is_open=False, why=f'nobody comes in by "{asker.way.value}"')
        kind = _KINDS.get(asker.way)
        if app is not None and kind is not None and kind not in (app.clients if rule is None else rule.clients):
            return Access(is_open=False, why=f'clients = "{kind.value}" is not taken')
        settings = self._settings_of_way.get(asker.way, self._settings)
        ways = [self._way(settings, asker, first, app, rule) for first in self._firsts(asker)]
        best = next((way for way in ways if not way.stops), ways[0])
        if best.stops:
            return Access(is_open=False, why=_why_not(settings, asker, best, app, rule))
        asked = None
        if app is not None and asker.first not in CREDENTIALS:
            principal, demand = asker.person.principal, self._demands[app.name]
            asked = asked_for(principal, best.first_factor, asker.address, rule=rule, demand=demand)
        by = [each for each in (best.scheme.name if best.scheme else "", asked.scheme if asked else "") if each]
        named = ", then ".join(f'"{each}"' for each in dict.fromkeys(by))
        factors = ", ".join(factor.value for factor in best.factors)
        return Access(
            is_open=True,
            why=f"by {named}: {factors}",
            factors=frozenset(best.factors),
            fresh_seconds=asked.freshness.seconds if asked is not None and asked.freshness is not None else None,
        )

    def _firsts(self, asker: Asker) -> Sequence[Factor]:
        """As they began, then the other ways to begin."""
        if asker.first in CREDENTIALS:
            return (asker.first,)
        own = self._directories.get(asker.person.principal.realm)
        possible = first_factors_of(own, self._settings.schemes)
        if asker.way is not Way.BROWSER:
            possible = (Factor.PASSWORD,)
        return sorted(possible, key=lambda each: each is not asker.first)

    def _way(
        self, settings: Settings, asker: Asker, first: Factor, app: AppSettings | None, rule: PathRule | None
    ) -> ForeseenWay:
        person = asker.person
        state = AccountState(principal=person.principal, refusals=person.refusals, told_by="")
        walk = Walk(state, _provable(asker.places, asker.way), {}, can_change_password=True)
        if first in CREDENTIALS and app is not None:
            return walked_by_credential(
                settings, walk, person.principal, first, address=asker.address, app=app, rule=rule
            )
        name = "" if app is None else app.name
        return walked(settings, walk, person.principal, first, None, address=asker.address, app=name, rule=rule)


def _why_not(settings: Settings, asker: Asker, way: ForeseenWay, app: AppSettings | None, rule: PathRule | None) -> str:
    stop: Stop = way.stops[0]
    principal = asker.person.principal
    if stop is Obstacle.NOT_IN_GROUPS and app is not None:
        groups = judge(principal, app, rule)
        return f"is for {', '.join(groups.groups)}" if isinstance(groups, NotInGroups) else log_word(stop)
    if stop is Obstacle.NOT_FROM_HERE and rule is not None:
        return _from_here(rule)
    if stop is Obstacle.NO_SCHEME:
        name = "" if app is None else app.name
        found = judge_schemes(settings.schemes, principal, asker.address, first_factors=[way.first_factor], app=name)
        looked = [
            f'"{each.scheme.name}": {", ".join(why.value for why in each.why_not)}' for each in found if each.why_not
        ]
        return "no scheme is meant for them" + (f" ({'; '.join(looked)})" if looked else "")
    if isinstance(stop, Unusable):
        by = f'"{way.scheme.name}"' if way.scheme is not None else "the sign-in"
        return f"{by} asks for {stop.factor.value}, which they cannot prove ({stop.reason})"
    if stop is Obstacle.ONE_FACTOR and rule is not None:
        return f'asks for "{rule.scheme}", which only a sign-in proves'
    return log_word(stop)


def _provable(places: ProofPlaces, way: Way) -> ProofPlaces:
    """What of it they can prove where they come in."""
    can_prove = provable_by(way)
    if can_prove.issuperset(places.ways):
        return places
    ways, held = (
        {factor: found if factor in can_prove else not_by_this_way(factor) for factor, found in each.items()}
        for each in (places.ways, places.held)
    )
    return ProofPlaces(ways=ways, held=held)


def _from_here(rule: PathRule) -> str:
    return f"is open only from {', '.join(map(str, rule.networks or ()))}"


def _networks_of(settings: Settings) -> list[tuple[Network, ...]]:
    lists = [
        *(each.networks for each in settings.schemes),
        *(rule.networks for app in settings.apps for rule in app.rules),
    ]
    return [tuple(networks) for networks in lists if networks is not None]


def _only(settings: Settings, scheme: str | None) -> Settings:
    """Those ways in name the scheme that they go by."""
    if scheme is None:
        return settings
    named: tuple[SchemeSettings, ...] = tuple(each for each in settings.schemes if each.name == scheme)
    return settings.model_copy(update={"schemes": named})
