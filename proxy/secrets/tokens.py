"""Cookie and ticket tokens: random, opaque, and stored only as their SHA-256."""

from __future__ import annotations

import hashlib
import re
import secrets

_TOKEN = re.compile(rb"[A-Za-z0-9_-]{43}")


def new_token() -> str:
    """256 random bits, base64url without padding: 43 characters."""
    return secrets.token_urlsafe(32)


def token_digest(token: bytes | str) -> bytes:
    """The name of a token in the store."""
    return hashlib.sha256(token.encode("ascii") if isinstance(token, str) else token).digest()


def is_token(value: bytes) -> bool:
    """Whether this has the form of a token; anything else counts as none."""
    return _TOKEN.fullmatch(value) is not None
