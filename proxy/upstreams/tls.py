"""TLS to upstreams: verified by the system's authorities or the app's own, with a client certificate if given."""

from __future__ import annotations

import ssl

from config.authorities import UnusableAuthorities, client_context
from config.errors import ConfigurationError, Problem
from config.settings import AppSettings


def upstream_tls(app: AppSettings) -> ssl.SSLContext | None:
    """What https connections to this app's servers use; None if it has none.

    Raises `ConfigurationError` if a file holds no certificate or key, or the two do not belong together.
    """
    if not any(url.scheme == "https" for url in app.upstream_urls):
        return None
    try:
        context = client_context(app.ca_file)
    except UnusableAuthorities as exc:
        raise _unusable(app, "ca_file", str(exc)) from exc
    context.set_alpn_protocols(["http/1.1"])
    if app.client_certificate is not None:
        try:
            # Without a password given here, OpenSSL would ask for one on the terminal.
            context.load_cert_chain(app.client_certificate, app.client_key, password=lambda: "")
        except OSError as exc:
            message = (
                f"{app.client_certificate} and client_key are no certificate and key that belong together: both must be"
                " PEM, and the key without a password"
            )
            raise _unusable(app, "client_certificate", message) from exc
    return context


def _unusable(app: AppSettings, key: str, message: str) -> ConfigurationError:
    return ConfigurationError([Problem("", f'apps ("{app.name}")', key, message)])
