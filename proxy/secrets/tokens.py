"""What is random, opaque, and stored only as its SHA-256: cookies, tickets, tokens, and what clients are given.

So long a secret cannot be guessed, from its digest neither: no slow hash is needed (NIST SP 800-63B-4 section 3.1.2.2).
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib

_TOKEN = re.compile(rb"[A-Za-z0-9_-]{43}")

_APP_PASSWORD = re.compile(rb"[a-z2-7]{28}")
_BASE32 = string.ascii_lowercase + "234567"
_GROUP = 7
_SEPARATORS = b" -\t"
_SERVICE_TOKEN = re.compile(rb"gp_([A-Za-z0-9]{40})([A-Za-z0-9]{6})")
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def new_token() -> str:
    """256 random bits, base64url without padding: 43 characters."""
    return secrets.token_urlsafe(32)


def token_digest(token: bytes | str) -> bytes:
    """The name of a token in the store."""
    return hashlib.sha256(token.encode("ascii") if isinstance(token, str) else token).digest()


def is_token(value: bytes) -> bool:
    """Whether this has the form of a token; anything else counts as none."""
    return _TOKEN.fullmatch(value) is not None


def new_app_password() -> str:
    """140 random bits, as they are shown: 28 letters and digits that cannot be taken for each other, in groups."""
    text = "".join(secrets.choice(_BASE32) for _ in range(28))
    return "-".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))


def app_password(typed: bytes) -> bytes | None:
    """As its digest is made of it, whether it was typed with its dashes or not; None: it is none."""
    plain = typed.lower().translate(None, _SEPARATORS)
    return plain if _APP_PASSWORD.fullmatch(plain) else None


def new_service_token() -> str:
    """238 random bits between a prefix and a checksum, so that whoever scans texts for secrets knows one from any other
    word."""
    text = "".join(secrets.choice(_BASE62) for _ in range(40))
    return f"gp_{text}{_checksum(text.encode())}"


def is_service_token(value: bytes) -> bool:
    """Whether it has the form of one, and the right checksum."""
    match = _SERVICE_TOKEN.fullmatch(value)
    return match is not None and match[2] == _checksum(match[1]).encode()


def _checksum(text: bytes) -> str:
    """CRC-32 in six digits to the base of 62."""
    rest, digits = zlib.crc32(text), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        digits = _BASE62[digit] + digits
    return digits
