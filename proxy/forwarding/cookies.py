"""Finds Gatepost's cookies among the app's, and removes them from ``Cookie``."""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.http.reserved import COOKIES, browser_cookie, session_cookie
from proxy.secrets.tokens import is_token


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCookies:
    """What one ``Cookie`` field holds."""

    session_token: bytes | None = field(default=None, repr=False)
    """The session cookie's value, if exactly one well-formed one was sent."""
    browser_token: bytes | None = field(default=None, repr=False)
    """The browser cookie's value, on the same terms."""
    others: bytes = field(default=b"", repr=False)
    """The field's value without Gatepost's cookies; the bytes of the others as sent."""


NO_COOKIES = RequestCookies()


def _only_token(values: list[bytes]) -> bytes | None:
    """Malformed and duplicate cookies count as none."""
    return values[0] if len(values) == 1 and is_token(values[0]) else None


def split_cookies(value: bytes, scheme: str) -> RequestCookies:
    """Take Gatepost's cookies (those of the other scheme too) out of a ``Cookie`` value (RFC 6265 section 4.2.1)."""
    if b"gatepost" not in value:
        return RequestCookies(others=value)
    sessions: list[bytes] = []
    browsers: list[bytes] = []
    others = []
    for pair in value.split(b";"):
        name, _, token = pair.partition(b"=")
        name = name.strip()
        if name not in COOKIES:
            others.append(pair)
        elif name == session_cookie(scheme).encode("ascii"):
            sessions.append(token.strip(b" \t"))
        elif name == browser_cookie(scheme).encode("ascii"):
            browsers.append(token.strip(b" \t"))
    return RequestCookies(
        session_token=_only_token(sessions),
        browser_token=_only_token(browsers),
        others=b";".join(others).strip(b" \t"),
    )
