"""Proving more in a session that stands: another passcode, or the password where it began with a ticket.

A challenge hangs on the session as it is. So a person who is signed in keeps what they have until the proof is there,
and then goes on with a session of a new id that has proven one factor more.
"""

from __future__ import annotations

from aiohttp import web

from config.factors import Choice, Factor
from proxy.pages.texts import ENGLISH
from proxy.portal.current_session import step_up
from proxy.portal.destination import choose_destination
from proxy.portal.keys import PARTS, VISIT
from proxy.portal.landing import land, passcode_path, sign_in_path
from proxy.portal.log_sign_in import log_stepped_up, log_stop
from proxy.portal.pages import redirect, set_session_cookie
from proxy.portal.refusals import throttled, unsent
from proxy.portal.return_to import WayBack
from proxy.portal.sending import start_challenge
from proxy.sessions.session import Level, Session


async def ask_for_passcode(request: web.Request, session: Session, choice: Choice, back: WayBack) -> web.Response:
    """A new challenge for a session without one. A live one is shown instead: it keeps its attempts.

    Of parallel presses one makes it, on whichever worker or node; the others are shown the same one.
    """
    parts, visit = request.app[PARTS], request[VISIT]
    chosen = await choose_destination(request, session.principal, choice, back)
    if isinstance(chosen, web.Response):
        return chosen
    live = await parts.store.challenges.challenge_of_session(session.session_id, now=visit.now)
    if live is not None and chosen.is_of(live):
        return redirect(passcode_path(live.challenge_id, back))
    person, address = session.principal.guid, visit.client_address
    too_many = await parts.throttle.reserve_send(
        person=person, number=chosen.address, address=address, now=parts.clock()
    )
    if too_many is not None:
        log_stop(request, session.principal, too_many.limit.value)
        return throttled(request, ENGLISH.sends_throttled, too_many.retry_after_seconds, back)
    newest = live.challenge_id if live is not None else ""
    sent = await start_challenge(parts, visit, session, chosen, back, newest=newest)
    if sent is None:
        await parts.throttle.send_not_begun(person=person, number=chosen.address, address=address, now=parts.clock())
        standing = await parts.store.challenges.challenge_of_session(session.session_id, now=parts.clock())
        return redirect(passcode_path(standing.challenge_id if standing is not None else "", back))
    if not sent.is_under_way:
        return unsent(request, session, sent.challenge, back, sending=sent.sending)
    return redirect(passcode_path(sent.challenge.challenge_id, back))


def lacks_password(session: Session) -> bool:
    """Whether a password that is proven now is one proof more, and no new sign-in."""
    return session.level is Level.SIGNED_IN and Factor.PASSWORD not in session.proven_factors


async def add_password(request: web.Request, session: Session, back: WayBack) -> web.Response:
    """The person of this session has just proven their password."""
    stepped_up = await step_up(request, session, Factor.PASSWORD)
    if stepped_up is None:
        return redirect(sign_in_path(back))
    renewed, token = stepped_up
    log_stepped_up(request, renewed, Factor.PASSWORD)
    response = await land(request, renewed, back)
    set_session_cookie(request, response, token)
    return response
