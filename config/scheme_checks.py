"""What has to agree between schemes, apps and the ways to prove a factor, and what of it is seldom meant: pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network

from config.channel_checks import EMAIL
from config.schema import Place, nearest
from config.settings import (
    ActiveDirectorySettings,
    AppSettings,
    DirectorySettings,
    SchemeSettings,
    SecondFactorSettings,
    Settings,
    SMSSettings,
)

Finding = tuple[Place, str]

FIRST_FACTORS = frozenset({"password", "kerberos"})
"""Those that say who somebody is."""
_BROWSER = SchemeSettings(name="browser", factors=("password", "sms"))
"""What there is without any [[schemes]]."""


def scheme_problems(
    schemes: Mapping[int, SchemeSettings],
    apps: Mapping[int, AppSettings],
    directories: Mapping[int, DirectorySettings],
    channels: Collection[str] | None,
) -> Iterator[Finding]:
    """Everything that makes a scheme prove nobody, or an app unreachable. `channels` None: not known."""
    names: set[str] = set()
    app_names = {app.name for app in apps.values()}
    takes_tickets = any(
        isinstance(each, ActiveDirectorySettings) and each.kerberos_keytab for each in directories.values()
    )
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
    known = {scheme.name: scheme for scheme in schemes.values()} or {_BROWSER.name: _BROWSER}
    for position, app in apps.items():
        yield from _of_app(position, app, known)


def channel_names(sms: SMSSettings | None, second_factor: SecondFactorSettings | None) -> tuple[str, ...] | None:
    """The channels that passcodes go by, where both tables can be read."""
    if sms is None or second_factor is None:
        return None
    return second_factor.channels or (sms.gateway,)


def _of_factors(scheme: SchemeSettings, channels: Collection[str] | None, *, takes_tickets: bool) -> Iterator[str]:
    factors = scheme.factors
    if factors[0] not in FIRST_FACTORS:
        yield 'must begin with "password" or "kerberos": a passcode alone does not say who somebody is'
    elif not FIRST_FACTORS.isdisjoint(factors[1:]):
        yield '"password" and "kerberos" can only come first'
    if factors[0] == "kerberos" and not takes_tickets:
        yield '"kerberos" needs a directory with a kerberos_keytab'
    if EMAIL in factors and channels is not None and EMAIL not in channels:
        yield f'asks for "{EMAIL}", and second_factor.channels does not name it: no passcode can be sent'


def _of_app(position: int, app: AppSettings, schemes: Mapping[str, SchemeSettings]) -> Iterator[Finding]:
    if app.scheme is not None and app.scheme not in schemes:
        yield (
            Place("apps", position, "scheme"),
            f'there is no scheme "{app.scheme}"' + nearest(app.scheme, schemes),
        )
    elif app.scheme is not None:
        for message in _of_named(schemes[app.scheme], app):
            yield Place("apps", position, "scheme"), message
    for number, rule in enumerate(app.rules):
        if rule.scheme is not None and rule.scheme in schemes:
            for message in _of_named(schemes[rule.scheme], app):
                yield Place("apps", position, f"rules[{number}].scheme"), message
    if all(scheme.apps is not None and app.name not in scheme.apps for scheme in schemes.values()):
        yield (
            Place("apps", position, "name"),
            "cannot be reached: every scheme is for other apps (name it in the apps of one, or add one without apps)",
        )


def _of_named(scheme: SchemeSettings, app: AppSettings) -> Iterator[str]:
    """Only factors are asked for by name: a group or network that is silently passed over would be an open door."""
    if scheme.apps is not None and app.name not in scheme.apps:
        yield f'"{scheme.name}" is for other apps'
    limits = [key for key in ("groups", "networks") if getattr(scheme, key) is not None]
    if limits:
        yield (
            f'"{scheme.name}" has {" and ".join(limits)}, which are not asked for here: only its factors are '
            f"(name a scheme without them, and write groups into the app and networks into its rules)"
        )


def scheme_warnings(settings: Settings) -> Iterator[str]:
    """What works, but is seldom meant."""
    named = {app.scheme for app in settings.apps} | {rule.scheme for app in settings.apps for rule in app.rules}
    named |= {settings.admin.scheme}
    for position, scheme in enumerate(settings.schemes):
        at = f'schemes ("{scheme.name}")'
        if scheme.fresh is not None and scheme.name not in named:
            yield f"{at}: fresh: means nothing, for no app, no rule and not [admin] names this scheme"
        shadow = next((each for each in settings.schemes[:position] if _covers(each, scheme)), None)
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
    yield from _nobody_left_out(settings.schemes)


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
