"""TOTP (RFC 6238) with what every authenticator app understands: SHA-1, six digits, steps of 30 seconds. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

import pyotp

DIGITS = 6
STEP_SECONDS = 30
SECRET_BYTES = 20
"""160 bits, as RFC 4226 section 4 recommends."""
_DRIFT = 1
"""Steps either way that the clocks of phone and server may differ by (RFC 6238 section 5.2)."""


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def lookup_of(secret: bytes) -> bytes:
    """By which a key that is there already is recognised: kept twice, it would let each code open twice."""
    return hashlib.sha256(b"totp\0" + secret).digest()


def typed_code(text: str) -> str | None:
    """Six digits, with whatever blanks and dashes an app shows between them; None if it cannot be a code."""
    typed = "".join(text.split()).replace("-", "")
    return typed if len(typed) == DIGITS and typed.isascii() and typed.isdigit() else None


def steps_of(secret: bytes, code: str, *, now: float) -> Sequence[int]:
    """The steps around `now` whose code this is, the latest first; most often none or one."""
    codes, current = pyotp.HOTP(_text(secret), digits=DIGITS), int(now) // STEP_SECONDS
    near = range(current + _DRIFT, current - _DRIFT - 1, -1)
    return [step for step in near if step >= 0 and hmac.compare_digest(codes.at(step), code)]


def provisioning_uri(secret: bytes, *, issuer: str, login: str) -> str:
    """``otpauth://totp/...``, as apps read it from a QR code."""
    return pyotp.TOTP(_text(secret), digits=DIGITS, interval=STEP_SECONDS).provisioning_uri(
        name=login, issuer_name=issuer
    )


def grouped(secret: bytes) -> str:
    """For somebody who types it: base32 in groups of four."""
    text = _text(secret)
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def qr_svg(uri: str) -> str:
    """A QR code to put into a page: paths and attributes alone, no styles. Dark on light, whatever the page's colours:
    many readers see nothing else."""
    import segno  # here, because few processes draw one, and it takes each of them long to load

    return segno.make_qr(uri, error="m").svg_inline(dark="#000", light="#fff", border=4, omitsize=True, svgclass="qr")


def _text(secret: bytes) -> str:
    return base64.b32encode(secret).decode()
