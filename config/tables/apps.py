"""`[[apps]]`: what is protected, and what of it cannot be or is seldom meant."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from config.addresses import HostName, Machine, UpstreamURL, is_ip, is_loopback
from config.errors import Place, nearest
from config.field_kinds import OF_THE_CONNECTION, canonical, is_for_proxies, is_loose, is_own, moves_request
from config.frozen_table import FrozenTable
from config.tables.rules import PathRuleSettings, rule_problems, rule_warnings
from config.tables.schemes import SchemeSettings
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
    name: AppName
    host: HostName
    upstream: UpstreamURL | None = None
    upstreams: Annotated[tuple[UpstreamURL, ...], NotEmpty] | None = None
    """Several servers of the same app; exactly one of `upstream` and `upstreams` is given."""
    sticky: Flag = False
    """Whether a session stays at one of the `upstreams` for as long as that is sound."""
    health_check: TargetPath | None = None
    """What each of the `upstreams` is asked for at intervals; one that answers 2xx or 3xx is sound."""
    health_check_interval: Annotated[Seconds, Field(ge=1)] = 10.0
    max_connections: Annotated[Integer, Field(ge=1)] | None = None
    """To each upstream, tunnels included. As many requests more wait for one, no longer than `connect_timeout`."""
    reuse_after_body: Flag = False
    """Whether the app reads every body to its end, so that a connection may serve the same session after one."""
    groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """Any one of these admits; None admits every signed-in person. Never empty."""
    scheme: Text | None = None
    """A session must have proven every factor of this scheme; None: of the one that is chosen for this app."""
    preserve_host: Flag = True
    """Whether the upstream sees the host that the browser asked for, or its own."""
    pass_authorization: Flag = False
    """Whether the client's ``Authorization`` goes on to the upstream."""
    pass_fields: tuple[FieldName, ...] = ()
    """Request fields that go on although, for their name, they go to no other app. Of those that tell of the client,
    what a trusted proxy sent."""
    identity_encoding: IdentityEncoding | None = None
    """Of ``Remote-User`` and its like; None: the server's."""
    all_groups: Flag = False
    """Whether ``Remote-Groups`` holds all of the person's groups, not only the configured ones."""
    ca_file: Path | None = None
    server_name: Machine | None = None
    """The name asked for and expected in an https:// upstream's certificate, where it is not the upstream's host."""
    client_certificate: Path | None = None
    client_key: Path | None = None
    connect_timeout: Seconds = 5.0
    first_byte_timeout: Seconds = 60.0
    idle_timeout: Seconds = 60.0
    """Between two pieces of a body, either way."""
    keep_alive_timeout: Seconds = 30.0
    """How long an unused connection to an upstream is kept."""
    tunnel_idle_timeout: Seconds | None = None
    """How long nothing may pass through a WebSocket or another tunnel."""

    forward_auth: Flag = False
    """Whether another proxy forwards to the app and only asks `/.gatepost/authorize`: then no upstream is needed."""
    ignore_case: Flag = False
    """Whether the rules match paths in upper and lower case alike, as the app does."""
    rules: tuple[PathRuleSettings, ...] = ()
    """The first that matches decides; none: `groups` do."""

    @property
    def upstream_urls(self) -> tuple[UpstreamURL, ...]:
        """The servers, at least one."""
        return self.upstreams or ((self.upstream,) if self.upstream else ())


def app_problems(
    apps: Mapping[int, AppSettings], server: ServerSettings | None, schemes: Mapping[str, SchemeSettings]
) -> Iterator[tuple[Place, str]]:
    """Everything that makes an app unreachable, or mean two things. `server` None: not known."""
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
        yield from _of_schemes(position, app, schemes)
        for key, message in rule_problems(app.rules, schemes, ignore_case=app.ignore_case):
            yield Place("apps", position, key), message


def _upstreams(position: int, app: AppSettings) -> Iterator[tuple[Place, str]]:
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


def _of_schemes(position: int, app: AppSettings, schemes: Mapping[str, SchemeSettings]) -> Iterator[tuple[Place, str]]:
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


def app_warnings(apps: Sequence[AppSettings], server: ServerSettings) -> Iterator[str]:
    """What works, but is seldom meant."""
    for app in apps:
        name = f'apps ("{app.name}"): '
        if server.public_url.scheme == "http" and not is_loopback(app.host):
            yield f"{name}{app.host} over http: its cookie crosses the network in the clear"
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
