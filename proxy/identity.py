"""What an upstream is told about the person: header values, and the signed assertion."""

from __future__ import annotations

from typing import Any

from config.settings import AppSettings
from proxy.keys import Keys
from proxy.sessions.session import Session

SET_BY_GATEPOST = (
    b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded",
    b"remote-user", b"remote-name", b"remote-email", b"remote-groups", b"remote-realm",
    b"x-gatepost-assertion",
)  # fmt: skip
"""Lower case, with ``-``: every client-sent spelling of these, and of any ``x-gatepost-`` name, is removed."""


def identity_headers(session: Session, app: AppSettings) -> list[tuple[bytes, bytes]]:
    """``Remote-User/-Name/-Email/-Groups/-Realm`` in UTF-8 without control characters.

    `Remote-Groups` is joined by commas, a comma inside a name is ``%2C``. A field without a value is left out.
    """
    raise NotImplementedError


class Assertions:
    """Signs `X-Gatepost-Assertion` (JWT, RFC 7519; ES256; `amr` per RFC 8176) and publishes the key (RFC 7517)."""

    LIFETIME_SECONDS = 60

    def __init__(self, keys: Keys, *, issuer: str) -> None: ...

    def sign(self, session: Session, app: AppSettings, now: float) -> bytes:
        """For `app` as audience (its name), valid from now for a minute; the plane re-uses one for half of it."""
        raise NotImplementedError

    def jwks(self) -> dict[str, Any]:
        raise NotImplementedError
