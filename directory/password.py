"""Which text can be a password at all, decided before any directory sees it."""

from __future__ import annotations

MAX_BYTES = 1024
"""In UTF-8. AD takes 256 characters; without a bound, hashing or sending one is work for free."""


def is_usable_password(password: str) -> bool:
    """Not empty (on AD an empty one is an unauthenticated bind, which succeeds: RFC 4513 section 5.1.2), no NUL,
    no lone surrogate, not over `MAX_BYTES`."""
    if not password or len(password) > MAX_BYTES or "\0" in password:
        return False
    try:
        return len(password.encode()) <= MAX_BYTES
    except UnicodeEncodeError:
        return False
