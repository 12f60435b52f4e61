"""Reading, writing and removing Gatepost's cookies: pure functions on header values (RFC 6265).

Names are compared as they are, blanks around them and around the ``=`` taken off as servers do.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.reserved import browser_cookie, session_cookie
from proxy.sessions.tokens import is_token

_SCHEMES = ("http", "https")
_EVERY_NAME = frozenset(name(scheme).encode() for name in (session_cookie, browser_cookie) for scheme in _SCHEMES)
_BLANKS = b" \t"


def read_token(cookie_fields: Sequence[bytes], name: bytes) -> bytes | None:
    """The token in the cookie of this name, out of the values of all ``Cookie`` fields of a request.

    None if there is none, more than one (even an equal one), or if its value has not the shape of a token.
    """
    found: bytes | None = None
    for field in cookie_fields:
        if name not in field:
            continue
        for pair in field.split(b";"):
            if name not in pair:
                continue
            key, _, value = pair.partition(b"=")
            if key.strip(_BLANKS) == name:
                if found is not None:
                    return None
                found = value.strip(_BLANKS)
    return found if found is not None and is_token(found) else None


def without_gatepost_cookies(value: bytes) -> bytes:
    """A ``Cookie`` field's value without any of our cookies, all other bytes as sent; empty if nothing is left."""
    if b"gatepost" not in value:
        return value
    pairs = value.split(b";")
    kept = [pair for pair in pairs if pair.partition(b"=")[0].strip(_BLANKS) not in _EVERY_NAME]
    if len(kept) == len(pairs):
        return value
    return b";".join(kept).strip(_BLANKS)


def set_cookie(name: str, token: str, *, scheme: str) -> str:
    """A ``Set-Cookie`` value for a cookie that lives as long as the browser; it goes to this host alone."""
    return f"{name}={token}; {_attributes(scheme)}"


def clear_cookie(name: str, *, scheme: str) -> str:
    """A ``Set-Cookie`` value that removes the cookie."""
    return f"{name}=; Max-Age=0; {_attributes(scheme)}"


def _attributes(scheme: str) -> str:
    """No Domain, so that no sibling host gets it; ``__Host-`` asks for Path=/ and Secure (RFC 6265bis 4.1.3.2)."""
    secure = "; Secure" if scheme == "https" else ""
    return f"Path=/; HttpOnly; SameSite=Lax{secure}"
