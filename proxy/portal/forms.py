"""What a browser posts: a small URL-encoded form with each field at most once, and proof that it is ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from proxy.http.fetch_metadata import is_own_request
from proxy.http.problem import Problem
from proxy.http.reserved import MAX_RETURN_TARGET_BYTES, RETURN_TO
from proxy.languages.current import gettext as _
from proxy.pages.answers import Answer
from proxy.portal.app_keys import KEYS, SETTINGS, VISIT
from proxy.portal.csrf import Form, is_csrf_token, is_form_stamp
from proxy.portal.return_to import host_origin
from proxy.secrets.keys import Purpose

MAX_FORM_BYTES = 16 * 1024
"""Of a form without where its sign-in leads back to."""
MAX_BODY_BYTES = MAX_FORM_BYTES + 3 * MAX_RETURN_TARGET_BYTES
"""With it: escaped, a byte may become three."""
MAX_FIELDS = 16
_WAY_BACK = f"{RETURN_TO}=".encode()
_FORM = web.RequestKey("form", tuple[int, Mapping[str, str]])
"""How many fields the form of a request names, and those that it has."""
STAMP = "stamp"
"""Form field: see `proxy.portal.csrf`."""


@dataclass(frozen=True, slots=True)
class WrongField:
    """What is wrong with a form, and which of its fields that is about; an empty name: none, or several."""

    field: str
    text: str


class Refused(Exception):
    """Stops the work with one of Gatepost's own answers."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.problem.value)
        self.answer = answer


def refused(problem: Problem, **facts: str) -> Refused:
    return Refused(Answer(problem=problem, **facts))  # type: ignore[arg-type]  # detail and app are strings


def parse_form(body: bytes, most_fields: int = MAX_FIELDS) -> Mapping[str, str] | None:
    """The fields by name; None if it is no URL-encoded UTF-8, has a field twice or more than 16 of them."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=most_fields)
    except ValueError:  # UnicodeDecodeError is one
        return None
    fields = dict(pairs)
    return MappingProxyType(fields) if len(fields) == len(pairs) else None


async def read_form(request: web.Request, *, most_fields: int = MAX_FIELDS) -> Mapping[str, str]:
    """Raises `Refused` for what is no form, and for what the browser says comes from another site.

    A form is judged and read once, however many ask for it on its way to its step.
    """
    size, form = request.get(_FORM) or (0, None)
    if form is None:
        size, form = request[_FORM] = await _read(request, most_fields)
    if size > most_fields:
        raise refused(Problem.MALFORMED_REQUEST)
    return form


async def _read(request: web.Request, most_fields: int) -> tuple[int, Mapping[str, str]]:
    app, public = request[VISIT].app, request.app[SETTINGS].server.public_url
    own_origin = host_origin(app, public)
    if not is_own_request(
        origin=request.headers.get("Origin"),
        referer=request.headers.get("Referer"),
        fetch_site=request.headers.get("Sec-Fetch-Site"),
        own_origin=own_origin,
    ):
        origin = request.headers.get("Origin", "")
        is_other_spelling = _host_of(origin) == _host_of(own_origin)
        detail = (
            _("This page was opened at another address. Open %(origin)s instead.", origin=own_origin)
            if is_other_spelling
            else ""
        )
        raise refused(Problem.BAD_FORM, detail=detail)
    if request.content_type != "application/x-www-form-urlencoded":
        raise refused(Problem.MALFORMED_REQUEST)
    body = await request.read()
    if _size_of_rest(body) > MAX_FORM_BYTES:
        raise refused(Problem.BODY_TOO_LARGE)
    form = parse_form(body, most_fields)
    if form is None:
        raise refused(Problem.MALFORMED_REQUEST)
    return 1 + body.count(b"&"), form


def _size_of_rest(body: bytes) -> int:
    """How large a form is without its way back."""
    return len(body) - sum(len(pair) for pair in body.split(b"&") if pair.startswith(_WAY_BACK))


def _host_of(origin: str) -> str | None:
    """Compared without scheme and port: a mistake in those (http for https, a proxy's port) is the operator's, not an
    attack."""
    try:
        return urlsplit(origin).hostname
    except ValueError:
        return None


def has_csrf_token(request: web.Request, fields: Mapping[str, str], form: Form, session_id: str = "") -> bool:
    visit = request[VISIT]
    return any(
        is_csrf_token(
            fields.get("csrf_token", ""),
            key,
            form=form,
            browser=None if visit.browser_is_new else visit.browser,
            session_id=session_id,
        )
        for key in request.app[KEYS].accepted(Purpose.CSRF)
    )


def is_vouched_for(request: web.Request, fields: Mapping[str, str]) -> bool:
    """Whether a sign-in form with the token of another browser cookie is still ours.

    The browser has to name our own origin as the page's: no script can make it do so (Fetch standard, forbidden
    request-headers). `read_form` has refused whatever contradicts it.
    """
    visit = request[VISIT]
    if visit.browser_is_new:
        return False  # the browser keeps no cookies, so it could not keep a session
    return request.headers.get("Origin") == request.app[SETTINGS].server.public_url.origin and any(
        is_form_stamp(fields.get(STAMP, ""), key, token=fields.get("csrf_token", ""), now=visit.now)
        for key in request.app[KEYS].accepted(Purpose.CSRF)
    )


def require_csrf_token(request: web.Request, fields: Mapping[str, str], form: Form, session_id: str) -> None:
    """Raises `Refused`."""
    if not has_csrf_token(request, fields, form, session_id):
        raise refused(Problem.BAD_FORM)
