"""What pages of other origins may read and ask, where an app names them (`cors_origins`): pure.

Fetch standard, "CORS protocol". All of it concerns Gatepost's own answers. What the app says to signed-in persons goes
on as it is.
"""

from __future__ import annotations

import re

from config.settings import AppSettings
from proxy.forwarding.verdict import JudgedRequest, Respond
from proxy.http.request_head import RequestHead

_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
_NAMES = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*")
_MOST_NAMES_BYTES = 2048


def readable_fields(app: AppSettings | None, head: RequestHead) -> list[bytes]:
    """The lines that let the page that sent this read an answer of Gatepost's own."""
    if app is None or not app.cors_origins:
        return []
    origin = _allowed_origin(app, head)
    if origin is None:
        return [b"Vary: Origin"]
    return [*_allowing(origin), b"Access-Control-Expose-Headers: WWW-Authenticate, Retry-After", b"Vary: Origin"]


def answer_preflight(request: JudgedRequest) -> Respond | None:
    """A yes, where nobody is signed in: a preflight never brings a cookie, and so the app is never asked.

    It says that the request may be sent, not that its answer may be read. Never to another proxy that asks: to that, a
    yes would mean that somebody is signed in.
    """
    head, app = request.head, request.route.app
    if request.question is not None or head.method != b"OPTIONS" or app is None:
        return None
    origin = _allowed_origin(app, head)
    method = _only(head, b"access-control-request-method")
    names = _only(head, b"access-control-request-headers")
    if origin is None or method is None or not _METHOD.fullmatch(method):
        return None
    lines = [*_allowing(origin), b"Access-Control-Allow-Methods: " + method]
    if names is not None:
        if len(names) > _MOST_NAMES_BYTES or not _NAMES.fullmatch(names):
            return None
        lines.append(b"Access-Control-Allow-Headers: " + names)
    lines += [
        b"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        b"Cache-Control: no-store",
    ]
    return Respond(status=204, lines=tuple(lines))


def _allowed_origin(app: AppSettings, head: RequestHead) -> bytes | None:
    """Compared byte for byte with what the operator named; two `Origin` fields are none."""
    origin = _only(head, b"origin")
    return origin if origin in {each.origin.encode("ascii") for each in app.cors_origins} else None


def _allowing(origin: bytes) -> list[bytes]:
    return [b"Access-Control-Allow-Origin: " + origin, b"Access-Control-Allow-Credentials: true"]


def _only(head: RequestHead, name: bytes) -> bytes | None:
    """The value of a field that came exactly once."""
    pairs = (line.partition(b":") for line in head.lines)
    values = [value.strip(b" \t") for each, _, value in pairs if each.lower() == name]
    return values[0] if len(values) == 1 else None
