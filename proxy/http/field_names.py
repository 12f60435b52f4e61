"""What is done with a header field because of its name: a pure table, one entry per request and response name.

What names mean to servers, and in which form they are compared, is in `config.field_kinds`.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import partial

from config.field_kinds import (
    HOP_BY_HOP,
    OF_THE_CONNECTION,
    TO_CLIENTS,
    canonical,
    for_names,
    is_for_proxies,
    is_loose,
    is_own,
    moves_request,
)

# Not possessive: that would spare little, and Python 3.11.2 matches such groups wrongly (CPython issue 106052).
_NAME = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VALUE = rb"(?![ \t])[\t -~\x80-\xff]+(?<![ \t])"
PLAIN_LINE = re.compile(rb"(%b): (%b)" % (_NAME, _VALUE), re.DOTALL)
"""``Name: value`` in its plainest form (RFC 9110 section 5.5): one space after the colon, none at the end."""
PLAIN_LINES = re.compile(rb"(?:\r\n%b: %b)*\r\n\r\n" % (_NAME, _VALUE), re.DOTALL)
"""Any number of them, from the end of the first line on."""
PLAIN_LENGTH = re.compile(rb"0|[1-9][0-9]{0,14}")


class RequestField(Enum):
    """The value of what is more than passed on, dropped or held: its name."""

    __hash__ = object.__hash__  # members are singletons, and an enum's own hash is a call of Python

    PASS = auto()
    """Forwarded as sent."""
    DROP = auto()
    """Never forwarded: hop-by-hop, or something that only Gatepost may say, in its own spelling."""
    HOLD = auto()
    """Forwarded only to an app that names it in `pass_fields`: it moves the request in some server, only a proxy may
    say it, or its name has a character that some servers fold into another."""
    HOST = b"host"
    COOKIE = b"cookie"
    CONTENT_LENGTH = b"content-length"
    TRANSFER_ENCODING = b"transfer-encoding"
    CONNECTION = b"connection"
    UPGRADE = b"upgrade"
    EXPECT = b"expect"
    TE = b"te"
    AUTHORIZATION = b"authorization"
    ACCEPT = b"accept"
    FETCH_MODE = b"sec-fetch-mode"
    FETCH_DEST = b"sec-fetch-dest"
    FORWARDED_FOR = b"x-forwarded-for"
    FORWARDED_PROTO = b"x-forwarded-proto"
    FORWARDED_HOST = b"x-forwarded-host"
    FORWARDED = b"forwarded"


PASSED_ON = frozenset((RequestField.PASS, RequestField.ACCEPT, RequestField.FETCH_MODE, RequestField.FETCH_DEST))
"""What goes on to every upstream as it was sent."""


class ResponseField(Enum):
    """As `RequestField`."""

    PASS = auto()
    DROP = auto()
    CONTENT_LENGTH = b"content-length"
    TRANSFER_ENCODING = b"transfer-encoding"
    CONNECTION = b"connection"
    UPGRADE = b"upgrade"
    SET_COOKIE = b"set-cookie"
    CLEAR_SITE_DATA = b"clear-site-data"
    TRANSPORT_SECURITY = b"strict-transport-security"


_REQUEST = {field.value: field for field in RequestField if isinstance(field.value, bytes)}
_RESPONSE = {field.value: field for field in ResponseField if isinstance(field.value, bytes)}
_FORBIDDEN_IN_TRAILERS = frozenset(
    (
        *(*_REQUEST, *_RESPONSE, b"trailer", b"content-encoding", b"content-type", b"content-range", b"range"),
        *(b"date", b"age", b"expires", b"cache-control", b"max-forwards", b"location", b"vary", b"www-authenticate"),
        b"pragma",
    )
)
"""RFC 9110 section 6.5.1: framing, routing, request modifiers, authentication and the like."""


@partial(for_names, most=2048)
def request_field(name: bytes) -> RequestField:
    """What to do with a client's field of this name, whatever its spelling."""
    lower = name.lower()
    if is_loose(lower):
        return RequestField.HOLD
    known = _REQUEST.get(lower)
    if known is not None:
        return known
    if is_own(lower) or lower in OF_THE_CONNECTION:
        return RequestField.DROP
    return RequestField.HOLD if moves_request(lower) or is_for_proxies(lower) else RequestField.PASS


@partial(for_names, most=2048)
def response_field(name: bytes) -> ResponseField:
    """What to do with an upstream's field of this name. Browsers do not fold names, so only case is ignored."""
    lower = name.lower()
    if (lower in HOP_BY_HOP and lower != b"proxy-authenticate") or lower == TO_CLIENTS:
        return ResponseField.DROP
    return _RESPONSE.get(lower, ResponseField.PASS)


def may_be_trailer(name: bytes, *, to_app: bool) -> bool:
    """Whether a field may come after a body; to an app, as before it, under no name that servers fold into another."""
    folded = canonical(name)
    if to_app and is_loose(name):
        return False
    if folded in _FORBIDDEN_IN_TRAILERS or folded in OF_THE_CONNECTION or is_own(folded):
        return False
    return not (moves_request(folded) or is_for_proxies(folded))
