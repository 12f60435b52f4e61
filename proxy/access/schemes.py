"""Which scheme a person signs in by, and which one an app asks for: the first that matches who, where and what for.

How does a person sign in? By the first scheme that matches them, their place and the app that they come from. May a
session open an app? If it has proven every factor of the scheme that the app (or its rule) names; without one, of the
scheme by which a person who comes to this app would sign in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from config.factors import NOTHING_PROVES_IT, Choice, Factor
from config.settings import AppSettings, SchemeSettings
from directory.principal import Principal
from proxy.access.networks import is_within, parse_address
from proxy.factors.proof import Proof, missing_choices, missing_of_own


def choose_scheme(
    schemes: Iterable[SchemeSettings],
    principal: Principal,
    client_address: str,
    *,
    first_factor: Factor | None = Factor.PASSWORD,
    app: str = "",
) -> SchemeSettings | None:
    """The first scheme one of whose groups holds the person, one of whose networks the address, and whose apps `app`.

    Only schemes that may begin with the proven factor are considered: no factor stands for another (None: all).

    A scheme that names no groups (networks, apps) is for every person (place, app). An address that cannot be parsed
    is in no network, and a person who comes from no app is in no list of apps. None: no scheme is meant for them, so
    they cannot sign in.
    """
    fitting = _fitting(schemes, first_factor, client_address, app)
    return next((each for each in fitting if each.groups is None or not principal.groups.isdisjoint(each.groups)), None)


def is_offered(schemes: Iterable[SchemeSettings], first_factor: Factor, client_address: str, *, app: str = "") -> bool:
    """Whether some scheme may begin with this factor for somebody at this address; who they are is not known yet."""
    return any(True for _ in _fitting(schemes, first_factor, client_address, app))


def _fitting(
    schemes: Iterable[SchemeSettings], first_factor: Factor | None, client_address: str, app: str
) -> Iterator[SchemeSettings]:
    """Those that begin with this factor, for this place and app, no matter for whom."""
    address = parse_address(client_address)
    return (
        scheme
        for scheme in schemes
        if (first_factor is None or first_factor in scheme.factors[0])
        and (scheme.networks is None or is_within(address, scheme.networks))
        and (scheme.apps is None or app in scheme.apps)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """A choice whose proof counts for so long only."""

    choice: Choice
    seconds: float

    def ends_at(self, proven: Iterable[Proof]) -> float:
        """The first instant at which none of its proofs counts any more; long ago if there is none."""
        return max((proof.at + self.seconds for proof in proven if proof.factor in self.choice), default=float("-inf"))

    def is_stale(self, proof: Proof, now: float) -> bool:
        return proof.factor in self.choice and now >= proof.at + self.seconds


def freshness_of(scheme: SchemeSettings) -> Freshness | None:
    """Of its last entry."""
    return None if scheme.fresh is None else Freshness(choice=scheme.factors[-1], seconds=scheme.fresh)


def counting_factors(proven: Iterable[Proof], freshness: Freshness | None, *, now: float | None) -> frozenset[Factor]:
    """Which of the proofs count at `now`; None: all, at any age."""
    if freshness is None or now is None:
        return frozenset(proof.factor for proof in proven)
    return frozenset(proof.factor for proof in proven if not freshness.is_stale(proof, now))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a session must have proven. An empty `scheme`: no scheme is meant for this person here."""

    scheme: str
    factors: tuple[Choice, ...]
    freshness: Freshness | None = None
    """Only if the scheme was named."""


def missing_of(asked: Asked, proven: Iterable[Proof], signed_in_by: str, *, now: float | None) -> tuple[Choice, ...]:
    """What somebody who signed in by the scheme `signed_in_by` has yet to prove. `now` as in `counting_factors`.

    A remembered browser counts for that scheme alone, and not where a proof must be fresh.
    """
    counting = counting_factors(proven, asked.freshness, now=now)
    is_own = asked.scheme == signed_in_by and asked.freshness is None
    return (missing_of_own if is_own else missing_choices)(asked.factors, counting)


NO_SCHEME = Asked(scheme="", factors=NOTHING_PROVES_IT)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppDemand:
    """What one app requires of people who are already signed in."""

    app: str
    named: Asked | None
    """The scheme that the app names: only its factors count."""
    schemes: Sequence[SchemeSettings]
    """If it names none: the schemes to choose from again."""

    def asked_of(self, principal: Principal, begun_with: Factor, client_address: str) -> Asked:
        """`begun_with` is the session's first factor, `client_address` where the session began."""
        if self.named is not None:
            return self.named
        # A scheme that begins with another factor requires more, and that can still be proven.
        for first_factor in (begun_with, None):
            scheme = choose_scheme(self.schemes, principal, client_address, first_factor=first_factor, app=self.app)
            if scheme is not None:
                return Asked(scheme=scheme.name, factors=scheme.factors)
        return NO_SCHEME


def create_app_demand(app: AppSettings, schemes: Iterable[SchemeSettings]) -> AppDemand | None:
    """None: the app requires only a sign-in, because it names no scheme and no scheme is for certain apps.

    Raises `ValueError` for a scheme that is not there; the configuration's checks have said so before.
    """
    known = tuple(schemes)
    if app.scheme is None:
        if all(scheme.apps is None for scheme in known):
            return None
        return AppDemand(app=app.name, named=None, schemes=known)
    named = next((scheme for scheme in known if scheme.name == app.scheme), None)
    if named is None:
        raise ValueError(f"no scheme {app.scheme!r}")
    return AppDemand(app=app.name, named=asked_by_name(named), schemes=())


def asked_by_name(scheme: SchemeSettings) -> Asked:
    """What a scheme that an app, a rule or `[admin]` names asks for: its factors alone, the last one fresh."""
    return Asked(scheme=scheme.name, factors=scheme.factors, freshness=freshness_of(scheme))
