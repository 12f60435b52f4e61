"""`[[schemes]]`: which factors are asked for, of whom and for what, and what of it cannot be or is seldom meant."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from config.addresses import Network
from config.factors import CREDENTIALS, ENROLLED, FIRST_FACTORS, MAY_COME_FIRST, NEVER_NAMED, Choice, Factor
from config.frozen_table import FrozenTable, repeated
from config.problems import nearest, told
from config.values import NotEmpty, Seconds, Text

LONGEST_REMEMBERED_SECONDS = 90 * 86_400


def _as_factor(value: object) -> Factor:
    """What is no factor is told with those that a scheme may name, as a list of all would offer others too."""
    try:
        return Factor(value)
    except ValueError:
        *names, last = (f"'{factor.value}'" for factor in Factor if factor not in NEVER_NAMED)
        raise ValueError(f"must be {', '.join(names)} or {last}") from None


def _as_choice(value: object) -> object:
    """A name alone is a choice of one. What is neither name nor list is told as a name that is not known."""
    return value if isinstance(value, list | tuple) else (_as_factor(value),)


def _check_named(choice: Choice) -> Choice:
    if Factor.PASS in choice:
        raise ValueError('"pass" stands in for the last factor of every scheme, and is named in none')
    if Factor.EMAIL_FOR_SMS in choice:
        raise ValueError('"email_for_sms" stands in for "sms" while a rung is in force, and is named in none')
    for factor in CREDENTIALS.intersection(choice):
        raise ValueError(f'"{factor.value}" is no part of a sign-in: an app takes it by its clients')
    return choice


def _check_each_once(factors: tuple[Choice, ...]) -> tuple[Choice, ...]:
    """One proof never counts for two entries."""
    named = [factor for choice in factors for factor in choice]
    if Factor.REMEMBERED in named:
        raise ValueError('a remembered browser cannot be asked for: write remember = "14d"')
    if len(set(named)) < len(named):
        raise ValueError("names the same thing twice")
    return factors


Factors = Annotated[
    tuple[
        Annotated[
            tuple[Annotated[Factor, BeforeValidator(_as_factor)], ...],
            BeforeValidator(_as_choice),
            NotEmpty,
            AfterValidator(_check_named),
        ],
        ...,
    ],
    NotEmpty,
    AfterValidator(_check_each_once),
]


class SchemeSettings(FrozenTable):
    """How people sign in. Gatepost uses the first scheme whose `groups`, `networks` and `apps` match. Without any
    `[[schemes]]` everybody is asked for a password and an SMS."""

    name: Text
    """A name of your choice, by which apps, rules and other tables ask for the scheme. Each has another."""
    factors: Factors
    """What is asked for, in this order. An inner list is a choice: the first that the person has is offered. The first
    is `password`, `kerberos` or `passkey`; then come `sms`, `email`, `totp`, `passkey` and `recovery_code`."""
    groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """Members of any of these groups, nested ones too. Not set: everybody."""
    networks: Annotated[tuple[Network, ...], NotEmpty] | None = None
    """People who come from these addresses. Not set: from everywhere."""
    apps: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """People who come to these apps, and then for these apps only. Not set: every app."""
    fresh: Annotated[Seconds, Field(ge=60)] | None = None
    """How old the proof of the last factor may be where an app, a rule or `[admin]` names this scheme. Not set: as old
    as the session."""
    remember: Annotated[Seconds, Field(ge=3600, le=LONGEST_REMEMBERED_SECONDS)] | None = None
    """For how long people may have a browser remembered, which then stands for the second factors, beside a password.
    Not set: no browser is remembered."""


BROWSER = SchemeSettings(name="browser", factors=((Factor.PASSWORD,), (Factor.SMS,)))
"""What there is without any [[schemes]]."""


def scheme_problems(schemes: Sequence[SchemeSettings]) -> Iterator[tuple[int, str, str]]:
    """Position, key and sentence of everything that makes a scheme prove nobody."""
    for position in repeated(getattr(scheme, "name", None) for scheme in schemes):
        yield position, "name", "another scheme has this name"
    for position, scheme in enumerate(schemes):
        for key, message in told(_first_factor(scheme), _recovery_codes(scheme), _fresh(scheme)):
            yield position, key, message
        if scheme.remember is not None and (len(scheme.factors) < 2 or Factor.PASSWORD not in scheme.factors[0]):
            yield (
                position,
                "remember",
                'needs "password" first and a second factor after it: it stands for that one only',
            )


def _first_factor(scheme: SchemeSettings) -> Iterator[tuple[str, str]]:
    first, *later = scheme.factors
    if Factor.RECOVERY_CODE in first:
        return  # which is said of recovery codes
    if not MAY_COME_FIRST.issuperset(first):
        names = '"password", "kerberos" or "passkey"'
        yield "factors", f"must begin with {names}: a passcode alone does not say who somebody is"
    elif not all(FIRST_FACTORS.isdisjoint(choice) for choice in later):
        yield "factors", '"password" and "kerberos" can only come first'


def _recovery_codes(scheme: SchemeSettings) -> Iterator[tuple[str, str]]:
    first, *later = scheme.factors
    is_later = any(Factor.RECOVERY_CODE in choice for choice in later)
    if Factor.RECOVERY_CODE in first or (is_later and first != (Factor.PASSWORD,)):
        yield "factors", '"recovery_code" is never the one factor: it stands behind "password", and behind nothing else'


def _fresh(scheme: SchemeSettings) -> Iterator[tuple[str, str]]:
    if scheme.fresh is not None and not FIRST_FACTORS.isdisjoint(scheme.factors[-1]):
        yield "fresh", 'needs a passcode as the last factor ("sms" or "email"): that one is asked for again'


def not_asked_for(scheme: SchemeSettings, keys: Collection[str], instead: str) -> Iterator[str]:
    """What is said if a named scheme has one of `keys`: only the factors of a named scheme count.

    A group or network that is silently ignored would be an open door.
    """
    limits = [key for key in keys if getattr(scheme, key) is not None]
    if limits:
        yield (
            f'"{scheme.name}" has {" and ".join(limits)}, which are not asked for here: only its factors are'
            f" (name a scheme without them, and write {instead})"
        )


def factors_of(schemes: Sequence[SchemeSettings]) -> frozenset[Factor]:
    """Every factor that some scheme asks for, a choice's other ones included."""
    return frozenset(factor for scheme in schemes for choice in scheme.factors for factor in choice)


def no_such_scheme(schemes: Sequence[SchemeSettings], name: str) -> str:
    """What is said where another table names one that is not there."""
    return f'there is no scheme "{name}"' + nearest(name, [scheme.name for scheme in schemes])


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
        if (Factor.RECOVERY_CODE,) in scheme.factors:
            yield f"{at}: asks for a recovery code at each sign-in, and a person has ten: write a choice"
        if len(scheme.factors) > 1 or scheme.factors[0] == (Factor.PASSKEY,) or shadow is not None:
            continue  # a passkey alone is two factors: it has checked whose hand it is in
        what = what_lets_in(scheme)
        if scheme.groups is None and scheme.networks is None:
            apps = "" if scheme.apps is None else " to " + ", ".join(scheme.apps)
            yield f"{at}: lets everyone in{apps} with {what} alone"
        elif scheme.networks is None:
            yield f"{at}: has no networks: its groups get in with {what} alone, from everywhere"
    yield from _nobody_left_out(schemes)
    seconds = factors_of(schemes) - FIRST_FACTORS
    if seconds and seconds <= ENROLLED:
        yield 'schemes: nobody can add a first factor of their own: that takes a proof by another, such as "sms"'


def what_lets_in(scheme: SchemeSettings) -> str:
    """What a scheme without a second factor lets in with, such as "a password"."""
    named = {
        Factor.PASSWORD: "a password",
        Factor.KERBEROS: "a Kerberos ticket",
        Factor.PASSKEY: "a passkey",
    }
    return " or ".join(named[factor] for factor in scheme.factors[0])


def _nobody_left_out(schemes: Sequence[SchemeSettings]) -> Iterator[str]:
    for_everyone = {factor for scheme in schemes if _is_for_everyone(scheme) for factor in scheme.factors[0]}
    if Factor.PASSWORD not in for_everyone:
        without = " with a password" if for_everyone else ""
        yield f"schemes: none matches everyone{without}: those whom no scheme matches cannot sign in"


def _is_for_everyone(scheme: SchemeSettings) -> bool:
    return scheme.groups is None and scheme.networks is None and scheme.apps is None


def _covers(earlier: SchemeSettings, later: SchemeSettings) -> bool:
    """Whether everybody who matches `later` also matches `earlier`, and both begin in the same way."""
    return (
        set(earlier.factors[0]) >= set(later.factors[0])
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
    return all(
        any(each.version == other.version and each.subnet_of(other) for other in wide)  # type: ignore[arg-type]
        for each in narrow
    )
