"""TLS to upstreams: verified by the system's authorities or the app's own, with a client certificate if given."""

from __future__ import annotations

import ssl

from config.certificates import client_context, load_pair
from config.settings import AppSettings


def upstream_tls(app: AppSettings) -> ssl.SSLContext | None:
    """What https connections to this app's servers use; None if it has none.

    Raises `UnusableFile` if a file holds no certificate or key, or the two do not belong together.
    """
    if not any(url.scheme == "https" for url in app.upstream_urls):
        return None
    context = client_context(app.ca_file)
    context.set_alpn_protocols(["http/1.1"])
    if app.client_certificate is not None:
        load_pair(context, app.client_certificate, app.client_key or app.client_certificate)
    return context
