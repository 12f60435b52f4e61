"""Which scheme a sign-in goes by, and why not by those before it: `choose_scheme`, explained. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from config.factors import Factor
from config.settings import SchemeSettings
from directory.principal import Principal
from proxy.access.schemes import choose_scheme


class WhyNot(Enum):
    """Why a sign-in does not go by a scheme. There may be several reasons."""

    FIRST_FACTOR = "it begins with a factor that this realm does not have"
    APP = "it is for other apps"
    GROUP = "it is for other persons"
    NETWORK = "it is for other places"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeFound:
    """A scheme that was looked at."""

    scheme: SchemeSettings
    why_not: tuple[WhyNot, ...]
    """Empty: a sign-in that begins with one of its first factors goes by it."""


def judge_schemes(
    schemes: Sequence[SchemeSettings], principal: Principal, address: str, *, first_factors: Iterable[Factor], app: str
) -> tuple[SchemeFound, ...]:
    """The scheme that each first factor goes by, and why not by those before it; what is behind is not looked at.
    Pure."""
    by = {first: choose_scheme(schemes, principal, address, first_factor=first, app=app) for first in first_factors}
    return tuple(_judged(schemes, by, principal, address, app))


def _judged(
    schemes: Iterable[SchemeSettings],
    by: Mapping[Factor, SchemeSettings | None],
    principal: Principal,
    address: str,
    app: str,
) -> Iterator[SchemeFound]:
    settled: set[Factor] = set()
    for scheme in schemes:
        begins = [first for first in scheme.factors[0] if first not in settled]
        if not begins:
            continue
        chosen = {first for first in begins if by.get(first) == scheme}
        settled |= chosen
        why_not = () if chosen else tuple(_why_not(scheme, by, principal, address, app))
        yield SchemeFound(scheme=scheme, why_not=why_not)


def _why_not(
    scheme: SchemeSettings, first_factors: Iterable[Factor], principal: Principal, address: str, app: str
) -> Iterator[WhyNot]:
    """Each thing that a scheme chooses by, looked at alone."""
    if set(first_factors).isdisjoint(scheme.factors[0]):
        yield WhyNot.FIRST_FACTOR
        return
    for why_not, others in (
        (WhyNot.APP, {"groups": None, "networks": None}),
        (WhyNot.GROUP, {"networks": None, "apps": None}),
        (WhyNot.NETWORK, {"groups": None, "apps": None}),
    ):
        alone = scheme.model_copy(update=others)
        if choose_scheme((alone,), principal, address, first_factor=None, app=app) is None:
            yield why_not
