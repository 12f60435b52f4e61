"""Whether a person may reach an app: a pure decision on their groups and on the factors that they have proven."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from config.factors import Factor
from config.settings import AppSettings
from directory.principal import Principal
from proxy.access.networks import is_within, parse_address
from proxy.access.rules import PathRule
from proxy.access.schemes import AppDemand, Asked, missing_of
from proxy.factors.confinement import Confinement
from proxy.factors.proof import Proof


@dataclass(frozen=True, slots=True)
class Allowed:
    """The app is open to this person."""


@dataclass(frozen=True, slots=True)
class TooFewFactors:
    """Denied: the session has not proven every factor of `scheme`; empty: no scheme is meant for this person here."""

    scheme: str


@dataclass(frozen=True, slots=True)
class NotInGroups:
    """Denied: membership of any one of `groups` (names as configured) would have admitted."""

    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotInPass:
    """Denied: the session was begun with a pass or a credential, or asked for so: it is for `apps` alone."""

    apps: tuple[str, ...]


def judge_confinement(confined: Confinement | None, app: AppSettings) -> Allowed | NotInPass:
    """What is confined opens the apps that it is for; when it ends is the session's own limit."""
    return Allowed() if confined is None or app.name in confined.apps else NotInPass(confined.apps)


def is_within_limits(confined: Confinement, method: bytes, client_address: str) -> bool:
    """Whether a session may be used for such a request, from there; an address that cannot be parsed is in no
    network."""
    if confined.methods is not None and method.decode("ascii", "replace") not in confined.methods:
        return False
    return confined.networks is None or is_within(parse_address(client_address), _networks(confined.networks))


@lru_cache(maxsize=1024)
def _networks(written: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(map(ip_network, written))


def judge(principal: Principal, app: AppSettings, rule: PathRule | None = None) -> Allowed | NotInGroups:
    """Any one of the app's groups admits, or under a rule any of the rule's; where neither names any, everybody who is
    signed in.

    An empty tuple admits nobody. The configuration refuses it, but here too doubt means no.
    """
    groups = app.groups if rule is None else rule.groups
    if groups is None or not principal.groups.isdisjoint(groups):
        return Allowed()
    return NotInGroups(groups)


def asked_for(
    principal: Principal, begun_with: Factor, client_address: str, *, rule: PathRule | None, demand: AppDemand | None
) -> Asked | None:
    """What a session must have proven: of the scheme that the rule names, or else of what the app asks for; None: only
    a sign-in.

    `begun_with`: its first factor; `client_address`: where it began.
    """
    if rule is not None and rule.scheme:
        return Asked(scheme=rule.scheme, factors=rule.factors, freshness=rule.freshness)
    return None if demand is None else demand.asked_of(principal, begun_with, client_address)


def judge_factors(
    principal: Principal,
    proven: tuple[Proof, ...],
    client_address: str,
    *,
    scheme: str,
    rule: PathRule | None,
    demand: AppDemand | None,
    now: float | None,
) -> Allowed | TooFewFactors:
    """`proven`: in the order in which it was proven, and when; `client_address`: where the session began; `scheme`: by
    which they signed in; `now` as in `counting_factors`."""
    asked = asked_for(principal, proven[0].factor, client_address, rule=rule, demand=demand)
    if asked is None or not missing_of(asked, proven, scheme, now=now):
        return Allowed()
    return TooFewFactors(asked.scheme)
