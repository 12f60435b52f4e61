"""TLS to upstreams: verified by the system's authorities or the app's own, with a client certificate if one is given."""

from __future__ import annotations

import ssl

from config.settings import AppSettings


class UnusableCertificate(Exception):
    """A file that `key` of the app `app` names holds no certificate or key, or the two do not belong together."""

    def __init__(self, app: str, key: str) -> None:
        super().__init__(f'apps ("{app}"): {key}: is no PEM file of certificates and keys that belong together')


def upstream_tls(app: AppSettings) -> ssl.SSLContext | None:
    """What https connections to this app's servers use; None if it has none.

    Raises `UnusableCertificate`.
    """
    if not any(url.scheme == "https" for url in app.upstream_urls):
        return None
    try:
        context = ssl.create_default_context(cafile=str(app.ca_file) if app.ca_file else None)
    except OSError as exc:  # ssl.SSLError is one
        raise UnusableCertificate(app.name, "ca_file") from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if app.client_certificate is not None:
        try:
            context.load_cert_chain(app.client_certificate, app.client_key)
        except OSError as exc:
            raise UnusableCertificate(app.name, "client_certificate") from exc
    return context


def unreachable_reason(exc: OSError) -> str:
    """Why no connection could be made, for the log: what the operator has to look at comes first."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {exc.verify_message}"
    if isinstance(exc, ssl.SSLError):
        return f"TLS: {exc.reason or exc}"
    return f"{type(exc).__name__}: {exc.strerror or exc}"
