"""What the sign-in answers, as pages: one place for the outcomes that several steps of it have in common."""

from __future__ import annotations

from aiohttp import web

from config.factors import Factor
from proxy.factors.second_factor import Lack, Unusable
from proxy.pages.texts import ENGLISH
from proxy.portal.app_keys import VISIT
from proxy.portal.landing import next_step, passcode_path, sign_in_path
from proxy.portal.pages import redirect, set_session_cookie
from proxy.portal.refusals import (
    changed_number,
    no_scheme,
    no_usable_mail,
    no_usable_mobile,
    not_enrolled,
    throttled,
    unsent,
)
from proxy.portal.return_to import WayBack
from proxy.sign_in.outcomes import Asking, NoScheme, ProofAsked, SessionGone, SignedIn, Throttled


async def page_after(request: web.Request, outcome: SignedIn | Asking | NoScheme, back: WayBack) -> web.Response:
    """The page that comes after a first or a further factor, and the cookie of a session that is new."""
    match outcome:
        case SignedIn(session=session, token=token):
            response = await next_step(request, session, back)
        case NoScheme():
            return no_scheme(request, back)
        case SessionGone():
            return redirect(sign_in_path(back))
        case Throttled(retry_after_seconds=wait):
            return throttled(request, ENGLISH.sends_throttled, wait, back)
        case Unusable():
            return unusable(request, outcome, back)
        case ProofAsked(session=session, challenge=challenge, unsent=why, token=token):
            if challenge is not None and why is not None:
                response = unsent(request, session, challenge, back, why)
            else:
                response = redirect(passcode_path(challenge.challenge_id if challenge is not None else "", back))
    if token:
        set_session_cookie(request, response, token)
    return response


def unusable(request: web.Request, why: Unusable, back: WayBack) -> web.Response:
    """The first factor was proven, so the page may say what is wrong and who can fix it."""
    match why.lack:
        case Lack.NUMBER:
            return no_usable_mobile(request, back)
        case Lack.MAIL:
            return no_usable_mail(request, back)
        case Lack.TRUST:
            wait = None if why.until is None else why.until - request[VISIT].now
            return changed_number(request, back, wait_seconds=wait)
        case Lack.ENROLMENT:
            return not_enrolled(request, back)


ASKED_FOR: dict[Factor, str] = {}
"""What the page asks for where nothing is sent; ``{hint}`` is the challenge's. A new factor is registered here."""
