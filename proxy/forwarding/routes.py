"""Which host is whose: the apps, the sign-in host, and where each one's requests go."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from config.settings import AppSettings
from config.values import PublicURL, UpstreamURL

PORTAL_CONNECT_SECONDS = 5.0
PORTAL_SILENCE_SECONDS = 90.0
"""A sign-in may wait for slow domain controllers and relays, each with its own limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A server that requests are forwarded to: an app's, or the portal. Times are seconds."""

    name: str
    """The app's name; empty for the portal."""
    url: UpstreamURL
    tls: ssl.SSLContext | None
    is_portal: bool
    preserve_host: bool
    pass_authorization: bool
    connect_timeout: float
    first_byte_timeout: float
    idle_timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a host stands for: an app, or (`app` is None) the sign-in pages."""

    host: bytes
    host_name: str
    """The same as text: what sessions are looked up by."""
    app: AppSettings | None
    upstream: Upstream


def portal_upstream(socket: Path) -> Upstream:
    """The portal, on its private Unix socket."""
    return Upstream(
        name="",
        url=UpstreamURL("unix", "", 0, str(socket)),
        tls=None,
        is_portal=True,
        preserve_host=True,
        pass_authorization=False,
        connect_timeout=PORTAL_CONNECT_SECONDS,
        first_byte_timeout=PORTAL_SILENCE_SECONDS,
        idle_timeout=PORTAL_SILENCE_SECONDS,
    )


def app_upstream(app: AppSettings) -> Upstream:
    """An app's server; TLS is verified, by the system's authorities or by the app's own."""
    tls = None
    if app.upstream.scheme == "https":
        tls = ssl.create_default_context(cafile=str(app.ca_file) if app.ca_file else None)
        tls.minimum_version = ssl.TLSVersion.TLSv1_2
        tls.set_alpn_protocols(["http/1.1"])
    return Upstream(
        name=app.name,
        url=app.upstream,
        tls=tls,
        is_portal=False,
        preserve_host=app.preserve_host,
        pass_authorization=app.pass_authorization,
        connect_timeout=app.connect_timeout,
        first_byte_timeout=app.first_byte_timeout,
        idle_timeout=app.idle_timeout,
    )


def create_routes(apps: Iterable[AppSettings], public_url: PublicURL, portal: Upstream) -> dict[bytes, Route]:
    """By host name as it is compared: lower case, no port, no trailing dot."""
    routes = {
        (host := app.host.encode("ascii")): Route(host=host, host_name=app.host, app=app, upstream=app_upstream(app))
        for app in apps
    }
    sign_in_host = public_url.host.encode("ascii")
    routes[sign_in_host] = Route(host=sign_in_host, host_name=public_url.host, app=None, upstream=portal)
    return routes
