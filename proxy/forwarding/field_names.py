"""What is done with a header field because of its name: a pure table, one entry per request and response name.

Names are compared in one canonical form (lower case, every sign that is neither letter nor digit as ``-``), because
WSGI, CGI and PHP upstreams read ``Remote_User``, ``remote.user`` and ``Remote-User`` as one field.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache

from proxy.identity import SET_BY_GATEPOST

PLAIN_LINE = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)", re.DOTALL
)
"""``Name: value`` with no liberty taken (RFC 9110 section 5.5): one blank after the colon, none at the end."""
PLAIN_LENGTH = re.compile(rb"0|[1-9][0-9]{0,14}")


class RequestField(Enum):
    PASS = auto()
    """Forwarded as sent."""
    DROP = auto()
    """Never forwarded: hop-by-hop, or something that only Gatepost may say."""
    HOST = auto()
    COOKIE = auto()
    CONTENT_LENGTH = auto()
    TRANSFER_ENCODING = auto()
    CONNECTION = auto()
    UPGRADE = auto()
    EXPECT = auto()
    TE = auto()
    AUTHORIZATION = auto()
    ACCEPT = auto()
    FETCH_MODE = auto()
    FETCH_DEST = auto()
    FORWARDED_FOR = auto()
    FORWARDED_PROTO = auto()
    FORWARDED_HOST = auto()
    FORWARDED = auto()


class ResponseField(Enum):
    PASS = auto()
    DROP = auto()
    CONTENT_LENGTH = auto()
    TRANSFER_ENCODING = auto()
    CONNECTION = auto()
    UPGRADE = auto()
    SET_COOKIE = auto()
    CLEAR_SITE_DATA = auto()
    TRANSPORT_SECURITY = auto()


_HOP_BY_HOP = (b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te")
"""RFC 9110 section 7.6.1; what has a meaning to us is in the tables below."""

_REQUEST = {
    b"host": RequestField.HOST,
    b"cookie": RequestField.COOKIE,
    b"content-length": RequestField.CONTENT_LENGTH,
    b"transfer-encoding": RequestField.TRANSFER_ENCODING,
    b"connection": RequestField.CONNECTION,
    b"upgrade": RequestField.UPGRADE,
    b"expect": RequestField.EXPECT,
    b"te": RequestField.TE,
    b"authorization": RequestField.AUTHORIZATION,
    b"accept": RequestField.ACCEPT,
    b"sec-fetch-mode": RequestField.FETCH_MODE,
    b"sec-fetch-dest": RequestField.FETCH_DEST,
    b"x-forwarded-for": RequestField.FORWARDED_FOR,
    b"x-forwarded-proto": RequestField.FORWARDED_PROTO,
    b"x-forwarded-host": RequestField.FORWARDED_HOST,
    b"forwarded": RequestField.FORWARDED,
}
_RESPONSE = {
    b"content-length": ResponseField.CONTENT_LENGTH,
    b"transfer-encoding": ResponseField.TRANSFER_ENCODING,
    b"connection": ResponseField.CONNECTION,
    b"upgrade": ResponseField.UPGRADE,
    b"set-cookie": ResponseField.SET_COOKIE,
    b"clear-site-data": ResponseField.CLEAR_SITE_DATA,
    b"strict-transport-security": ResponseField.TRANSPORT_SECURITY,
}
_NEVER_TO_AN_UPSTREAM = frozenset(
    (
        *SET_BY_GATEPOST,
        *_HOP_BY_HOP,
        b"http2-settings",  # RFC 9113 section 3.1: only ever sent with an h2c upgrade, which is not forwarded
        b"proxy",  # CGI turns it into HTTP_PROXY ("httpoxy")
    )
)
_AMBIGUOUS = frozenset((b"host", b"cookie", b"authorization", b"content-length", b"transfer-encoding", b"connection"))
"""Names that must not come in a second spelling: an upstream that folds names would read them as the real one."""
_LOOSE_SIGNS = bytes(c if chr(c).isalnum() and c < 128 else ord("-") for c in range(256))

_FORBIDDEN_IN_TRAILERS = frozenset(
    (
        *_REQUEST,
        *_RESPONSE,
        b"trailer",
        b"content-encoding",
        b"content-type",
        b"content-range",
        b"range",
        b"date",
        b"age",
        b"expires",
        b"cache-control",
        b"max-forwards",
        b"location",
        b"vary",
        b"www-authenticate",
        b"pragma",
        b"clear-site-data",
    )
)
"""RFC 9110 section 6.5.1: framing, routing, request modifiers, authentication and the like."""


def canonical(name: bytes) -> bytes:
    """The one spelling that names are compared in."""
    return name.lower().translate(_LOOSE_SIGNS)


def is_reserved(name: bytes) -> bool:
    """Whether only Gatepost may send this field to an upstream (`name` in canonical form)."""
    return name in _NEVER_TO_AN_UPSTREAM or name.startswith(b"x-gatepost-")


@lru_cache(maxsize=2048)
def request_field(name: bytes) -> RequestField:
    """What to do with a client's field of this name, whatever its spelling."""
    folded = canonical(name)
    lower = name.lower()
    if lower == folded and lower in _REQUEST:
        return _REQUEST[lower]
    if is_reserved(folded) or folded in _AMBIGUOUS:
        return RequestField.DROP
    return RequestField.PASS


@lru_cache(maxsize=2048)
def response_field(name: bytes) -> ResponseField:
    """What to do with an upstream's field of this name. Browsers do not fold names, so only case is ignored."""
    lower = name.lower()
    if lower in _HOP_BY_HOP and lower != b"proxy-authenticate":
        return ResponseField.DROP
    return _RESPONSE.get(lower, ResponseField.PASS)


def may_be_trailer(name: bytes) -> bool:
    """Whether a field may come after a body, in either direction."""
    folded = canonical(name)
    return folded not in _FORBIDDEN_IN_TRAILERS and not is_reserved(folded)
