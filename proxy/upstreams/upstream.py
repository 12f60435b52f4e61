"""Where requests are forwarded to: one or several servers of an app, or the portal, and how they are treated."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from config.addresses import UpstreamURL
from config.settings import AppSettings
from proxy.upstreams.tls import upstream_tls

PORTAL_CONNECT_SECONDS = 5.0
PORTAL_SILENCE_SECONDS = 90.0
"""A sign-in may have to wait for slow domain controllers and relays, each with its own limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """Where requests are forwarded to: one or several servers of an app, or the portal. Times are seconds."""

    name: str
    """The app's name; empty for the portal."""
    urls: tuple[UpstreamURL, ...]
    """Its servers; none where another proxy forwards. Requests are written for the first (see `with_host`)."""
    tls: ssl.SSLContext | None
    """For those of them that are https."""
    server_name: str | None = None
    """The name in their certificates where it is not the URL's host."""
    is_portal: bool
    preserve_host: bool
    pass_authorization: bool
    pass_fields: frozenset[bytes] = frozenset()
    """The names, in lower case, of held fields that go on."""
    connect_timeout: float
    first_byte_timeout: float
    idle_timeout: float
    """Between two pieces of a body, either way."""
    keep_alive_timeout: float = 30.0
    """How long an unused connection is kept."""
    tunnel_idle_timeout: float = float("inf")
    is_sticky: bool = False
    """Whether a session stays at one server."""
    reuse_after_body: bool = False
    """Whether a connection that carried a request's body may serve the same session again."""
    max_connections: int | None = None
    """To each server; None: no limit."""
    health_check: str | None = None
    """The path that each server is asked for every `health_check_interval` seconds."""
    health_check_interval: float = 10.0

    @property
    def url(self) -> UpstreamURL:
        """The first server's."""
        return self.urls[0]


def portal_upstream(socket: Path) -> Upstream:
    """The portal, on its private Unix socket."""
    return Upstream(
        name="",
        urls=(UpstreamURL("unix", "", 0, str(socket)),),
        tls=None,
        is_portal=True,
        preserve_host=True,
        pass_authorization=False,
        connect_timeout=PORTAL_CONNECT_SECONDS,
        first_byte_timeout=PORTAL_SILENCE_SECONDS,
        idle_timeout=PORTAL_SILENCE_SECONDS,
    )


def app_upstream(app: AppSettings) -> Upstream:
    """An app's servers. Raises `ConfigurationError` for files of certificates that hold none."""
    return Upstream(
        name=app.name,
        urls=app.upstream_urls,
        tls=upstream_tls(app),
        server_name=app.server_name,
        is_portal=False,
        preserve_host=app.preserve_host,
        pass_authorization=app.pass_authorization,
        pass_fields=frozenset(name.lower().encode("ascii") for name in app.pass_fields),
        connect_timeout=app.connect_timeout,
        first_byte_timeout=app.first_byte_timeout,
        idle_timeout=app.idle_timeout,
        keep_alive_timeout=app.keep_alive_timeout,
        tunnel_idle_timeout=float("inf") if app.tunnel_idle_timeout is None else app.tunnel_idle_timeout,
        is_sticky=app.sticky,
        reuse_after_body=app.reuse_after_body,
        max_connections=app.max_connections,
        health_check=app.health_check,
        health_check_interval=app.health_check_interval,
    )
