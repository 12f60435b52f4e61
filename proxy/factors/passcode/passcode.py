"""Passcodes: derived per challenge, compared as an HMAC, never stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata

import pyotp

_LONGEST_TYPED = 64
LONGEST_PASTED = 500
"""Characters: a text message of several parts."""
_NUMBER = re.compile(r"[0-9](?: ?[0-9])*", re.ASCII)
_BLANKS_AND_DASHES = frozenset({"Zs", "Pd", "Cc", "Cf"})
"""Unicode categories that people, phones and clipboards put between digits."""


def passcode_of(key: bytes, challenge_id: str, *, digits: int) -> str:
    """The passcode of a challenge: HOTP (RFC 4226) at counter 0 under a secret derived from `key` and the id.

    The same for every re-send of that challenge, and no part of it is stored. HOTP truncates to 31 bits: with 6 to 8
    digits all passcodes are practically equally likely, with 9 there is a slight bias, with 10 the first digit is at
    most 2.
    """
    secret = hmac.digest(key, challenge_id.encode(), hashlib.sha256)[:20]
    return pyotp.HOTP(base64.b32encode(secret).decode(), digits=digits).at(0)


def passcode_digest(key: bytes, *, challenge_id: str, guid: str, passcode: str) -> bytes:
    """HMAC-SHA256 over the three, unambiguously joined."""
    parts = (challenge_id.encode(), guid.encode(), passcode.encode())
    return hmac.digest(key, b"".join(len(part).to_bytes(4) + part for part in parts), hashlib.sha256)


def typed_passcode(text: str, *, digits: int) -> str | None:
    """What was typed as ASCII digits, without spaces and dashes; None if it cannot be a passcode (RFC 4226 digits).

    A whole message may be pasted ("Your code is 123456. It is valid for 5 minutes."). It is a passcode if exactly one
    of its numbers is as long as one. An empty answer is None too: it costs no attempt and moves nothing. Decimal digits
    of any script count.
    """
    if len(text) > LONGEST_PASTED:
        return None
    plain = "".join(_plainly(character) for character in text)
    if not plain.strip("0123456789 \n"):
        typed = plain.replace(" ", "").replace("\n", "")
        return typed if len(typed) == digits and len(text) <= _LONGEST_TYPED else None
    numbers = {number.replace(" ", "") for number in _NUMBER.findall(plain)}
    passcodes = [number for number in numbers if len(number) == digits]
    return passcodes[0] if len(passcodes) == 1 else None


def _plainly(character: str) -> str:
    """A digit as ASCII, a separator between digits as a space, a line end as itself, and anything else as "x"."""
    value = unicodedata.decimal(character, None)
    if value is not None:
        return str(value)
    if character in "\r\n":
        return "\n"
    return " " if unicodedata.category(character) in _BLANKS_AND_DASHES else "x"
