"""The passcode page: answering a challenge, having its passcode sent again, asking for a new one.

Statuses: 422 for a wrong or incomplete code (a browser is redirected to the page that says so), 410 for a challenge
that is over, 403 when the attempts are used up, 429 for too early or too often, 503 when nobody took the message.
"""

from __future__ import annotations

import math
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web

from config.factors import ChannelKind, Factor
from proxy.delivery.sending import Sending
from proxy.factors.challenge import Challenge
from proxy.factors.challenge_store import Attempt
from proxy.factors.passcode.passcode import LONGEST_PASTED, passcode_digest, typed_passcode
from proxy.factors.passcode.tag import tag_of
from proxy.http.problem import Problem
from proxy.http.reserved import PASSCODE_STATUS, RETURN_TO, START
from proxy.pages.instants import Instant, instant, instant_in
from proxy.pages.texts import ENGLISH
from proxy.portal.csrf import Form
from proxy.portal.current_session import current_session, step_up
from proxy.portal.deliveries import kind_of, latest_of, lead_of, may_arrive, went_by_sms_only
from proxy.portal.forms import has_csrf_token, read_form, refused
from proxy.portal.further_proof import ask_for_passcode
from proxy.portal.keys import PARTS, VISIT
from proxy.portal.landing import TOLD, next_step, passcode_path, sign_in_path, to_sign_in, way_back
from proxy.portal.log_sign_in import log_passcode_refused, log_signed_in, log_stepped_up
from proxy.portal.number import remember_number
from proxy.portal.pages import form_token, page, redirect, set_session_cookie
from proxy.portal.refusals import exhausted, factor_locked, passcode_over, throttled, unsent
from proxy.portal.resend import OtherDestination, TooEarly, another_way, offered_in, send_again
from proxy.portal.return_to import WayBack
from proxy.secrets.keys import Purpose
from proxy.sessions.session import Level, Session
from proxy.throttle.limits import Limit, Throttled

_SENT, _WRONG, _SHAPE = "sent", "wrong", "shape"
"""Values of the query field `TOLD`."""


async def show_passcode(request: web.Request) -> web.StreamResponse:
    """The page of the challenge that the query names, or else of the session's newest one.

    It is another one than the query's where two tabs sent a password at the same time: one of their sessions stayed.
    """
    query = request.query
    named = way_back(request, query.get(RETURN_TO, ""), query.get(START, ""))
    session = await current_session(request)
    if session is None:
        return to_sign_in(request, named)
    if session.level is Level.MUST_CHANGE_PASSWORD:
        return await next_step(request, session, named)
    parts, now = request.app[PARTS], request[VISIT].now
    challenge = await parts.store.challenges.challenge(
        query.get("challenge", ""), session_id=session.session_id, now=now
    )
    if challenge is None:
        challenge = await parts.store.challenges.challenge_of_session(session.session_id, now=now)
    if challenge is not None and not _is_awaited(session, challenge):
        challenge = None
    if challenge is None and session.level is Level.SIGNED_IN:
        return await next_step(request, session, named)
    if challenge is None:
        return passcode_over(request, session, named)
    notice, error = _told(query.get(TOLD, ""), challenge, digits=parts.settings.passcode.digits)
    return await _form(request, session, challenge, _onward(request, challenge, named), notice=notice, error=error)


async def take_passcode(request: web.Request) -> web.StreamResponse:
    """One of three things: an answer, a re-send (field `resend`), a new passcode (field `new`)."""
    fields = await read_form(request)
    named = way_back(request, fields.get(RETURN_TO, ""), fields.get(START, ""))
    session = await current_session(request)
    if session is None:
        return to_sign_in(request, named)
    challenge = await request.app[PARTS].store.challenges.challenge(
        fields.get("challenge", ""), session_id=session.session_id, now=request[VISIT].now
    )
    if challenge is not None and not _is_awaited(session, challenge):
        challenge = None
    if session.level is not Level.FIRST_FACTOR and challenge is None:
        # Sent twice, or another tab was faster. Nothing is decided here, so nothing needs proof.
        return await next_step(request, session, named)
    if not has_csrf_token(request, fields, Form.PASSCODE, session.session_id):
        return await _show_anew(request, session, named)
    if "new" in fields and session.next_choice is not None:
        return await ask_for_passcode(request, session, session.next_choice, named)
    if challenge is None:
        log_passcode_refused(request, session, Attempt.GONE.value)
        return passcode_over(request, session, named)
    back = _onward(request, challenge, named)
    if "resend" in fields:
        another = fields["resend"] == "another"
        return await _send_again(request, session, challenge, back, is_another_way=another)
    return await _judge_answer(request, session, challenge, back, fields.get("passcode", ""))


def _is_awaited(session: Session, challenge: Challenge) -> bool:
    """Whether the session goes on by this proof: by its next one only, or, signed in, by any that was asked for.

    A challenge never outlives the session that it was made in, and each proof makes a new one: this one is open.
    """
    if session.level is Level.SIGNED_IN:
        return True
    return session.level is Level.FIRST_FACTOR and challenge.factor in (session.next_choice or ())


async def _show_anew(request: web.Request, session: Session, named: WayBack) -> web.Response:
    """A form of an earlier sign-in, most often of another tab's: nothing is judged, the live one is shown."""
    live = await request.app[PARTS].store.challenges.challenge_of_session(session.session_id, now=request[VISIT].now)
    if live is None:
        raise refused(Problem.BAD_FORM)
    back = _onward(request, live, named)
    return await _form(request, session, live, back, error=ENGLISH.passcode_stale, status=HTTPStatus.FORBIDDEN)


async def _judge_answer(
    request: web.Request, session: Session, challenge: Challenge, back: WayBack, text: str
) -> web.Response:
    parts = request.app[PARTS]
    digits = parts.settings.passcode.digits
    typed = typed_passcode(text, digits=digits)
    if typed is None:
        # No answer at all: no attempt is counted and nothing moves.
        return await _not_right(request, session, challenge, back, told=_SHAPE)
    person = session.principal.guid
    too_many = await parts.throttle.reserve_passcode(person=person, now=parts.clock())
    if too_many is not None:
        log_passcode_refused(request, session, too_many.limit.value)
        if too_many.limit is Limit.PASSCODE_FAILURES_IN_A_ROW:
            return factor_locked(request, back)
        return throttled(
            request,
            ENGLISH.passcodes_throttled,
            too_many.retry_after_seconds,
            again_href=passcode_path(challenge.challenge_id, back),
        )
    key = parts.keys.derive(Purpose.CHALLENGE, at=challenge.created_at)
    digest = passcode_digest(key, challenge_id=challenge.challenge_id, guid=person, passcode=typed)
    result = await parts.store.challenges.answer_challenge(
        challenge.challenge_id, session_id=session.session_id, digest=digest, now=parts.clock()
    )
    if result.attempt is Attempt.ACCEPTED:
        return await _accept(request, session, challenge, back)
    log_passcode_refused(request, session, result.attempt.value)
    match result.attempt:
        case Attempt.WRONG:
            left = replace(challenge, attempts_left=result.attempts_left)
            return await _not_right(request, session, left, back, told=_WRONG)
        case Attempt.EXHAUSTED:
            if session.level is not Level.SIGNED_IN:
                await parts.store.sessions.end_session(session.session_id)
            return exhausted(request, back, session=session)
        case _:
            return passcode_over(request, session, back)


async def _not_right(
    request: web.Request, session: Session, challenge: Challenge, back: WayBack, *, told: str
) -> web.Response:
    """The form once more. A browser is sent to it: what answers a POST itself asks, on the way back, to be sent again.

    Anybody else is told by the status.
    """
    if request.headers.get("Sec-Fetch-Mode") == "navigate":
        return redirect(passcode_path(challenge.challenge_id, back, told=told))
    _, error = _told(told, challenge, digits=request.app[PARTS].settings.passcode.digits)
    return await _form(request, session, challenge, back, error=error, status=HTTPStatus.UNPROCESSABLE_ENTITY)


async def _accept(request: web.Request, session: Session, challenge: Challenge, back: WayBack) -> web.Response:
    parts = request.app[PARTS]
    stepped_up = await step_up(request, session, challenge.factor)
    if stepped_up is None:
        log_passcode_refused(request, session, "session_gone")
        return redirect(sign_in_path(back))
    signed_in, token = stepped_up
    principal, now = session.principal, parts.clock()
    await parts.throttle.passcode_accepted(person=principal.guid, now=now)
    await parts.throttle.remember_address(person=principal.guid, address=request[VISIT].client_address, now=now)
    sendings = await parts.deliveries.of(challenge, now=now)
    await parts.deliveries.note_entry(sendings, now=now)
    if challenge.factor is Factor.SMS and went_by_sms_only(sendings):
        await remember_number(parts, principal, challenge)
    if session.level is Level.SIGNED_IN:
        log_stepped_up(request, signed_in, challenge.factor)
    elif signed_in.level is Level.SIGNED_IN:
        log_signed_in(request, signed_in)
    if signed_in.next_choice is not None:
        response = await ask_for_passcode(request, signed_in, signed_in.next_choice, back)
    else:
        response = await next_step(request, signed_in, back)
    set_session_cookie(request, response, token)
    return response


async def _send_again(
    request: web.Request, session: Session, challenge: Challenge, back: WayBack, *, is_another_way: bool
) -> web.Response:
    again = await send_again(request, session, challenge, back, is_another_way=is_another_way)
    match again:
        case Sending() if again.is_under_way:
            return redirect(passcode_path(challenge.challenge_id, back, told=_SENT))
        case Sending():
            sendings = await request.app[PARTS].deliveries.of(challenge, now=request[VISIT].now)
            if not any(may_arrive(each) for each in sendings):
                return unsent(request, session, challenge, back, sending=again)
            # Who waits for a late message keeps the field to type it into.
            return await _form(
                request,
                session,
                challenge,
                back,
                error=ENGLISH.passcode_not_resent,
                status=HTTPStatus.SERVICE_UNAVAILABLE,
            )
        case OtherDestination():
            return passcode_over(request, session, back)
        case TooEarly(wait):
            notice = ENGLISH.passcode_too_soon.format(seconds=wait)
            return await _not_now(request, session, challenge, back, wait, notice=notice)
        case Throttled():
            wait = again.retry_after_seconds
            return await _not_now(request, session, challenge, back, wait, error=ENGLISH.passcode_sends_throttled)
        case _:
            return again


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
    response = await _form(
        request, session, challenge, back, notice=notice, error=error, again_at=again_at, status=status
    )
    response.headers["Retry-After"] = str(wait)
    return response


async def _form(
    request: web.Request,
    session: Session,
    challenge: Challenge,
    back: WayBack,
    *,
    notice: str = "",
    error: str = "",
    again_at: Instant | None = None,
    status: int = 200,
) -> web.Response:
    """Where the passcode went and what became of it, its field, and the ways to have it once more."""
    parts, now = request.app[PARTS], request[VISIT].now
    sending = latest_of(await parts.deliveries.of(challenge, now=now))
    progress = await parts.deliveries.look(challenge, sending, now=now)
    is_mail = kind_of(challenge, sending) is ChannelKind.EMAIL
    destination = sending.destination if sending is not None else challenge.masked_destination
    return page(
        request,
        "passcode.html",
        status=status,
        may_fetch=True,
        status_href=f"{PASSCODE_STATUS}?{urlencode({'challenge': challenge.challenge_id})}",
        csrf_token=form_token(request, Form.PASSCODE, session.session_id),
        challenge=challenge.challenge_id,
        return_to=back.return_to,
        start=back.start,
        may_reload=status == HTTPStatus.OK,
        masked=destination,
        is_mail=is_mail,
        ending=destination[-3:],
        digits=parts.settings.passcode.digits,
        most_typed=LONGEST_PASTED,
        valid_until=instant(challenge.expires_at, now),
        seconds_left=max(0, math.ceil(challenge.expires_at - now)),
        webotp=parts.settings.sms.webotp,
        tag=tag_of(challenge.challenge_id) if sending is not None and _shows_tag(sending) else "",
        progress=progress,
        lead=lead_of(progress, is_mail=is_mail),
        wait=await offered_in(parts, challenge, sending, now=now),
        another=another_way(parts, session, challenge, sending),
        sign_in_href=sign_in_path(back, form=True),  # a ticket would lead back here
        notice=notice,
        error=error,
        again_at=again_at,
    )


def _shows_tag(sending: Sending) -> bool:
    return sending.has_tag and sending.is_under_way


def _tries_left(count: int) -> str:
    return ENGLISH.passcode_left_one if count == 1 else ENGLISH.passcode_left_many.format(count=count)


def _told(told: str, challenge: Challenge, *, digits: int) -> tuple[str, str]:
    """A notice and an error: what the query says became of the form before."""
    match told:
        case "sent":
            return ENGLISH.passcode_resent, ""
        case "wrong":
            return "", f"{ENGLISH.passcode_wrong} {_tries_left(challenge.attempts_left)}"
        case "shape":
            return "", ENGLISH.passcode_shape.format(digits=digits)
        case _:
            return "", ""


def _onward(request: web.Request, challenge: Challenge, named: WayBack) -> WayBack:
    """Where this tab wants to go, else where the one did that the challenge was made for."""
    return named if named.return_to else way_back(request, challenge.return_to, challenge.start_digest)
