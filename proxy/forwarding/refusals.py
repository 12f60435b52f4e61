"""Gatepost's own answers as bytes on the wire."""

from __future__ import annotations

import http
import re
from collections.abc import Iterable

from proxy.pages.answers import Answer, render

_PAGE_ASKED_FOR = re.compile(rb"(?:GET|HEAD) .*?\r\naccept:[^\r\n]*text/html", re.IGNORECASE | re.DOTALL)


def asks_for_page(sent: bytes) -> bool:
    """Whether a head that could not be read looks like a person's: they are told in a page what to do."""
    return _PAGE_ASKED_FOR.match(sent) is not None


def method_of(sent: bytes) -> bytes:
    """What a head that could not be read asks, as far as it decides how an answer ends (RFC 9110 section 9.3.2)."""
    return b"HEAD" if sent.startswith(b"HEAD ") else b"GET"


def _text(value: bytes | str) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8")


def response(
    status: int, fields: Iterable[tuple[bytes | str, bytes | str]], body: bytes, *, method: bytes, closes: bool
) -> bytes:
    """A whole response; to HEAD without its body."""
    reason = http.HTTPStatus(status).phrase.encode("ascii")
    out = [b"HTTP/1.1 %d %b" % (status, reason)]
    out += [_text(name) + b": " + _text(value) for name, value in fields]
    out.append(b"Content-Length: %d" % len(body))
    if closes:
        out.append(b"Connection: close")
    out.append(b"\r\n" if method == b"HEAD" else b"\r\n" + body)
    return b"\r\n".join(out)


def answer_bytes(
    answer: Answer, *, page: bool, sign_in_origin: str, method: bytes, closes: bool, now: float | None = None
) -> bytes:
    """`answer` as a page or as JSON."""
    fields, body = render(answer, page=page, sign_in_origin=sign_in_origin, now=now)
    return response(answer.status, fields, body, method=method, closes=closes)


def redirect(location: bytes, *, set_cookie: bytes | None, method: bytes, closes: bool) -> bytes:
    """302 to the sign-in page. No cache may keep it: the next answer may be the app's."""
    fields: list[tuple[bytes | str, bytes | str]] = [(b"Location", location), (b"Cache-Control", b"no-store")]
    if set_cookie is not None:
        fields.append((b"Set-Cookie", set_cookie))
    return response(302, fields, b"", method=method, closes=closes)


def redirect_to_https(location: bytes, *, method: bytes) -> bytes:
    """308 (RFC 9110 section 15.4.9): the method stays. That it lasts is for HSTS to say, not for caches."""
    return response(308, [(b"Location", location), (b"Cache-Control", b"no-store")], b"", method=method, closes=True)


def with_line(answer: bytes, line: bytes) -> bytes:
    """`answer` with one more header line."""
    return answer.replace(b"\r\n", b"\r\n" + line + b"\r\n", 1)
