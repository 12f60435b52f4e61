"""Which scheme a person signs in by, and which one an app asks for: the first that matches who, where and what for.

How does somebody sign in: by the first scheme that matches them, their place and
the app they come from. May a session go on to an app: if it has proven every factor of the scheme that the app (or
its rule) names, else of the scheme that somebody coming to this app would sign in by.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from config.settings import AppSettings, SchemeSettings
from directory.principal import Principal
from proxy.access.networks import is_within, parse_address


def choose_scheme(
    schemes: Iterable[SchemeSettings],
    principal: Principal,
    client_address: str,
    *,
    first_factor: str | None = "password",
    app: str = "",
) -> SchemeSettings | None:
    """The first scheme one of whose groups holds the person, one of whose networks the address, and whose apps `app`.

    Only those are looked at that begin with the factor that was proven, so that none stands for another (None: all).

    A scheme that names no groups (networks, apps) is for every person (place, app). An address that cannot be parsed
    is in no network, and who comes from no app is in no list of apps. None: no scheme is meant for them, and so they
    cannot sign in.
    """
    address = parse_address(client_address)
    return next(
        (
            scheme
            for scheme in schemes
            if (first_factor is None or scheme.factors[0] == first_factor)
            and (scheme.groups is None or not principal.groups.isdisjoint(scheme.groups))
            and (scheme.networks is None or is_within(address, scheme.networks))
            and (scheme.apps is None or app in scheme.apps)
        ),
        None,
    )


def is_offered(schemes: Iterable[SchemeSettings], first_factor: str, client_address: str, *, app: str = "") -> bool:
    """Whether some scheme begins with this factor for somebody at this address; who they are is not known yet."""
    address = parse_address(client_address)
    return any(
        scheme.factors[0] == first_factor
        and (scheme.networks is None or is_within(address, scheme.networks))
        and (scheme.apps is None or app in scheme.apps)
        for scheme in schemes
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """A factor whose proof counts for so long only."""

    factor: str
    seconds: float

    def ends_at(self, proven: Iterable[tuple[str, float]]) -> float:
        """The first instant at which the proof counts no more; long ago if there is none."""
        return max((at + self.seconds for factor, at in proven if factor == self.factor), default=float("-inf"))


def freshness_of(scheme: SchemeSettings) -> Freshness | None:
    """Of its last factor."""
    return None if scheme.fresh is None else Freshness(factor=scheme.factors[-1], seconds=scheme.fresh)


def counting_factors(
    proven: Sequence[tuple[str, float]], freshness: Freshness | None, *, now: float | None
) -> frozenset[str]:
    """Of what was proven, and when, what counts at `now`; None: whatever its age."""
    is_stale = freshness is not None and now is not None and now >= freshness.ends_at(proven)
    return frozenset(
        factor for factor, _ in proven if not (is_stale and freshness is not None and factor == freshness.factor)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a session must have proven. An empty `scheme`: no scheme is meant for this person here."""

    scheme: str
    factors: tuple[str, ...]
    freshness: Freshness | None = None
    """Only where the scheme was named."""


NO_SCHEME = Asked(scheme="", factors=("",))
"""The factor without a name is proven by nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppDemand:
    """What one app asks of those who are signed in already."""

    app: str
    named: Asked | None
    """The scheme that the app names: only its factors count."""
    schemes: Sequence[SchemeSettings]
    """Else: those to choose from anew."""

    def asked_of(self, principal: Principal, begun_with: str, client_address: str) -> Asked:
        """`begun_with` is the session's first factor, `client_address` where the session began."""
        if self.named is not None:
            return self.named
        for first_factor in (begun_with, None):
            scheme = choose_scheme(self.schemes, principal, client_address, first_factor=first_factor, app=self.app)
            if scheme is not None:
                return Asked(scheme=scheme.name, factors=scheme.factors)
        return NO_SCHEME


def create_app_demand(app: AppSettings, schemes: Iterable[SchemeSettings]) -> AppDemand | None:
    """None: the app asks for nothing but a sign-in, since it names no scheme and none is for certain apps.

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
    return AppDemand(app=app.name, named=_asked_by_name(named), schemes=())


def _asked_by_name(scheme: SchemeSettings) -> Asked:
    return Asked(scheme=scheme.name, factors=scheme.factors, freshness=freshness_of(scheme))


def missing_factors(factors: Iterable[str], proven: frozenset[str]) -> tuple[str, ...]:
    """Those that are yet to be proven, in the scheme's order."""
    return tuple(factor for factor in factors if factor not in proven)
