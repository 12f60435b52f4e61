"""What a client without a browser says who it is by: pure, from an ``Authorization`` value (RFC 6750, RFC 7617)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from config.client_kinds import ClientKind
from config.factors import Factor
from proxy.secrets.tokens import app_password, is_service_token, is_token
from proxy.sessions.live_sessions import CookieKey, cookie_key
from proxy.sessions.way import TOKEN_HOST, Way

_BEARER = frozenset({Way.API, Way.SERVICE_TOKEN})
_BASIC = frozenset({Way.APP_PASSWORD})


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenCredential:
    kind: ClientKind
    factor: Factor
    """What a session that begins by it has proven."""
    ways: frozenset[Way]
    """Of which ways in a session may be that it names: a token is no password, nor the other way round."""
    key: CookieKey | None = field(repr=False)
    """What its session is found by; None: it has not the form of anything that Gatepost gives out."""


def read_credential(authorization: bytes) -> GivenCredential | None:
    """None: of a scheme that Gatepost does not take."""
    scheme, _, rest = authorization.strip(b" \t").partition(b" ")
    match scheme.lower():
        case b"bearer":
            return _given(ClientKind.BEARER, Factor.SERVICE_TOKEN, _BEARER, _bearer_token(rest.strip(b" ")))
        case b"basic":
            return _given(ClientKind.APP_PASSWORD, Factor.APP_PASSWORD, _BASIC, _basic_password(rest.strip(b" ")))
        case _:
            return None


def _given(kind: ClientKind, factor: Factor, ways: frozenset[Way], secret: bytes | None) -> GivenCredential:
    key = cookie_key(secret, TOKEN_HOST) if secret is not None else None
    return GivenCredential(kind=kind, factor=factor, ways=ways, key=key)


def _bearer_token(token: bytes) -> bytes | None:
    return token if is_token(token) or is_service_token(token) else None


def _basic_password(encoded: bytes) -> bytes | None:
    """The user name says nothing: the password alone names its person, and many clients send one of their own."""
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return None
    _, colon, password = decoded.partition(b":")
    return app_password(password) if colon else None


def holds_credential(authorization: bytes) -> bool:
    """Whether it holds what opens an app here and can be told from what others give out: it is for Gatepost alone.

    The API's tokens have no form of their own. Many clients send a token as the password of HTTP Basic.
    """
    scheme, _, rest = authorization.strip(b" \t").partition(b" ")
    rest = rest.strip(b" ")
    if scheme.lower() != b"basic":
        return is_service_token(rest)
    try:
        name, _, password = base64.b64decode(rest, validate=True).partition(b":")
    except binascii.Error:
        return False
    return app_password(password) is not None or is_service_token(password) or is_service_token(name)
