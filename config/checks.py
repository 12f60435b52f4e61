"""What has to agree between the values of a configuration: pure, each finding a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from config.addresses import is_loopback
from config.errors import Place
from config.settings import (
    ActiveDirectorySettings,
    AppSettings,
    DirectorySettings,
    MobileSettings,
    PasscodeSettings,
    SchemeSettings,
    SecondFactorSettings,
    ServerSettings,
    SessionSettings,
    Settings,
    SMSSettings,
    SMTPSettings,
    StoreSettings,
    TextSettings,
)
from config.tables.admin import AdminSettings, admin_problems, admin_warnings
from config.tables.apps import app_problems, app_warnings
from config.tables.bounces import BouncesSettings, bounces_problems
from config.tables.channels import EMAIL, channel_names, channel_problems, channel_warnings
from config.tables.schemes import scheme_problems, scheme_warnings, schemes_by_name
from config.tables.store import store_problems, store_warnings
from config.tables.texts import text_problems

Finding = tuple[Place, str]

KERBEROS_HEAD_BYTES = 96 * 1024
"""Room for the largest ticket that Windows makes, in Base64, and for the rest of a head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """The tables that are well-formed by themselves; those that are not are left out, so that the rest is checked."""

    server: ServerSettings | None = None
    store: StoreSettings | None = None
    directories: Mapping[int, DirectorySettings] = field(default_factory=dict)
    mobile: MobileSettings | None = None
    smtp: Mapping[int, SMTPSettings] = field(default_factory=dict)
    sms: SMSSettings | None = None
    second_factor: SecondFactorSettings | None = None
    bounces: BouncesSettings | None = None
    texts: Mapping[int, TextSettings] = field(default_factory=dict)
    passcode: PasscodeSettings | None = None
    sessions: SessionSettings | None = None
    schemes: Mapping[int, SchemeSettings] = field(default_factory=dict)
    apps: Mapping[int, AppSettings] = field(default_factory=dict)
    admin: AdminSettings | None = None


def problems(pieces: Pieces) -> Iterator[Finding]:
    """Everything that makes the configuration unusable."""
    if pieces.server is not None:
        yield from _server(pieces.server)
    if pieces.store is not None:
        yield from store_problems(pieces.store)
    yield from _directories(pieces.directories)
    for position, relay in pieces.smtp.items():
        yield from _relay(position, relay)
    if pieces.passcode is not None and pieces.passcode.resend_after >= pieces.passcode.lifetime:
        yield Place("passcode", None, "resend_after"), "must be shorter than lifetime"
    if pieces.sessions is not None and pieces.sessions.idle > pieces.sessions.absolute:
        yield Place("sessions", None, "idle"), "must not be longer than absolute"
    channels = channel_names(pieces.sms, pieces.second_factor)
    if pieces.mobile is not None and pieces.mobile.then == "other_channel" and EMAIL not in (channels or (EMAIL,)):
        yield Place("mobile", None, "then"), f'needs "{EMAIL}" among the channels (or write "wait" or "refuse")'
    schemes = schemes_by_name(pieces.schemes)
    takes_tickets = any(
        isinstance(each, ActiveDirectorySettings) and each.kerberos_keytab for each in pieces.directories.values()
    )
    app_names = {app.name for app in pieces.apps.values()}
    yield from scheme_problems(pieces.schemes, app_names, channels, takes_tickets=takes_tickets)
    if pieces.sms is not None and pieces.second_factor is not None:
        yield from channel_problems(pieces.sms, pieces.second_factor, pieces.schemes)
        yield from text_problems(pieces.texts, pieces.sms, pieces.second_factor)
    if pieces.bounces is not None:
        yield from ((Place("bounces", None, key), message) for key, message in bounces_problems(pieces.bounces))
    yield from app_problems(pieces.apps, pieces.server, schemes)
    if pieces.admin is not None:
        yield from admin_problems(pieces.admin, schemes)


def warnings(settings: Settings) -> tuple[str, ...]:
    """What works, but is seldom meant: one line each, for `gatepost check` and the log at the start."""
    return tuple(_warnings(settings))


def _server(server: ServerSettings) -> Iterator[Finding]:
    if server.tls_certificate is not None and server.tls_key is None:
        yield Place("server", None, "tls_key"), "is missing: tls_certificate needs its key"
    if server.tls_key is not None and server.tls_certificate is None:
        yield Place("server", None, "tls_certificate"), "is missing: tls_key needs its certificate"
    if server.public_url.scheme == "http" and not is_loopback(server.public_url.host):
        yield (
            Place("server", None, "public_url"),
            "must begin with https:// (http:// is for localhost, *.localhost and loopback addresses only)",
        )
    fixed = [address for address in server.listen if address.port]
    if len(set(fixed)) != len(fixed):
        yield Place("server", None, "listen"), "names the same address twice"
    if server.admin_listen is not None and server.admin_listen in fixed:
        yield Place("server", None, "admin_listen"), "must differ from listen: health and metrics are not public"
    yield from _public_side(server)


def _public_side(server: ServerSettings) -> Iterator[Finding]:
    if server.redirect_listen and server.public_url.scheme != "https":
        yield Place("server", None, "redirect_listen"), "redirects to https: public_url must begin with https://"
    taken = {*server.listen, server.admin_listen}
    for position, address in enumerate(server.redirect_listen):
        if address.port and (address in taken or address in server.redirect_listen[:position]):
            yield Place("server", None, "redirect_listen"), f"{address.host}:{address.port} is listened on already"
    if server.proxy_protocol and not server.trusted_proxies:
        yield (
            Place("server", None, "proxy_protocol"),
            "needs trusted_proxies: nobody else may say where a connection comes from",
        )
    if server.hsts and server.hsts < 300:
        yield Place("server", None, "hsts"), 'must be at least "5m", or "0s" to say nothing'


def _directories(directories: Mapping[int, DirectorySettings]) -> Iterator[Finding]:
    """A qualifier that two directories answer to would send a password to a directory by chance."""
    owners: dict[str, int] = {}
    default: str | None = None
    for position, directory in directories.items():
        if directory.default:
            if default is not None:
                yield Place("directories", position, "default"), f'"{default}" is the default already'
            default = default or directory.name
        names = {"name": directory.name}
        if isinstance(directory, ActiveDirectorySettings):
            names |= {"domain": directory.domain, "netbios_name": directory.netbios_name or ""}
        for key, name in names.items():
            if name and owners.setdefault(name.casefold(), position) != position:
                yield Place("directories", position, key), f'"{name}" already belongs to another directory'


def _relay(position: int, relay: SMTPSettings) -> Iterator[Finding]:
    if relay.security == "none" and not relay.allow_insecure and not is_loopback(relay.host):
        yield (
            Place("smtp", position, "security"),
            'passcodes would cross the network in the clear: use "starttls" or "tls" (or set allow_insecure = true)',
        )
    if relay.security == "none" and relay.username is not None and not is_loopback(relay.host):
        yield (
            Place("smtp", position, "username"),
            "a password is never sent without TLS: leave it out, or change security",
        )
    if relay.username is not None and relay.password is None:
        yield Place("smtp", position, "password"), "is missing: username needs it (or password_file)"
    if relay.password is not None and relay.username is None:
        yield Place("smtp", position, "username"), "is missing: the password needs it"


def _warnings(settings: Settings) -> Iterator[str]:
    yield from store_warnings(settings.store)
    for directory in settings.directories:
        if isinstance(directory, ActiveDirectorySettings) and directory.servers:
            for key in ("site", "controller_suffixes"):
                if getattr(directory, key):
                    yield f'directories ("{directory.name}"): {key} means nothing where servers are listed'
    named = {app.scheme for app in settings.apps} | {rule.scheme for app in settings.apps for rule in app.rules}
    yield from scheme_warnings(settings.schemes, named | {settings.admin.scheme})
    takes_tickets = any(scheme.factors[0] == "kerberos" for scheme in settings.schemes)
    if takes_tickets and settings.server.max_head_bytes < KERBEROS_HEAD_BYTES:
        yield f"server: max_head_bytes: tickets of people in many groups need {KERBEROS_HEAD_BYTES} (or 131072)"
    if not settings.mobile.holds_fresh_numbers:
        yield "mobile: then: a number changed a moment ago is sent passcodes: who has a stolen password can change it"
    elif settings.mobile.then == "other_channel":
        yield (
            "mobile: then: who has a stolen password and reads the person's mail with it needs no phone: they change"
            " the number, and the passcode goes by mail"
        )
    if settings.mobile.allowed_countries == ("*",):
        yield "mobile: allowed_countries: passcodes go to every country, expensive ones too"
    admin = settings.server.admin_listen
    if admin is not None and not is_loopback(admin.host):
        yield "server: admin_listen: health and metrics can be read beyond this machine"
    yield from app_warnings(settings.apps, settings.server)
    yield from channel_warnings(settings)
    yield from admin_warnings(settings.admin, settings.schemes)
