"""What has to agree between the values of a configuration: pure. Each finding is a sentence that says what to do.

Checks within one table are beside that table, in `config.tables`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from config.addresses import is_ip, is_loopback
from config.factors import Factor
from config.frozen_table import named
from config.problems import Finding, Place, late, nearest, told
from config.settings import ActiveDirectorySettings, AppSettings, SchemeSettings, Settings
from config.tables.admin import admin_problems, admin_warnings
from config.tables.apps import (
    app_problems,
    app_warnings,
    forward_auth_problems,
    front_problems,
    same_apps,
    scheme_problems_of,
)
from config.tables.audit import audit_problems
from config.tables.bounces import bounces_problems
from config.tables.canaries import canary_problems
from config.tables.degrade import degrade_problems, degrade_warnings, rung_channels
from config.tables.directories import directory_problems, directory_warnings
from config.tables.gateway_values import EMAIL
from config.tables.help_desk import help_desk_problems
from config.tables.mobile import mobile_problems, mobile_warnings
from config.tables.networks import network_problems
from config.tables.pages import pages_problems
from config.tables.passcode import passcode_problems
from config.tables.radius import radius_problems, radius_warnings
from config.tables.schemes import factors_of, scheme_problems, scheme_warnings
from config.tables.second_factor import channel_problems, channel_warnings
from config.tables.server import server_problems
from config.tables.sessions import session_problems
from config.tables.sms_gateways import gateway_problems
from config.tables.smtp import login_problems, transport_problems
from config.tables.ssh import ssh_problems, ssh_warnings
from config.tables.store import store_problems, store_warnings
from config.tables.texts import text_problems

KERBEROS_HEAD_BYTES = 96 * 1024
"""Room for the largest ticket that Windows makes, in Base64, and for the rest of a head."""


def problems(settings: Settings) -> Iterator[Finding]:
    """Everything that makes the configuration unusable. Unknown settings are skipped."""
    yield from told(
        _in("server", server_problems(settings.server)),
        _in("store", store_problems(settings.store)),
        late(lambda: _among("directories", directory_problems(settings.directories))),
        _in("passcode", passcode_problems(settings.passcode)),
        _in("sessions", session_problems(settings.sessions)),
        late(lambda: _among("networks", network_problems(settings.networks, settings.sessions))),
        late(lambda: _in("mobile", mobile_problems(settings.mobile, settings.channels))),
        _schemes(settings),
        _among("degrade", _rungs(settings)),
        delivery_problems(settings),
        late(lambda: _among("texts", text_problems(settings.texts, settings.all_channels, settings.message_language))),
        _in("bounces", bounces_problems(settings.bounces)),
        canary_findings(settings),
        late(lambda: _among("apps", same_apps(settings.apps))),
        _apps(settings),
        late(lambda: _in("admin", admin_problems(settings.admin, settings.schemes, settings.directories))),
        late(lambda: _in("ssh", ssh_problems(settings.ssh, settings.server, settings.schemes))),
        late(lambda: _in("help_desk", help_desk_problems(settings.help_desk, settings.admin, settings.schemes))),
        late(lambda: _in("pages", pages_problems(settings.pages))),
        late(lambda: _in("audit", audit_problems(settings.audit))),
        late(lambda: _in("radius", radius_problems(settings.radius, settings.schemes, settings.apps))),
    )


def delivery_problems(settings: Settings) -> Iterator[Finding]:
    """Of the relays, and of `[second_factor]` and `[sms]`, as the schemes need them."""
    sms, second_factor = settings.sms, settings.second_factor
    yield from told(
        _relays(settings),
        late(lambda: channel_problems(sms, second_factor, factors_of(settings.schemes))),
        late(lambda: _in("sms", gateway_problems(sms.gateways, sms.http, settings.all_channels))),
    )


def canary_findings(settings: Settings) -> Iterator[Finding]:
    """Of the canaries, but for their numbers and addresses."""
    yield from _among("canaries", canary_problems(settings.canaries, settings.all_channels, settings.bounces))


def warnings(settings: Settings) -> tuple[str, ...]:
    """What works but is seldom intended: one line each, for `gatepost check` and the log at the start."""
    return tuple(_warnings(settings))


def _in(table: str, found: Iterable[tuple[str, str]], position: int | None = None) -> Iterator[Finding]:
    for key, message in found:
        yield Place(table, position, key), message


def _among(table: str, found: Iterable[tuple[int, str, str]]) -> Iterator[Finding]:
    for position, key, message in found:
        yield Place(table, position, key), message


def _relays(settings: Settings) -> Iterator[Finding]:
    for position, relay in enumerate(settings.smtp):
        yield from _in("smtp", told(transport_problems(relay), login_problems(relay)), position)


def _schemes(settings: Settings) -> Iterator[Finding]:
    yield from _among("schemes", scheme_problems(settings.schemes))
    for position, scheme in enumerate(settings.schemes):
        ways = told(
            _tickets(scheme, settings), _mail(scheme, settings), _passkeys(scheme, settings), _apps_of(scheme, settings)
        )
        yield from _in("schemes", ways, position)


def _rungs(settings: Settings) -> Iterator[tuple[int, str, str]]:
    yield from degrade_problems(settings.degrade, settings.schemes, settings.sms, settings.channels)


def _tickets(scheme: SchemeSettings, settings: Settings) -> Iterator[tuple[str, str]]:
    if Factor.KERBEROS in scheme.factors[0] and not any(
        isinstance(each, ActiveDirectorySettings) and each.kerberos_keytab for each in settings.directories
    ):
        yield "factors", '"kerberos" needs a directory with a kerberos_keytab'


def _mail(scheme: SchemeSettings, settings: Settings) -> Iterator[tuple[str, str]]:
    if Factor.EMAIL in factors_of([scheme]) and EMAIL not in settings.channels:
        yield "factors", f'asks for "{EMAIL}", and second_factor.channels does not name it: no passcode can be sent'


def _passkeys(scheme: SchemeSettings, settings: Settings) -> Iterator[tuple[str, str]]:
    host = settings.server.public_url.host
    if Factor.PASSKEY in factors_of([scheme]) and is_ip(host):
        yield "factors", f'asks for "passkey", which browsers bind to a name, and server.public_url has {host}'


def _apps_of(scheme: SchemeSettings, settings: Settings) -> Iterator[tuple[str, str]]:
    for name in scheme.apps or ():
        if named(settings.apps, name) is None:
            yield "apps", f'there is no app "{name}"' + nearest(name, [app.name for app in settings.apps])


def _apps(settings: Settings) -> Iterator[Finding]:
    for position, app in enumerate(settings.apps):
        found = told(
            front_problems(app, settings.server),
            app_problems(app),
            forward_auth_problems(app, settings.server),
            _schemes_of(app, settings),
        )
        yield from _in("apps", found, position)


def _schemes_of(app: AppSettings, settings: Settings) -> Iterator[tuple[str, str]]:
    yield from scheme_problems_of(app, settings.schemes)


def _warnings(settings: Settings) -> Iterator[str]:
    yield from store_warnings(settings.store)
    yield from directory_warnings(settings.directories)
    names = {app.scheme for app in settings.apps} | {rule.scheme for app in settings.apps for rule in app.rules}
    yield from scheme_warnings(
        settings.schemes, names | {settings.admin.scheme, settings.ssh.scheme, settings.radius.scheme}
    )
    takes_tickets = any(Factor.KERBEROS in scheme.factors[0] for scheme in settings.schemes)
    if takes_tickets and settings.server.max_head_bytes < KERBEROS_HEAD_BYTES:
        yield f"server: max_head_bytes: tickets of people in many groups need {KERBEROS_HEAD_BYTES} (or 131072)"
    yield from mobile_warnings(settings.mobile)
    admin = settings.server.admin_listen
    if admin is not None and not is_loopback(admin.host):
        yield "server: admin_listen: health and metrics can be read beyond this machine"
    yield from app_warnings(settings.apps, settings.server)
    may_stand_in = settings.mobile.then == "other_channel"
    asked = factors_of(settings.schemes)
    yield from channel_warnings(
        settings.sms, settings.second_factor, asked, rungs=rung_channels(settings.degrade), may_stand_in=may_stand_in
    )
    pages = settings.admin
    opening = [each.name for each in settings.schemes if pages.is_on and pages.scheme in (None, each.name)]
    yield from degrade_warnings(settings.degrade, settings.schemes, settings.channels, admin_schemes=opening)
    yield from admin_warnings(settings.admin, settings.schemes)
    yield from radius_warnings(settings.radius)
    yield from ssh_warnings(settings.ssh, settings.schemes)
