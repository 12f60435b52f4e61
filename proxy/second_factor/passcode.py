"""Passcodes: derived per challenge, compared as an HMAC, never stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata

import pyotp

_LONGEST_TYPED = 64
_BLANKS_AND_DASHES = frozenset({"Zs", "Pd", "Cc", "Cf"})
"""Unicode categories that people, phones and clipboards put between digits."""


def new_challenge_id() -> str:
    """192 random bits, URL-safe."""
    return secrets.token_urlsafe(24)


def passcode_of(key: bytes, challenge_id: str, *, digits: int) -> str:
    """The passcode of a challenge: HOTP (RFC 4226) at counter 0 under a secret derived from `key` and the id.

    The same for every re-send of that challenge, and nothing of it is stored. HOTP truncates to 31 bits: with 6 to 8
    digits all passcodes are as good as equally likely, with 9 they lean a little, with 10 the first digit is at most 2.
    """
    secret = hmac.digest(key, challenge_id.encode(), hashlib.sha256)[:20]
    return pyotp.HOTP(base64.b32encode(secret).decode(), digits=digits).at(0)


def passcode_digest(key: bytes, *, challenge_id: str, guid: str, passcode: str) -> bytes:
    """HMAC-SHA256 over the three, unambiguously joined."""
    parts = (challenge_id.encode(), guid.encode(), passcode.encode())
    return hmac.digest(key, b"".join(len(part).to_bytes(4) + part for part in parts), hashlib.sha256)


def typed_passcode(text: str, *, digits: int) -> str | None:
    """What was typed as ASCII digits, blanks and dashes taken out; None if it cannot be a passcode (RFC 4226 digits).

    An empty answer is None too: it costs no attempt and moves nothing. Decimal digits of any script count.
    """
    if len(text) > _LONGEST_TYPED:
        return None
    typed = []
    for character in text:
        value = unicodedata.decimal(character, None)
        if value is not None:
            typed.append(str(value))
        elif unicodedata.category(character) not in _BLANKS_AND_DASHES:
            return None
    return "".join(typed) if len(typed) == digits else None
