"""The ticket of a domain-joined browser as a first factor: SPNEGO over HTTP (RFC 4559), in one round trip.

The answer that asks for a ticket holds the sign-in form, which is what a browser without one shows. So does every
refusal: nothing here is a dead end. A ticket is asked for once on the way in; who comes back gets the form.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import web

from directory.kerberos.ticket import MAX_TOKEN_BYTES
from proxy.portal.app_keys import FLOW, VISIT, current_session
from proxy.portal.landing import goal_of, land, sign_in_path, way_back
from proxy.portal.pages import redirect
from proxy.portal.return_to import WayBack
from proxy.portal.sign_in import page_after, sign_in_form
from proxy.sessions.session import Level
from proxy.sign_in.kerberos import TicketRefusedHere
from proxy.sign_in.outcomes import NoScheme

_MAX_BASE64_LENGTH = (MAX_TOKEN_BYTES + 2) // 3 * 4


async def show_kerberos(request: web.Request) -> web.StreamResponse:
    """Ask for a ticket, or judge the one that came."""
    flow, visit = request.app[FLOW], request[VISIT]
    back = way_back(request, request.query)
    goal = goal_of(request, back)
    session = await current_session(request)
    if session is not None and session.level is Level.SIGNED_IN:
        return await land(request, session, back)
    if flow.tickets is None or not flow.takes_tickets(visit.client, goal, session) or not _is_page_load(request):
        return redirect(sign_in_path(back, form=True))
    if visit.browser_is_new:
        # The browser got its cookie on the way here. One that keeps no cookies would be sent in circles.
        return sign_in_form(request, back)
    fields = request.headers.getall("Authorization", [])
    if not fields:
        return _form(request, back, "Negotiate")
    outcome = await flow.by_ticket(visit.client, goal, negotiate_token(fields), current=session, now=visit.now)
    if isinstance(outcome, TicketRefusedHere) or isinstance(outcome.then, NoScheme):
        return _form(request, back)
    response = await page_after(request, outcome.then, back)
    if outcome.reply:
        response.headers["WWW-Authenticate"] = "Negotiate " + base64.b64encode(outcome.reply).decode()
    return response


def negotiate_token(fields: Sequence[str]) -> bytes:
    """The token of ``Authorization: Negotiate ...`` (RFC 4559 section 4.2); empty for anything else."""
    scheme, _, text = fields[0].partition(" ") if len(fields) == 1 else ("", "", "")
    if scheme.lower() != "negotiate" or len(text) > _MAX_BASE64_LENGTH:
        return b""
    try:
        return base64.b64decode(text.strip(" "), validate=True)
    except (binascii.Error, ValueError):  # the second: not ASCII
        return b""


def _is_page_load(request: web.Request) -> bool:
    """Whether a person is looking at this. Another site's image could cost them a passcode (Fetch Metadata)."""
    return request.headers.get("Sec-Fetch-Dest", "document") == "document"


def _form(request: web.Request, back: WayBack, challenge: str = 'Gatepost realm="sign-in"') -> web.Response:
    """With a challenge that browsers do not answer automatically, only the form is left."""
    response = sign_in_form(request, back, status=HTTPStatus.UNAUTHORIZED)
    response.headers["WWW-Authenticate"] = challenge
    return response
