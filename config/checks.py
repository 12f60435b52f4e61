"""What has to agree between the values of a configuration: pure, each finding a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from config.addresses import is_ip, is_loopback
from config.admin import AdminSettings
from config.admin_checks import admin_problems, admin_warnings
from config.bounces import BouncesSettings, bounces_problems
from config.channel_checks import EMAIL, channel_problems, channel_warnings
from config.field_checks import field_warnings
from config.rule_checks import rule_problems, rule_warnings
from config.schema import Place
from config.scheme_checks import channel_names, scheme_problems, scheme_warnings
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
from config.store_checks import store_problems, store_warnings
from config.text_checks import text_problems

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
    yield from scheme_problems(pieces.schemes, pieces.apps, pieces.directories, channels)
    if pieces.sms is not None and pieces.second_factor is not None:
        yield from channel_problems(pieces.sms, pieces.second_factor, pieces.schemes)
        yield from text_problems(pieces.texts, pieces.sms, pieces.second_factor)
    if pieces.bounces is not None:
        yield from ((Place("bounces", None, key), message) for key, message in bounces_problems(pieces.bounces))
    yield from _apps(pieces.apps, pieces.server)
    yield from rule_problems(pieces.apps, pieces.schemes)
    if pieces.admin is not None:
        yield from admin_problems(pieces.admin, pieces.schemes)


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


def _apps(apps: Mapping[int, AppSettings], server: ServerSettings | None) -> Iterator[Finding]:
    names: set[str] = set()
    hosts: set[str] = set()
    for position, app in apps.items():
        if app.name.casefold() in names:
            yield Place("apps", position, "name"), "another app has this name"
        names.add(app.name.casefold())
        if app.host in hosts:
            yield Place("apps", position, "host"), "another app has this host"
        hosts.add(app.host)
        if server is not None and app.host == server.public_url.host:
            yield Place("apps", position, "host"), "is the host of the sign-in pages (public_url): an app needs its own"
        yield from _upstreams(position, app)
        if app.forward_auth and server is not None and not server.trusted_proxies:
            yield (
                Place("apps", position, "forward_auth"),
                "needs server.trusted_proxies: the proxy that asks has to be named there",
            )


def _upstreams(position: int, app: AppSettings) -> Iterator[Finding]:
    if app.upstream is None and app.upstreams is None:
        if not app.forward_auth:
            yield Place("apps", position, "upstream"), "is missing (or give upstreams)"
        return
    if app.upstream is not None and app.upstreams is not None:
        yield Place("apps", position, "upstreams"), "upstream is given too: keep one of them"
        return
    urls = app.upstream_urls
    for key in ("ca_file", "server_name", "client_certificate", "client_key"):
        if getattr(app, key) is not None and all(url.scheme != "https" for url in urls):
            yield (
                Place("apps", position, key),
                "means nothing without an https:// upstream: leave one of them out",
            )
    for key in ("sticky", "health_check"):
        if getattr(app, key) and len(urls) == 1:
            yield Place("apps", position, key), "means nothing with a single upstream: leave it out, or name several"
    if app.client_certificate is not None and app.client_key is None:
        yield Place("apps", position, "client_key"), "is missing: client_certificate needs its key"
    if app.client_key is not None and app.client_certificate is None:
        yield Place("apps", position, "client_certificate"), "is missing: client_key needs its certificate"


def _warnings(settings: Settings) -> Iterator[str]:
    yield from store_warnings(settings.store)
    for directory in settings.directories:
        if isinstance(directory, ActiveDirectorySettings) and directory.servers:
            for key in ("site", "controller_suffixes"):
                if getattr(directory, key):
                    yield f'directories ("{directory.name}"): {key} means nothing where servers are listed'
    yield from scheme_warnings(settings)
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
    if settings.server.public_url.scheme == "http":
        for app in settings.apps:
            if not is_loopback(app.host):
                yield f'apps ("{app.name}"): {app.host} over http: its cookie crosses the network in the clear'
    yield from channel_warnings(settings)
    yield from rule_warnings(settings.apps)
    yield from field_warnings(settings.apps, has_trusted_proxies=bool(settings.server.trusted_proxies))
    yield from admin_warnings(settings)
    for app in settings.apps:
        for url in app.upstream_urls:
            if url.scheme == "http" and is_ip(url.host) and url.host in ("0.0.0.0", "::"):  # noqa: S104
                yield f'apps ("{app.name}"): upstream: {url.host} is an address to listen on, not to connect to'
