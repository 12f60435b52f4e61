"""A form that met an ended session, or one that has proven too little, on its app's host: taken in, shown, discarded.

Sending it on is the forwarding plane's (`proxy.forwarding.kept_forms`): the button is led to the form's own target, so
that the app's answer stands under the address that it belongs to.
"""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from config.settings import AppSettings
from proxy.http.internal_headers import KEPT_SCHEME, KEPT_TARGET
from proxy.http.problem import Problem
from proxy.http.reserved import COOKIES, KEPT, KEPT_QUERY
from proxy.languages.current import gettext as _
from proxy.pages import phrases
from proxy.pages.amounts import size
from proxy.pages.answers import Answer
from proxy.pages.instants import instant
from proxy.portal.app_keys import KEPT_REQUESTS, LOG, SETTINGS, VISIT, current_session
from proxy.portal.csrf import Form
from proxy.portal.forms import Refused, read_form, require_csrf_token
from proxy.portal.landing import kept_url, sign_in_path, step_up_path
from proxy.portal.pages import form_token, message, page, redirect, set_browser_cookie
from proxy.portal.return_to import WayBack, app_origin
from proxy.portal.tickets import start_digest
from proxy.sessions.kept_requests import KEPT_FIELD, PROOF_FIELD, KeptRequest, read_sending
from proxy.sessions.session import Level, Session

_SHOWN_TARGET = 120
_CONNECTIONS_FIELDS = (b"host", b"cookie", b"content-length", b"transfer-encoding", b"connection", b"te", b"expect")
_PLANES_FIELDS = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded")
"""Added again when the form is sent on. If they were kept, it would have too many fields."""
_NOT_KEPT_FIELDS = frozenset(_CONNECTIONS_FIELDS + _PLANES_FIELDS)
_OWN_COOKIES = frozenset(name.decode() for name in COOKIES)


async def keep_request(request: web.Request) -> web.StreamResponse:
    """Take in a form that the plane could not let through, and lead its sender to sign in or to prove the rest.

    Nothing of the body is read before it is known whose session this is or was.
    """
    visit = request[VISIT]
    app, target = visit.app, request.headers.get(KEPT_TARGET)
    if app is None or target is None:
        raise web.HTTPNotFound
    scheme = request.headers.get(KEPT_SCHEME, "")
    session = await current_session(request) if scheme else None
    if session is None or session.level is not Level.SIGNED_IN:
        scheme = ""  # it ended a moment ago
    owner = session.principal.guid if session is not None and scheme else await _former_owner(request)
    limit = request.app[SETTINGS].sessions.kept_request_bytes
    if owner is None or not limit:
        raise _not_kept(request, app, scheme)
    body = await _read_at_most(request, limit)
    if body is None:
        # The app might take it: it is only too large to be kept.
        raise _not_kept(request, app, scheme)
    again = read_sending(body)
    if again is not None:
        # Between the page and its button, more was required.
        token: str | None = again.token
        if await request.app[KEPT_REQUESTS].read(again.token, visit.host, now=visit.now) is None:
            raise Refused(Answer(problem=Problem.KEPT_FORM_GONE, app=app.name))
    else:
        kept = KeptRequest(
            owner=owner,
            host=visit.host,
            target=target,
            lines=_lines(request),
            cookie=_cookies(request),
            body=body,
            kept_at=visit.now,
        )
        token = await request.app[KEPT_REQUESTS].keep(kept)
    if token is None:
        raise _not_kept(request, app, scheme, problem=Problem.THROTTLED)
    request.app[LOG].info(
        "request.kept", guid=owner, app=app.name, bytes=len(body), incident=visit.incident,
        client_address=visit.client_address,
    )  # fmt: skip
    return _to_sign_in(request, app, token, scheme)


async def _former_owner(request: web.Request) -> str | None:
    """The GUID of the person whose session this cookie was of, until it ended."""
    visit = request[VISIT]
    if visit.session_token is None:
        return None
    return await request.app[KEPT_REQUESTS].former_owner(visit.session_token, visit.host, now=visit.now)


async def show_kept(request: web.Request) -> web.StreamResponse:
    """What was kept, and whether to send it: nothing is sent by itself."""
    visit = request[VISIT]
    app, token = visit.app, request.query.get(KEPT_QUERY, "")
    if app is None:
        raise web.HTTPNotFound
    session = await current_session(request)
    if session is None or session.level is not Level.SIGNED_IN:
        return _to_sign_in(request, app, token)
    kept = await request.app[KEPT_REQUESTS].read(token, visit.host, now=visit.now)
    if kept is None:
        return _gone(request, app)
    if kept.owner != session.principal.guid:
        await request.app[KEPT_REQUESTS].discard(token, now=visit.now)
        return _over(
            request,
            app,
            HTTPStatus.FORBIDDEN,
            _("This is not your form"),
            _("Someone else filled it in. It was deleted, and nothing was sent to the app."),
        )
    return _question(request, app, session, kept, token)


async def take_kept(request: web.Request) -> web.StreamResponse:
    """Discard it, or lead the button that sends it on to the form's own target: 307 (RFC 9110 section 15.4.8), so that
    it is posted there as it is. What it proves is judged there."""
    visit = request[VISIT]
    app = visit.app
    if app is None:
        raise web.HTTPNotFound
    fields = await read_form(request)
    token = fields.get(KEPT_QUERY, fields.get(KEPT_FIELD, ""))
    session = await current_session(request)
    if session is None or session.level is not Level.SIGNED_IN:
        return _to_sign_in(request, app, token)
    if fields.keys() == {KEPT_FIELD, PROOF_FIELD}:
        kept = await request.app[KEPT_REQUESTS].read(token, visit.host, now=visit.now)
        if kept is None or kept.owner != session.principal.guid:
            return _gone(request, app)
        to_target = redirect(app_origin(app, request.app[SETTINGS].server.public_url) + kept.target)
        to_target.set_status(HTTPStatus.TEMPORARY_REDIRECT)
        return to_target
    require_csrf_token(request, fields, Form.KEPT, session.session_id)
    kept = await request.app[KEPT_REQUESTS].read(token, visit.host, now=visit.now)
    if kept is not None and kept.owner == session.principal.guid:
        await request.app[KEPT_REQUESTS].discard(token, now=visit.now)
    return _over(
        request, app, HTTPStatus.OK, _("Not sent"), _("The form was deleted, and nothing was sent to the app.")
    )


def _question(request: web.Request, app: AppSettings, session: Session, kept: KeptRequest, token: str) -> web.Response:
    sending = request.app[KEPT_REQUESTS].sending(token, session.session_id)
    return page(
        request,
        "kept.html",
        # The app's answer to its own form may lead anywhere, and browsers hold the page's policy against that.
        form_targets=("http:", "https:"),
        app=app.name,
        target=kept.target if len(kept.target) <= _SHOWN_TARGET else kept.target[:_SHOWN_TARGET] + "…",
        size=size(len(kept.body)),
        kept=instant(kept.kept_at, request[VISIT].now),
        name=session.principal.display_name,
        # In this order and nothing else: the plane knows the button by its body. It goes to this page's own address,
        # which keeps its fragment, and from there on to the form's target.
        send_fields=((KEPT_FIELD, sending.token), (PROOF_FIELD, sending.proof)),
        discard_action=KEPT,
        discard_fields=(
            ("csrf_token", form_token(request, Form.KEPT, session.session_id)),
            (KEPT_QUERY, token),
        ),
    )


def _gone(request: web.Request, app: AppSettings) -> web.Response:
    return _over(
        request,
        app,
        HTTPStatus.GONE,
        _("This form is no longer kept"),
        _("It was already sent or discarded, or its ten minutes are over. Nothing was sent just now."),
    )


def _over(request: web.Request, app: AppSettings, status: HTTPStatus, title: str, text: str) -> web.Response:
    return message(request, status, title, text, link=("/", _("Go to %(app)s", app=app.name)))


def _to_sign_in(request: web.Request, app: AppSettings, token: str, scheme: str = "") -> web.Response:
    """And then to what was kept. With a `scheme`: only to prove the rest of it."""
    public = request.app[SETTINGS].server.public_url
    visit = request[VISIT]
    back = WayBack(return_to=kept_url(app_origin(app, public), token), start=start_digest(visit.browser), app=app)
    response = redirect(public.origin + (step_up_path(scheme, back) if scheme else sign_in_path(back)))
    if visit.browser_is_new:
        set_browser_cookie(request, response)
    return response


def _not_kept(request: web.Request, app: AppSettings, scheme: str, *, problem: Problem = Problem.SIGNED_OUT) -> Refused:
    """Nothing was passed on: the sender signs in, or proves the rest of `scheme`, in another tab, and sends it
    again."""
    public, visit = request.app[SETTINGS].server.public_url, request[VISIT]
    origin = app_origin(app, public)
    detail = (
        _("You were signed out, and too many of your forms are already kept.") + " " + _(phrases.KEPT_NOT)
        if problem is Problem.THROTTLED
        else _(phrases.KEPT_NOT)
    )
    if scheme:
        problem = Problem.TOO_FEW_FACTORS
        detail = f"{_(phrases.OPEN_TO_SCHEME, scheme=scheme)} {_(phrases.KEPT_NOT)}"
    tab_href = origin + "/"  # where a browser without a cookie is given one
    if not visit.browser_is_new:
        back = WayBack(return_to=origin + "/", start=start_digest(visit.browser), app=app)
        tab_href = public.origin + (step_up_path(scheme, back) if scheme else sign_in_path(back))
    return Refused(Answer(problem=problem, app=app.name, scheme=scheme, detail=detail, tab_href=tab_href))


async def _read_at_most(request: web.Request, limit: int) -> bytes | None:
    """The body, or None as soon as it is known to be larger."""
    if request.content_length is not None and request.content_length > limit:
        return None
    pieces = bytearray()
    async for piece in request.content.iter_any():
        pieces += piece
        if len(pieces) > limit:
            return None
    return bytes(pieces)


def _lines(request: web.Request) -> tuple[bytes, ...]:
    return tuple(
        name + b": " + value
        for name, value in request.raw_headers
        if name.lower() not in _NOT_KEPT_FIELDS and not name.lower().startswith(b"x-gatepost-")
    )


def _cookies(request: web.Request) -> bytes:
    """The app's own cookies. Gatepost's are never kept, even if they are worthless by then."""
    pairs = (pair.strip() for field in request.headers.getall("Cookie", []) for pair in field.split(";"))
    kept = (pair for pair in pairs if pair and pair.partition("=")[0].strip() not in _OWN_COOKIES)
    return "; ".join(kept).encode(errors="surrogateescape")
