"""The hand-over on an app's host: a ticket, in the browser that asked for it, becomes that host's session cookie."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from http import HTTPStatus

from aiohttp import web

from config.settings import AppSettings
from proxy.portal.current_session import current_session
from proxy.portal.keys import PARTS, VISIT, Visit
from proxy.portal.landing import MOST_ROUND_TRIPS, START_PAGE, round_trips, sign_in_path
from proxy.portal.pages import message, redirect, set_browser_cookie, set_session_cookie
from proxy.portal.return_to import WayBack, app_origin
from proxy.sessions.session import Level, Session
from proxy.sessions.tokens import is_token, new_token, token_digest
from proxy.store.store import Ticket
from proxy.texts import ENGLISH


async def take_ticket(request: web.Request) -> web.StreamResponse:
    """Use up the ticket. One that does not fit starts the round trip anew, a few times in a row."""
    parts, visit = request.app[PARTS], request[VISIT]
    app = visit.app
    if app is None:
        raise web.HTTPNotFound
    text = request.query.get("ticket", "").encode(errors="replace")
    ticket = await parts.store.take_ticket(token_digest(text), now=visit.now) if is_token(text) else None
    if ticket is not None and ticket.host != app.host:
        ticket = None  # its way back belongs to another host
    if ticket is not None and _is_of_this_browser(ticket, visit):
        token = new_token()
        session = await parts.store.add_cookie(ticket.session_id, cookie=token_digest(token), host=visit.host)
        if session is not None and _is_signed_in(session, request):
            response = redirect(ticket.return_to)
            set_session_cookie(request, response, token)
            return response
    return await _without_ticket(request, app, ticket)


async def _without_ticket(request: web.Request, app: AppSettings, ticket: Ticket | None) -> web.Response:
    """The back button, a second click, cookies that were set by many tabs at once, or somebody else's ticket."""
    parts, visit = request.app[PARTS], request[VISIT]
    public = parts.settings.server.public_url
    here = await current_session(request)
    if here is not None and here.level is Level.SIGNED_IN:
        return redirect(ticket.return_to if ticket is not None else public.origin + START_PAGE)
    parts.log.info(
        "ticket.refused",
        reason="gone" if ticket is None else "other_browser_or_session_over",
        app=app.name,
        incident=visit.incident,
        client_address=visit.client_address,
    )
    trips = round_trips(request)
    # A browser that has been here and sends no cookie keeps none; with one, the next ticket can fit.
    if (trips and visit.browser_is_new) or trips >= MOST_ROUND_TRIPS:
        return message(
            request,
            status=HTTPStatus.FORBIDDEN,
            title=ENGLISH.ticket_title,
            text=ENGLISH.ticket_text,
            link_href=public.origin + START_PAGE,
            link_text=ENGLISH.back_to_start,
        )
    return_to = ticket.return_to if ticket is not None else app_origin(app, public) + "/"
    back = WayBack(return_to=return_to, start=start_digest(visit.browser), app=app)
    response = redirect(public.origin + sign_in_path(back, again=trips + 1))
    if visit.browser_is_new:
        set_browser_cookie(request, response)
    return response


def _is_of_this_browser(ticket: Ticket, visit: Visit) -> bool:
    expected = start_digest(visit.browser)
    return not visit.browser_is_new and hmac.compare_digest(ticket.start_digest.encode(), expected.encode())


def _is_signed_in(session: Session, request: web.Request) -> bool:
    limits = request.app[PARTS].settings.sessions
    return session.level is Level.SIGNED_IN and not session.is_over(limits, request[VISIT].now)


def start_digest(browser: str) -> str:
    """What binds a ticket to this browser cookie."""
    return urlsafe_b64encode(token_digest(browser)).rstrip(b"=").decode()
