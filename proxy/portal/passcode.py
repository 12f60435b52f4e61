"""What is posted by the passcode page: an answer to a challenge, a re-send of its passcode, a request for a new one, or
that the number is somebody else's.

Statuses: 422 for a wrong or incomplete code (a browser is redirected to the page that says so), 410 for a challenge
that is over, 403 when the attempts are used up, 429 for too early or too often, 503 when nobody took the message.
"""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from config.factors import Factor
from proxy.factors.challenge import Attempt, Challenge
from proxy.factors.second_factor import Unusable
from proxy.http.problem import Problem
from proxy.languages.current import gettext as _
from proxy.pages import phrases
from proxy.pages.instants import instant_in
from proxy.portal.app_keys import CLOCK, FLOW, NOT_MY_NUMBER, SETTINGS, SIGN_IN_LOG, VISIT, current_session
from proxy.portal.csrf import Form
from proxy.portal.forms import has_csrf_token, read_form, refused
from proxy.portal.landing import (
    ASK_MANAGER,
    goal_of,
    next_step,
    passcode_path,
    sign_in_path,
    to_sign_in,
    vouch_path,
    way_back,
)
from proxy.portal.pages import redirect, set_remembered_cookie, set_session_cookie
from proxy.portal.passcode_page import FormFate, onward, passcode_form, way_back_of, what_became
from proxy.portal.refusals import exhausted, factor_locked, passcode_over, throttled, unsent, unusable
from proxy.portal.return_to import WayBack
from proxy.portal.sign_in import page_after
from proxy.sessions.session import Level, Session
from proxy.sign_in.outcomes import (
    Accepted,
    Answered,
    ChallengeOver,
    Exhausted,
    FactorLocked,
    NotAnswered,
    SentAgain,
    SessionGone,
    Throttled,
    TooEarly,
    Wrong,
)

_REMEMBER = "remember"
"""Form field: the tick by which this browser is remembered."""


async def take_passcode(request: web.Request) -> web.StreamResponse:
    """One of four things: an answer, a re-send (field `resend`), a new passcode (field `new`), or that the number is
    somebody else's (field `not_mine`)."""
    fields = await read_form(request)
    named = way_back(request, fields)
    session = await current_session(request)
    if session is None:
        return to_sign_in(request, named)
    flow, visit = request.app[FLOW], request[VISIT]
    # Not when the request began: its form may come in slowly, and a challenge is over at its instant.
    now = request.app[CLOCK]()
    challenge = await flow.proving.find(session, fields.get("challenge", ""), now=now)
    if session.level is not Level.FIRST_FACTOR and challenge is None:
        # Sent twice, or another tab was faster. Nothing is decided here, so no token is needed.
        return await next_step(request, session, named)
    if not has_csrf_token(request, fields, Form.PASSCODE, session.session_id):
        return await _show_anew(request, session, named, is_ticked=_REMEMBER in fields)
    if fields.get("new") == ASK_MANAGER and request.app[SETTINGS].help_desk.vouching:
        return redirect(vouch_path(named if challenge is None else onward(request, challenge, named)))
    if "new" in fields and (challenge is not None or session.next_choice is not None):
        only = next((factor for factor in Factor if factor.value == fields["new"]), None)
        goal = goal_of(request, named)
        asked = await flow.ask_again(visit.client, goal, session, challenge, only=only, now=now)
        return await page_after(request, asked, named)
    if challenge is None:
        request.app[SIGN_IN_LOG].passcode_refused(visit.client, session.principal, Attempt.GONE.value)
        return await passcode_over(request, session, named)
    back = onward(request, challenge, named)
    if "not_mine" in fields:
        # Whatever comes of it is for the admin alone: this page says the same, and waits for the code as before.
        await request.app[NOT_MY_NUMBER].report(visit.client, session.principal, challenge, now=now)
        return redirect(passcode_path(challenge.challenge_id, back, told=FormFate.NOT_MINE))
    if "resend" in fields:
        another = fields["resend"] == "another"
        return await _send_again(request, session, challenge, back, is_another_way=another, now=now)
    answered = await flow.proving.answer(
        visit.client,
        goal_of(request, back),
        session,
        challenge,
        fields.get("passcode", ""),
        to_remember=_REMEMBER in fields,
        now=now,
    )
    return await _page_after_answer(request, answered, session, challenge, back, is_ticked=_REMEMBER in fields)


async def _show_anew(request: web.Request, session: Session, named: WayBack, *, is_ticked: bool) -> web.Response:
    """A form of an earlier sign-in, most often of another tab's: nothing is judged, the live one is shown."""
    live = await request.app[FLOW].proving.newest(session, now=request[VISIT].now)
    if live is None:
        raise refused(Problem.BAD_FORM)
    back = onward(request, live, named)
    error, status = _("This page was out of date. Enter the most recent code."), HTTPStatus.FORBIDDEN
    return await passcode_form(request, session, live, back, error=error, is_ticked=is_ticked, status=status)


async def _page_after_answer(
    request: web.Request,
    answered: Answered,
    session: Session,
    challenge: Challenge,
    back: WayBack,
    *,
    is_ticked: bool,
) -> web.Response:
    match answered:
        case Accepted():
            return await page_after_proof(request, answered, back)
        case NotAnswered():
            # No answer at all: no attempt is counted and nothing moves.
            return await _not_right(request, session, challenge, back, told=FormFate.SHAPE, is_ticked=is_ticked)
        case Wrong(left):
            return await _not_right(request, session, left, back, told=FormFate.WRONG, is_ticked=is_ticked)
        case Exhausted():
            return exhausted(request, back, session=session)
        case ChallengeOver():
            return await passcode_over(request, session, back)
        case SessionGone():
            return redirect(sign_in_path(back))
        case FactorLocked():
            return factor_locked(request, back)
        case Throttled(retry_after_seconds=wait):
            again_href = passcode_path(challenge.challenge_id, back, is_ticked=is_ticked)
            return throttled(request, _(phrases.PASSCODES_THROTTLED), wait, again_href=again_href)


async def page_after_proof(request: web.Request, accepted: Accepted, back: WayBack) -> web.Response:
    """On to the next factor, or in."""
    if accepted.then is not None:
        response = await page_after(request, accepted.then, back)
    else:
        response = await next_step(request, accepted.session, back)
    set_session_cookie(request, response, accepted.token)
    if accepted.remembered is not None:
        set_remembered_cookie(request, response, accepted.remembered.value, accepted.remembered.seconds)
    return response


async def _not_right(
    request: web.Request, session: Session, challenge: Challenge, back: WayBack, *, told: FormFate, is_ticked: bool
) -> web.Response:
    """The form once more. A browser is redirected to it: a page that answers a POST itself would ask, on the way back,
    to send the form again. Other clients get the status.
    """
    if request.headers.get("Sec-Fetch-Mode") == "navigate":
        return redirect(passcode_path(challenge.challenge_id, back, told=told, is_ticked=is_ticked))
    error = what_became(told, challenge, request.app[FLOW].proving.prompt(challenge))[1]
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return await passcode_form(request, session, challenge, back, error=error, is_ticked=is_ticked, status=status)


async def _send_again(
    request: web.Request, session: Session, challenge: Challenge, back: WayBack, *, is_another_way: bool, now: float
) -> web.Response:
    flow, visit = request.app[FLOW], request[VISIT]
    # The message says what the challenge was made for, even if another tab has it sent again.
    goal = goal_of(request, way_back_of(request, challenge))
    again = await flow.proving.send_again(
        visit.client, goal, session, challenge, is_another_way=is_another_way, now=now
    )
    match again:
        case SentAgain(unsent=why, may_arrive=may_arrive):
            if why is None:
                return redirect(passcode_path(challenge.challenge_id, back, told=FormFate.SENT))
            if not may_arrive:
                return unsent(request, session, challenge, back, why)
            # A person who waits for a late message keeps the field for its code.
            error, status = _(phrases.PASSCODE_NOT_RESENT), HTTPStatus.SERVICE_UNAVAILABLE
            return await passcode_form(request, session, challenge, back, error=error, status=status)
        case ChallengeOver():
            return await passcode_over(request, session, back)
        case TooEarly(wait):
            notice = _(phrases.PASSCODE_TOO_SOON, seconds=wait)
            return await _not_now(request, session, challenge, back, wait, notice=notice)
        case Throttled(retry_after_seconds=wait):
            return await _not_now(request, session, challenge, back, wait, error=_(phrases.PASSCODE_SENDS_THROTTLED))
        case Unusable():
            return unusable(request, again, back)


async def _not_now(
    request: web.Request,
    session: Session,
    challenge: Challenge,
    back: WayBack,
    wait: int,
    *,
    notice: str = "",
    error: str = "",
) -> web.Response:
    status = HTTPStatus.TOO_MANY_REQUESTS
    again_at = instant_in(wait, request[VISIT].now)
    response = await passcode_form(
        request, session, challenge, back, notice=notice, error=error, again_at=again_at, status=status
    )
    response.headers["Retry-After"] = str(wait)
    return response
