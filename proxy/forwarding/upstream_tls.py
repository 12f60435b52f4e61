"""TLS to upstreams: verified by the system's authorities or the app's own, with a client certificate if given."""

from __future__ import annotations

import ssl

from config.errors import ConfigurationError, Problem
from config.settings import AppSettings


def upstream_tls(app: AppSettings) -> ssl.SSLContext | None:
    """What https connections to this app's servers use; None if it has none.

    Raises `ConfigurationError` if a file holds no certificate or key, or the two do not belong together.
    """
    if not any(url.scheme == "https" for url in app.upstream_urls):
        return None
    try:
        context = ssl.create_default_context(cafile=str(app.ca_file) if app.ca_file else None)
    except OSError as exc:  # ssl.SSLError is one
        raise _unusable(app, "ca_file") from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if app.client_certificate is not None:
        try:
            context.load_cert_chain(app.client_certificate, app.client_key)
        except OSError as exc:
            raise _unusable(app, "client_certificate") from exc
    return context


def _unusable(app: AppSettings, key: str) -> ConfigurationError:
    message = "holds no certificate and key that belong together" if key != "ca_file" else "holds no certificate"
    return ConfigurationError([Problem("", f'apps ("{app.name}")', key, f"{message} (PEM)")])


def unreachable_reason(exc: OSError) -> str:
    """Why no connection could be made, for the log: what the operator has to look at comes first."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {exc.verify_message}"
    if isinstance(exc, ssl.SSLError):
        return f"TLS: {exc.reason or exc}"
    return f"{type(exc).__name__}: {exc.strerror or exc}"
