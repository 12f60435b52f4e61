"""Which text can be a password at all, decided before any directory sees it."""

from __future__ import annotations

MAX_BYTES = 1024
"""In UTF-8. AD takes 256 characters; without a bound, hashing or sending one is work for free."""


def is_usable_password(password: str) -> bool:
    """Whether this text has a UTF-8 form (a lone surrogate has none) and that form `are_usable_octets`."""
    if len(password) > MAX_BYTES:
        return False
    try:
        return are_usable_octets(password.encode())
    except UnicodeEncodeError:
        return False


def are_usable_octets(password: bytes) -> bool:
    """Not empty (on AD an empty one is an unauthenticated bind, which succeeds: RFC 4513 section 5.1.2), no NUL,
    not over `MAX_BYTES`."""
    return 0 < len(password) <= MAX_BYTES and b"\0" not in password
