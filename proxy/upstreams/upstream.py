"""Where requests are forwarded to: one or several servers of an app, or the portal, and how they are treated."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from config.addresses import UpstreamURL
from config.certificates import client_context, load_pair
from config.settings import AppSettings

PORTAL_CONNECT_SECONDS = 5.0
PORTAL_SILENCE_SECONDS = 90.0
"""A sign-in may have to wait for slow domain controllers and relays, each with its own limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """One or several servers of an app, or the portal."""

    name: str
    """The app's name; empty for the portal."""
    urls: tuple[UpstreamURL, ...]
    """Its servers; none where another proxy forwards. Requests are written for the first (see `with_host`)."""
    tls: ssl.SSLContext | None
    """For those of them that are https."""
    is_portal: bool
    settings: AppSettings
    """How it is treated. The portal is treated as an app with these settings would be."""
    pass_fields: frozenset[bytes] = frozenset()
    """The names, in lower case, of held fields that go on."""

    @property
    def url(self) -> UpstreamURL:
        """The first server's."""
        return self.urls[0]


def portal_upstream(socket: Path) -> Upstream:
    """The portal, on its private Unix socket."""
    url = UpstreamURL("unix", "", 0, str(socket))
    settings = AppSettings(
        name="portal",
        host="portal.invalid",
        upstream=url,
        connect_timeout=PORTAL_CONNECT_SECONDS,
        first_byte_timeout=PORTAL_SILENCE_SECONDS,
        idle_timeout=PORTAL_SILENCE_SECONDS,
    )
    return Upstream(name="", urls=(url,), tls=None, is_portal=True, settings=settings)


def upstream_tls(app: AppSettings) -> ssl.SSLContext | None:
    """What https connections to this app's servers use; None if it has none.

    They are verified by the system's authorities or the app's own. Raises `UnusableFile` if a file holds no
    certificate or key, or the two do not belong together.
    """
    if not any(url.scheme == "https" for url in app.upstream_urls):
        return None
    context = client_context(app.ca_file)
    context.set_alpn_protocols(["http/1.1"])
    if app.client_certificate is not None:
        load_pair(context, app.client_certificate, app.client_key or app.client_certificate)
    return context


def app_upstream(app: AppSettings) -> Upstream:
    """An app's servers. Raises as `upstream_tls` does."""
    return Upstream(
        name=app.name,
        urls=app.upstream_urls,
        tls=upstream_tls(app),
        is_portal=False,
        settings=app,
        pass_fields=frozenset(name.lower().encode("ascii") for name in app.pass_fields),
    )
