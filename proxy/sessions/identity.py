"""What an upstream is told about the person: header values, and the signed assertion."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.algorithms import ECAlgorithm

from config.factors import FIRST_FACTORS, Factor
from config.settings import AppSettings
from config.values import IdentityEncoding
from proxy.secrets.keys import CLOCK_SECONDS, AssertionKey, Keys
from proxy.sessions.session import Session

_METHODS = {
    Factor.PASSWORD: ("pwd",),
    Factor.SMS: ("otp", "sms"),
    Factor.EMAIL: ("otp",),
    Factor.EMAIL_FOR_SMS: ("otp",),
    Factor.TOTP: ("otp",),
    Factor.RECOVERY_CODE: ("otp",),
    Factor.PASSKEY: ("pop", "user"),
    Factor.PASS: ("pass",),
    Factor.KERBEROS: ("kerberos",),
    Factor.REMEMBERED: ("remembered",),
    Factor.APP_PASSWORD: ("app_password",),
    Factor.SERVICE_TOKEN: ("service_token",),
}
"""A factor's RFC 8176 names; what is registered there means neither ``kerberos`` nor ``remembered`` nor ``pass``, and
no credential of a client.

A passkey is ``pop``, proof of possession of a key: no attestation is asked for, so nobody knows whether hardware keeps
it (``hwk``) or software (``swk``). Somebody has touched it each time (``user``).
"""

JWKS_CACHE_SECONDS = 300
"""How long apps may keep the published keys."""

_ES256 = ECDSA(SHA256())
_INTEGER_BYTES = 32
"""Of each half of an ES256 signature."""
_compact_json = json.JSONEncoder(separators=(",", ":")).encode

_KEPT_BY_PERCENT = "".join(chr(code) for code in range(32, 127) if chr(code) != "%")

_NOT_IN_A_VALUE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories that end or break a field value in some server: controls, lone surrogates, line separators."""


def identity_headers(
    session: Session, app: AppSettings, default: IdentityEncoding = "utf-8"
) -> list[tuple[bytes, bytes]]:
    """``Remote-User/-Name/-Email/-Groups/-Realm`` without control characters, in the app's encoding or the `default`.

    `Remote-Groups` is joined by commas, a comma inside a name is ``%2C``. A field without a value is left out.
    """
    encode = _ENCODERS[app.identity_encoding or default]
    principal = session.principal
    groups = (encode(_field_text(name)).replace(b",", b"%2C") for name in _groups_for(session, app))
    fields = (
        (b"Remote-User", encode(_field_text(principal.username))),
        (b"Remote-Name", encode(_field_text(principal.display_name))),
        (b"Remote-Email", encode(_field_text(principal.mail or ""))),
        (b"Remote-Groups", b",".join(name for name in groups if name)),
        (b"Remote-Realm", encode(_field_text(principal.realm))),
    )
    return [(name, value) for name, value in fields if value]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signer:
    """One assertion key, and the time in which it signs."""

    key: EllipticCurvePrivateKey = field(repr=False)
    jwk: dict[str, str]
    """The public part, as it is published."""
    jose_header: bytes
    """The first part of every token that it signs, with the full stop behind it."""
    use_after: float
    ends_at: float


class Assertions:
    """Signs `X-Gatepost-Assertion` (JWT, RFC 7519; ES256; `amr` per RFC 8176) and publishes the keys (RFC 7517)."""

    LIFETIME_SECONDS = 60

    def __init__(self, keys: Keys, *, issuer: str) -> None:
        """`issuer` is the origin of the sign-in pages, below which the keys are published."""
        self._issuer = issuer
        self._signers = tuple(_signer(each, is_first=index == 0) for index, each in enumerate(keys.assertion_keys))
        self._signer = self._signers[0]

    def sign(self, session: Session, app: AppSettings, now: float) -> bytes:
        """For `app` as audience (its name), valid from now for a minute; the plane re-uses one for half of it."""
        principal = session.principal
        issued_at = int(now)
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": principal.guid,
            "aud": app.name,
            "iat": issued_at,
            "exp": issued_at + self.LIFETIME_SECONDS,
            "jti": secrets.token_urlsafe(16),
            "auth_time": int(session.authenticated_at),
            "amr": _authentication_methods(tuple([proof.factor for proof in session.proven])),
            "name": principal.display_name,
            "preferred_username": principal.username,
            "realm": principal.realm,
            "groups": _groups_for(session, app),
        }
        if principal.mail is not None:
            claims["email"] = principal.mail
        signer = self._signer
        if not signer.use_after <= now < signer.ends_at:
            signer = self._signer = next(each for each in self._signers if each.use_after <= now < each.ends_at)
        # The JWS compact serialisation (RFC 7515 section 3.1), put together here: PyJWT makes the header each time, and
        # takes nearly as long for all this as the signature does.
        signed = signer.jose_header + _base64url(_compact_json(claims).encode("ascii"))
        return signed + b"." + _base64url(_signature(signer.key, signed))

    def jwks(self, now: float) -> dict[str, Any]:
        """The public keys as a JWK Set, for `/.gatepost/jwks.json`.

        A key is published before it signs, because apps cache the set. It stays published afterwards for as long as an
        app may meet its last assertion. The clocks of nodes may differ.
        """
        overlap = self.LIFETIME_SECONDS + JWKS_CACHE_SECONDS + CLOCK_SECONDS
        return {"keys": [each.jwk for each in self._signers if now < each.ends_at + overlap]}


def _signature(key: EllipticCurvePrivateKey, signed: bytes) -> bytes:
    """ES256: both integers one after the other, not DER (RFC 7518 section 3.4)."""
    r, s = decode_dss_signature(key.sign(signed, _ES256))
    return r.to_bytes(_INTEGER_BYTES, "big") + s.to_bytes(_INTEGER_BYTES, "big")


def _base64url(data: bytes) -> bytes:
    """Without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _signer(given: AssertionKey, *, is_first: bool) -> _Signer:
    jwk = ECAlgorithm.to_jwk(given.key.public_key(), as_dict=True)
    kid = thumbprint(jwk)
    jose_header = _compact_json({"alg": "ES256", "kid": kid, "typ": "JWT"}).encode("ascii")
    return _Signer(
        key=given.key,
        jwk={**jwk, "kid": kid, "use": "sig", "alg": "ES256"},
        jose_header=_base64url(jose_header) + b".",
        use_after=-math.inf if is_first else given.use_after,
        ends_at=math.inf if given.retired_at is None else given.retired_at,
    )


def thumbprint(jwk: dict[str, Any]) -> str:
    """A public EC key's name: SHA-256 over its required members, base64url (RFC 7638 section 3)."""
    required = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    canonical = json.dumps(required, separators=(",", ":"), sort_keys=True).encode()
    return _base64url(hashlib.sha256(canonical).digest()).decode("ascii")


def _groups_for(session: Session, app: AppSettings) -> list[str]:
    return list(session.principal.all_groups) if app.all_groups else sorted(session.principal.groups)


@lru_cache(maxsize=1024)
def _authentication_methods(proven: tuple[Factor, ...]) -> tuple[str, ...]:
    """RFC 8176 section 2, from the facts: what was proven, in order, each once; two kinds of it are ``mfa``.

    A ticket and a password are one kind: anyone with the password can get the ticket. A remembered browser is none:
    what it stands for was proven in another session. A passkey that a session began with is two: it has checked whose
    hand it is in (user verification), or it would not have begun one.
    """
    methods = dict.fromkeys(method for factor in proven for method in _METHODS[factor])
    kinds = {factor in FIRST_FACTORS for factor in proven if factor is not Factor.REMEMBERED}
    is_mfa = len(kinds) > 1 or proven[0] is Factor.PASSKEY
    return (*methods, "mfa") if is_mfa else (*methods,)


def _field_text(text: str) -> str:
    """Spaces around a value are not part of it (RFC 9110 section 5.5)."""
    if not text.isprintable():
        text = "".join(character for character in text if unicodedata.category(character) not in _NOT_IN_A_VALUE)
    return text.strip(" ")


def _percent_encoded(text: str) -> bytes:
    """RFC 3986 section 2.1: what is not ASCII by its UTF-8 bytes, and the percent sign, so that it can be decoded."""
    return quote(text, safe=_KEPT_BY_PERCENT).encode("ascii")


def _left_out(text: str) -> bytes:
    return text.encode("ascii") if text.isascii() else b""


_ENCODERS: dict[IdentityEncoding, Callable[[str], bytes]] = {
    "utf-8": str.encode,
    "percent": _percent_encoded,
    "leave_out": _left_out,
}
