"""`[[schemes]]`: which factors are asked for, of whom and for what, and what of it cannot be or is seldom meant."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import Field

from config.addresses import Network
from config.errors import Place, nearest
from config.frozen_table import FrozenTable
from config.values import NotEmpty, Seconds, Text

_EMAIL = "email"


class SchemeSettings(FrozenTable):
    """How to sign in. `groups`, `networks` and `apps` choose; None: every person, place, app."""

    name: Text
    factors: Annotated[tuple[Literal["password", "kerberos", "sms", "email"], ...], NotEmpty]
    """In this order. "sms" and "email" are passcodes, each with a challenge of its own."""
    groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    networks: Annotated[tuple[Network, ...], NotEmpty] | None = None
    apps: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """For those who come to these apps, and then for these apps only."""
    fresh: Annotated[Seconds, Field(ge=60)] | None = None
    """How old the proof of the last factor may be where an app, a rule or `[admin]` names this; None: of any age."""


FIRST_FACTORS = frozenset({"password", "kerberos"})
"""Those that say who somebody is."""
BROWSER = SchemeSettings(name="browser", factors=("password", "sms"))
"""What there is without any [[schemes]]."""


def scheme_problems(
    schemes: Mapping[int, SchemeSettings],
    app_names: Collection[str],
    channels: Collection[str] | None,
    *,
    takes_tickets: bool,
) -> Iterator[tuple[Place, str]]:
    """Everything that makes a scheme prove nobody.

    `channels` None: not known. `takes_tickets`: some directory has a keytab.
    """
    names: set[str] = set()
    for position, scheme in schemes.items():
        if scheme.name in names:
            yield Place("schemes", position, "name"), "another scheme has this name"
        names.add(scheme.name)
        for message in _of_factors(scheme, channels, takes_tickets=takes_tickets):
            yield Place("schemes", position, "factors"), message
        if scheme.fresh is not None and scheme.factors[-1] in FIRST_FACTORS:
            yield (
                Place("schemes", position, "fresh"),
                'needs a passcode as the last factor ("sms" or "email"): that one is asked for anew',
            )
        for name in scheme.apps or ():
            if name not in app_names:
                yield Place("schemes", position, "apps"), f'there is no app "{name}"' + nearest(name, app_names)


def schemes_by_name(schemes: Mapping[int, SchemeSettings]) -> Mapping[str, SchemeSettings]:
    """Those that an app, a rule or `[admin]` may name."""
    return {scheme.name: scheme for scheme in schemes.values()} or {BROWSER.name: BROWSER}


def _of_factors(scheme: SchemeSettings, channels: Collection[str] | None, *, takes_tickets: bool) -> Iterator[str]:
    factors = scheme.factors
    if factors[0] not in FIRST_FACTORS:
        yield 'must begin with "password" or "kerberos": a passcode alone does not say who somebody is'
    elif not FIRST_FACTORS.isdisjoint(factors[1:]):
        yield '"password" and "kerberos" can only come first'
    if factors[0] == "kerberos" and not takes_tickets:
        yield '"kerberos" needs a directory with a kerberos_keytab'
    if _EMAIL in factors and channels is not None and _EMAIL not in channels:
        yield f'asks for "{_EMAIL}", and second_factor.channels does not name it: no passcode can be sent'


def scheme_warnings(schemes: Sequence[SchemeSettings], named: Collection[str | None]) -> Iterator[str]:
    """What works, but is seldom meant. `named`: the schemes that apps, rules and `[admin]` ask for by name."""
    for position, scheme in enumerate(schemes):
        at = f'schemes ("{scheme.name}")'
        if scheme.fresh is not None and scheme.name not in named:
            yield f"{at}: fresh: means nothing, for no app, no rule and not [admin] names this scheme"
        shadow = next((each for each in schemes[:position] if _covers(each, scheme)), None)
        if shadow is not None and scheme.name not in named:
            is_for_all = _is_for_everyone(shadow)
            what = "an earlier one matches everyone" if is_for_all else f'"{shadow.name}" matches all that it is for'
            yield f"{at}: is never used: {what}"
        if len(scheme.factors) > 1 or shadow is not None:
            continue
        what = "a password" if scheme.factors[0] == "password" else "a Kerberos ticket"
        if scheme.groups is None and scheme.networks is None:
            apps = "" if scheme.apps is None else " to " + ", ".join(scheme.apps)
            yield f"{at}: lets everyone in{apps} with {what} alone"
        elif scheme.networks is None:
            yield f"{at}: has no networks: its groups get in with {what} alone, from everywhere"
    yield from _nobody_left_out(schemes)


def _nobody_left_out(schemes: Sequence[SchemeSettings]) -> Iterator[str]:
    for_everyone = {scheme.factors[0] for scheme in schemes if _is_for_everyone(scheme)}
    if "password" not in for_everyone:
        without = "" if "kerberos" not in for_everyone else " with a password"
        yield f"schemes: none matches everyone{without}: those whom no scheme matches cannot sign in"


def _is_for_everyone(scheme: SchemeSettings) -> bool:
    return scheme.groups is None and scheme.networks is None and scheme.apps is None


def _covers(earlier: SchemeSettings, later: SchemeSettings) -> bool:
    """Whether whoever matches `later` matches `earlier`, which begins in the same way."""
    return (
        earlier.factors[0] == later.factors[0]
        and _holds(earlier.groups, later.groups)
        and _holds(earlier.apps, later.apps)
        and _holds_networks(earlier.networks, later.networks)
    )


def _holds(wide: Sequence[str] | None, narrow: Sequence[str] | None) -> bool:
    return wide is None or (narrow is not None and set(narrow) <= set(wide))


def _holds_networks(
    wide: Sequence[IPv4Network | IPv6Network] | None, narrow: Sequence[IPv4Network | IPv6Network] | None
) -> bool:
    if wide is None or narrow is None:
        return wide is None
    return all(any(_is_within(each, other) for other in wide) for each in narrow)


def _is_within(network: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    return network.version == other.version and (
        int(other.network_address) <= int(network.network_address)
        and int(network.broadcast_address) <= int(other.broadcast_address)
    )
