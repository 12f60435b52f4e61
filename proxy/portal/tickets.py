"""The hand-over on an app's host: a ticket, in the browser that asked for it, becomes that host's session cookie."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web

from config.settings import AppSettings
from proxy.http.reserved import TICKET
from proxy.languages.current import gettext as _
from proxy.operations.steady_clock import SKEW_SECONDS
from proxy.portal.app_keys import LANDINGS, LOG, SETTINGS, STORE, VISIT, Visit, current_session
from proxy.portal.landing import MOST_ROUND_TRIPS, START_PAGE, TICKET_SECONDS, round_trips, sign_in_path
from proxy.portal.pages import message, redirect, set_browser_cookie, set_session_cookie
from proxy.portal.return_to import WayBack, app_origin
from proxy.secrets.tokens import is_token, new_token, token_digest
from proxy.sessions.session import Level, Session
from proxy.sessions.ticket_store import Ticket

CHECK = "check"
"""Query field: this ticket only shows whether the cookie that came with it was kept."""


async def take_ticket(request: web.Request) -> web.StreamResponse:
    """Use up the ticket. One that does not fit starts the round trip again, a few times in a row."""
    visit = request[VISIT]
    app = visit.app
    if app is None:
        raise web.HTTPNotFound
    text = request.query.get("ticket", "").encode(errors="replace")
    ticket = await request.app[STORE].tickets.take_ticket(token_digest(text), now=visit.now) if is_token(text) else None
    if ticket is not None and (ticket.host != app.host or _is_from_the_future(ticket, visit.now)):
        ticket = None  # its way back belongs to another host, or its time would be longer than it was given
    if CHECK in request.query and ticket is not None:
        # The cookie that came with the redirect to here is present now, or never will be.
        return redirect(ticket.return_to) if await _is_here(request) else _cookies_blocked(request, app, ticket)
    if ticket is not None and _is_of_this_browser(ticket, visit):
        token = new_token()
        session = await request.app[STORE].sessions.add_cookie(
            ticket.session_id, cookie=token_digest(token), host=visit.host
        )
        if session is not None and _is_signed_in(session, request):
            location = ticket.return_to
            times = request.app[LANDINGS].count(ticket.start_digest, app.host, visit.now)
            # A cookie of an older session may rightly be here: a step-up has replaced that session.
            if times > (1 if visit.session_token is None else 2) and not await _is_here(request):
                location = await _checking(request, ticket)
            response = redirect(location)
            set_session_cookie(request, response, token)
            return response
    return await _without_ticket(request, app, ticket)


async def _without_ticket(request: web.Request, app: AppSettings, ticket: Ticket | None) -> web.Response:
    """The back button, a second click, cookies that were set by many tabs at once, or somebody else's ticket."""
    visit = request[VISIT]
    public = request.app[SETTINGS].server.public_url
    if await _is_here(request):
        return redirect(ticket.return_to if ticket is not None else public.origin + START_PAGE)
    _log_refused(request, app, "gone" if ticket is None else "other_browser_or_session_over")
    trips = round_trips(request)
    # A browser that comes back without a cookie keeps none; with one, the next ticket can fit.
    if (trips and visit.browser_is_new) or trips >= MOST_ROUND_TRIPS:
        return _cookies_blocked(request, app, ticket)
    return_to = ticket.return_to if ticket is not None else app_origin(app, public) + "/"
    back = WayBack(return_to=return_to, start=start_digest(visit.browser), app=app)
    response = redirect(public.origin + sign_in_path(back, again=trips + 1))
    if visit.browser_is_new:
        set_browser_cookie(request, response)
    return response


async def _checking(request: web.Request, ticket: Ticket) -> str:
    """Where it shows whether this browser keeps the cookie that it is given: on this host once more, and then on."""
    token = new_token()
    await request.app[STORE].tickets.put_ticket(
        token_digest(token), replace(ticket, expires_at=request[VISIT].now + TICKET_SECONDS)
    )
    return f"{TICKET}?{urlencode({'ticket': token, CHECK: '1'})}"


async def _is_here(request: web.Request) -> bool:
    """Whether this browser has a session on this host."""
    here = await current_session(request)
    return here is not None and here.level is Level.SIGNED_IN


def _cookies_blocked(request: web.Request, app: AppSettings, ticket: Ticket | None) -> web.Response:
    public = request.app[SETTINGS].server.public_url
    _log_refused(request, app, "no_cookie")
    return message(
        request,
        HTTPStatus.FORBIDDEN,
        _("%(app)s: your browser blocks cookies", app=app.name),
        _(
            "You are signed in, but your browser did not keep the cookie for %(app)s. Allow cookies for "
            "%(host)s and try again. If they are allowed, delete that site's cookies first.",
            app=app.name,
            host=app.host,
        ),
        link=(ticket.return_to if ticket is not None else app_origin(app, public) + "/", _("Try again")),
    )


def _log_refused(request: web.Request, app: AppSettings, reason: str) -> None:
    facts = {"incident": request[VISIT].incident, "client_address": request[VISIT].client_address}
    request.app[LOG].info("ticket.refused", reason=reason, app=app.name, **facts)


def _is_of_this_browser(ticket: Ticket, visit: Visit) -> bool:
    expected = start_digest(visit.browser)
    return not visit.browser_is_new and hmac.compare_digest(ticket.start_digest.encode(), expected.encode())


def _is_from_the_future(ticket: Ticket, now: float) -> bool:
    return ticket.expires_at > now + TICKET_SECONDS + SKEW_SECONDS


def _is_signed_in(session: Session, request: web.Request) -> bool:
    limits = request.app[SETTINGS].sessions
    return session.level is Level.SIGNED_IN and not session.is_over(limits, request[VISIT].now)


def start_digest(browser: str) -> str:
    """What binds a ticket to this browser cookie."""
    return urlsafe_b64encode(token_digest(browser)).rstrip(b"=").decode()
