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

from config.factors import Factor
from directory.directory import RefusalReason
from directory.kerberos.ticket import MAX_TOKEN_BYTES, KerberosTicket, TicketDirectory, TicketRefusal, TicketRefused
from directory.principal import Principal
from directory.realms import Realms
from proxy.access.schemes import choose_scheme, is_offered
from proxy.http.reserved import RETURN_TO, START
from proxy.portal.current_session import current_session
from proxy.portal.keys import PARTS, VISIT
from proxy.portal.landing import app_name, land, sign_in_path, way_back
from proxy.portal.log_sign_in import log_stop
from proxy.portal.pages import redirect
from proxy.portal.return_to import WayBack
from proxy.portal.sign_in import go_on, may_begin_anew, sign_in_form
from proxy.portal.used_tickets import is_first_use
from proxy.sessions.session import Level
from proxy.sign_in.password import PersonProven

_MAX_BASE64_LENGTH = (MAX_TOKEN_BYTES + 2) // 3 * 4


async def show_kerberos(request: web.Request) -> web.StreamResponse:
    """Ask for a ticket, or judge the one that came."""
    parts, visit = request.app[PARTS], request[VISIT]
    back = way_back(request, request.query.get(RETURN_TO, ""), request.query.get(START, ""))
    session = await current_session(request)
    if session is not None and session.level is Level.SIGNED_IN:
        return await land(request, session, back)
    is_for_here = is_offered(parts.settings.schemes, Factor.KERBEROS, visit.client_address, app=app_name(back))
    if parts.acceptor is None or not is_for_here or not may_begin_anew(session) or not _is_page_load(request):
        return redirect(sign_in_path(back, form=True))
    if visit.browser_is_new:
        # It was given its cookie on the way here: one that keeps none would be sent in circles.
        return sign_in_form(request, back)
    fields = request.headers.getall("Authorization", [])
    if not fields:
        return _form(request, back, "Negotiate")
    outcome = await parts.acceptor.accept(negotiate_token(fields))
    if isinstance(outcome, TicketRefused):
        return _refused(request, back, outcome.reason, detail=outcome.detail)
    if not await is_first_use(parts, outcome):
        return _refused(request, back, TicketRefusal.SEEN_BEFORE)
    found = await _holder(parts.realms, outcome)
    if not isinstance(found, Principal):
        return _refused(request, back, found)
    scheme = choose_scheme(
        parts.settings.schemes, found, visit.client_address, first_factor=Factor.KERBEROS, app=app_name(back)
    )
    if scheme is None:
        log_stop(request, found, "no_kerberos_scheme")  # one that begins with a password may be meant for them
        return _form(request, back)
    response = await go_on(request, PersonProven(found, Factor.KERBEROS), scheme, back, current=session)
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


async def _holder(realms: Realms, ticket: KerberosTicket) -> Principal | RefusalReason | TicketRefusal:
    """Whose it is, at the one directory of their domain: none vouches for another's persons but as configured."""
    for directory in realms:
        if isinstance(directory, TicketDirectory) and directory.kerberos_realm == ticket.kerberos_realm:
            return await directory.holder(ticket)
    return TicketRefusal.UNKNOWN_DOMAIN


def _refused(
    request: web.Request, back: WayBack, reason: TicketRefusal | RefusalReason, *, detail: str = ""
) -> web.Response:
    parts, visit = request.app[PARTS], request[VISIT]
    parts.metrics.count_sign_in(reason.value, "")
    parts.log.info(
        "sign_in.refused",
        reason=reason.value,
        factor="kerberos",
        kerberos=detail,
        incident=visit.incident,
        client_address=visit.client_address,
    )
    return _form(request, back)


def _form(request: web.Request, back: WayBack, challenge: str = 'Gatepost realm="sign-in"') -> web.Response:
    """With a challenge that browsers do not answer by themselves, the form is all that is left."""
    response = sign_in_form(request, back, status=HTTPStatus.UNAUTHORIZED)
    response.headers["WWW-Authenticate"] = challenge
    return response
