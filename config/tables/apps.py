"""`[[apps]]`: what is protected, and what of it cannot be or is seldom meant."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from config.addresses import HostName, Machine, PublicURL, UpstreamURL, is_ip, is_loopback
from config.client_kinds import ClientKind
from config.field_kinds import OF_THE_CONNECTION, canonical, is_for_proxies, is_loose, is_own, moves_request
from config.frozen_table import FrozenTable, half_pairs, named, repeated
from config.problems import told
from config.tables.rules import (
    Clients,
    PathRuleSettings,
    case_problems,
    clients_problems,
    path_problems,
    public_problems,
    rule_warnings,
)
from config.tables.schemes import SchemeSettings, no_such_scheme, not_asked_for
from config.tables.server import ServerSettings
from config.values import AppName, Flag, IdentityEncoding, Integer, NotEmpty, Seconds, TargetPath, Text

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}", re.ASCII)
"""RFC 9110 section 5.1."""


def _check_field_name(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise ValueError('not the name of a request field, such as "X-Real-IP"')
    name = canonical(value.encode("ascii"))
    if is_own(name):
        raise ValueError(f'"{value}": only Gatepost says this to apps, whatever a client sends: leave it out')
    if name == b"authorization":
        raise ValueError(f'"{value}": write pass_authorization = true instead')
    if name in OF_THE_CONNECTION or name == b"cookie":
        raise ValueError(f'"{value}": Gatepost decides itself what becomes of this field: leave it out')
    return value


FieldName = Annotated[str, AfterValidator(_check_field_name)]


class AppSettings(FrozenTable):
    """A protected app. Each has a host of its own."""

    name: AppName
    """The name that people see: 1 to 64 characters. Each app has another."""
    host: HostName
    """The host by which browsers reach the app. Not that of the sign-in pages, and no other app's."""
    upstream: UpstreamURL | None = None
    """The app's server: `http://`, `https://` or `unix:/path/to/socket`, without a path. Exactly one of `upstream` and
    `upstreams` is given, unless `forward_auth` is on."""
    upstreams: Annotated[tuple[UpstreamURL, ...], NotEmpty] | None = None
    """Several servers of the same app. Each request goes to the one with the fewest in flight; one that fails is left
    out until it recovers."""
    sticky: Flag = False
    """Whether a session stays at one of the `upstreams` for as long as that one is up."""
    health_check: TargetPath | None = None
    """A path that each of the `upstreams` is asked for at intervals. One that answers 2xx or 3xx is up. Not set: they
    are judged by the requests alone."""
    health_check_interval: Annotated[Seconds, Field(ge=1)] = 10.0
    """The time between two such requests."""
    max_connections: Annotated[Integer, Field(ge=1)] | None = None
    """Connections of one worker to each upstream, tunnels included. As many requests more wait for one, no longer than
    `connect_timeout`. Not set: any number."""
    reuse_after_body: Flag = False
    """Says that the app reads every body to its end, whatever it answers. A connection then goes on serving the session
    that sent one."""
    groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """Members of any of these groups may use it, nested ones too. Not set: every signed-in person."""
    scheme: Text | None = None
    """A session must have proven every factor of this scheme. Not set: of the scheme by which the person would sign in
    to this app."""
    clients: Clients = (ClientKind.BROWSER,)
    """Who may come: browsers, programs with a token (`bearer`), programs with an app password. What clients without a
    browser hold is one factor, whatever `scheme` asks for."""
    preserve_host: Flag = True
    """Whether the upstream sees the host that the browser asked for (true) or its own."""
    pass_authorization: Flag = False
    """Whether the client's `Authorization` header goes on to the upstream."""
    pass_fields: tuple[FieldName, ...] = ()
    """Request fields that this app gets although apps do not get them by default. Fields about the client pass only
    from `server.trusted_proxies`."""
    identity_encoding: IdentityEncoding | None = None
    """How `Remote-User` and its like write values that are not ASCII. Not set: as `[server]` says."""
    all_groups: Flag = False
    """Whether `Remote-Groups` holds all of the person's groups, not only those that the configuration names."""
    ca_file: Path | None = None
    """The certificate authority that signed an https upstream's certificate, a PEM file. Not set: those that the
    operating system trusts."""
    server_name: Machine | None = None
    """The name asked for and expected in an https upstream's certificate. Not set: the upstream's host."""
    client_certificate: Path | None = None
    """The certificate that Gatepost shows to an https upstream, a PEM file. Needs `client_key`."""
    client_key: Path | None = None
    """The private key of `client_certificate`, a PEM file."""
    connect_timeout: Seconds = 5.0
    """How long connecting to the upstream may take, TLS included."""
    first_byte_timeout: Seconds = 60.0
    """How long the upstream may take to begin its answer."""
    idle_timeout: Seconds = 60.0
    """The longest pause between two pieces of a body, either way."""
    keep_alive_timeout: Seconds = 30.0
    """How long an unused connection to an upstream is kept. Less than the upstream's own is best."""
    cors_origins: tuple[PublicURL, ...] = ()
    """Other origins (`https://spa.corp.example`) whose pages may read Gatepost's own JSON answers on this host. Their
    preflights are answered where nobody is signed in. What they may read of the app is for the app to say."""
    tells_session_end: Flag = False
    """Whether each answer says in `Gatepost-Session-Ends` when the person's session ends if it is not used again, in
    seconds since 1970."""
    tunnel_idle_timeout: Seconds | None = None
    """How long nothing may pass through a WebSocket or another tunnel before it is closed. Not set: for ever."""

    forward_auth: Flag = False
    """Whether another proxy forwards to the app and only asks `/.gatepost/authorize`. Then no upstream is needed. Needs
    `server.trusted_proxies`."""
    ignore_case: Flag = False
    """Whether the rules match paths in upper and lower case alike, as the app does."""
    rules: tuple[PathRuleSettings, ...] = ()
    """Who may reach which part of the app. The first rule that matches decides; without a match, `groups` do."""

    @property
    def takes_credentials(self) -> bool:
        """Whether it is open to clients without a browser."""
        return self.clients != (ClientKind.BROWSER,)

    @property
    def upstream_urls(self) -> tuple[UpstreamURL, ...]:
        """The servers, at least one."""
        return self.upstreams or ((self.upstream,) if self.upstream else ())


def app_problems(app: AppSettings) -> Iterator[tuple[str, str]]:
    """Key and sentence of what is wrong with one app by itself."""
    yield from told(
        _upstream_keys(app),
        *(_of_https(app, key) for key in ("ca_file", "server_name", "client_certificate", "client_key")),
        *(_of_several(app, key) for key in ("sticky", "health_check")),
        half_pairs(app, "client_certificate", "client_key"),
        _clients(app),
        _rules(app),
    )


def _upstream_keys(app: AppSettings) -> Iterator[tuple[str, str]]:
    if app.upstream is None and app.upstreams is None and not app.forward_auth:
        yield "upstream", "is missing (or give upstreams)"
    if app.upstream is not None and app.upstreams is not None:
        yield "upstreams", "upstream is given too: keep one of them"


def _urls(app: AppSettings) -> tuple[UpstreamURL, ...]:
    """None where it is not clear which are meant, which is told."""
    return app.upstream_urls if app.upstream is None or app.upstreams is None else ()


def _of_https(app: AppSettings, key: str) -> Iterator[tuple[str, str]]:
    if getattr(app, key) is not None and _urls(app) and all(url.scheme != "https" for url in _urls(app)):
        yield key, "means nothing without an https:// upstream: leave one of them out"


def _of_several(app: AppSettings, key: str) -> Iterator[tuple[str, str]]:
    if getattr(app, key) and len(_urls(app)) == 1:
        yield key, "means nothing with a single upstream: leave it out, or name several"


def _clients(app: AppSettings) -> Iterator[tuple[str, str]]:
    """Whoever has read a credential can use it: it is for Gatepost alone."""
    if not app.takes_credentials:
        return
    if app.pass_authorization:
        yield (
            "pass_authorization",
            "cannot be on with these clients: what they send is for Gatepost alone",
        )
    if app.forward_auth:
        yield (
            "forward_auth",
            "cannot be on with these clients: the other proxy would hand the app what they send",
        )


def _rules(app: AppSettings) -> Iterator[tuple[str, str]]:
    for number, rule in enumerate(app.rules):
        checks = (path_problems(rule), public_problems(rule), clients_problems(rule, app.clients), _case(app, rule))
        for key, message in told(*checks):
            yield f"rules[{number}].{key}", message


def _case(app: AppSettings, rule: PathRuleSettings) -> Iterator[tuple[str, str]]:
    if app.ignore_case:
        yield from case_problems(rule)


def same_apps(apps: Sequence[AppSettings]) -> Iterator[tuple[int, str, str]]:
    """Position, key and sentence where two apps could not be told apart."""
    for key in ("name", "host"):
        values = (getattr(app, key, None) for app in apps)
        for position in repeated(None if value is None else value.casefold() for value in values):
            yield position, key, f"another app has this {key}"


def front_problems(app: AppSettings, server: ServerSettings) -> Iterator[tuple[str, str]]:
    """Key and sentence of what has to agree with `[server]`."""
    if app.host == server.public_url.host:
        yield "host", "is the host of the sign-in pages (public_url): an app needs its own"
    for number, origin in enumerate(app.cors_origins):
        if origin.scheme != server.public_url.scheme:
            yield (
                f"cors_origins[{number}]",
                f"is not {server.public_url.scheme}:// as public_url is: browsers send no cookies from there",
            )


def forward_auth_problems(app: AppSettings, server: ServerSettings) -> Iterator[tuple[str, str]]:
    """The same, of another proxy in front."""
    if app.forward_auth and not server.trusted_proxies:
        yield "forward_auth", "needs server.trusted_proxies: the proxy that asks has to be named there"


def scheme_problems_of(app: AppSettings, schemes: Sequence[SchemeSettings]) -> Iterator[tuple[str, str]]:
    """Key and sentence of what has to agree with the schemes."""
    yield from told(_named_scheme(app, "scheme", app, schemes), _some_scheme(app, schemes))
    for number, rule in enumerate(app.rules):
        yield from told(_named_scheme(rule, f"rules[{number}].scheme", app, schemes))


def _named_scheme(
    names: AppSettings | PathRuleSettings, key: str, app: AppSettings, schemes: Sequence[SchemeSettings]
) -> Iterator[tuple[str, str]]:
    if names.scheme is None:
        return
    scheme = named(schemes, names.scheme)
    if scheme is None:
        yield key, no_such_scheme(schemes, names.scheme)
        return
    if scheme.apps is not None and app.name not in scheme.apps:
        yield key, f'"{scheme.name}" is for other apps'
    for message in not_asked_for(scheme, ("groups", "networks"), "groups into the app and networks into its rules"):
        yield key, message


def _some_scheme(app: AppSettings, schemes: Sequence[SchemeSettings]) -> Iterator[tuple[str, str]]:
    if all(scheme.apps is not None and app.name not in scheme.apps for scheme in schemes):
        yield (
            "name",
            "cannot be reached: every scheme is for other apps (name it in the apps of one, or add one without apps)",
        )


def app_warnings(apps: Sequence[AppSettings], server: ServerSettings) -> Iterator[str]:
    """What works, but is seldom meant."""
    for app in apps:
        name = f'apps ("{app.name}"): '
        if server.public_url.scheme == "http" and not is_loopback(app.host):
            yield f"{name}{app.host} over http: its cookie crosses the network in the clear"
            if app.takes_credentials:
                yield f"{name}clients: over http their passwords and tokens cross the network in the clear too"
        for warning in rule_warnings(app.rules, ignore_case=app.ignore_case):
            yield name + warning
        for warning in _field_warnings(app.pass_fields, has_trusted_proxies=bool(server.trusted_proxies)):
            yield f"{name}pass_fields: {warning}"
        for url in app.upstream_urls:
            if url.scheme == "http" and is_ip(url.host) and url.host in ("0.0.0.0", "::"):  # noqa: S104
                yield f"{name}upstream: {url.host} is an address to listen on, not to connect to"


def _field_warnings(fields: Collection[str], *, has_trusted_proxies: bool) -> Iterator[str]:
    """What opens more than is obvious, or does nothing."""
    for field in fields:
        sent, folded = field.lower().encode("ascii"), canonical(field.encode("ascii"))
        for_proxies = is_for_proxies(folded)
        if for_proxies and not has_trusted_proxies:
            yield f"{field}: passes from server.trusted_proxies alone, and none is named there"
        if moves_request(folded):
            senders = "trusted proxies" if for_proxies else "everybody who may send the app a request"
            yield (
                f"{field}: some servers answer another path, method or host for it, and rules are judged without it."
                f" It passes from {senders}: leave it out unless the app needs it"
            )
        elif not for_proxies and not is_loose(sent):
            yield f"{field}: passes without being named"
