"""The sign-in page: a password to a session, and from there to the passcode or on to the app."""

from __future__ import annotations

import math
from http import HTTPStatus

from aiohttp import web

from config.factors import Factor
from config.settings import SchemeSettings
from directory.login_name import parse_login_name
from directory.principal import Principal
from proxy.access.schemes import choose_scheme, is_offered
from proxy.http.internal_headers import CLIENT_SCHEME
from proxy.http.problem import Problem
from proxy.http.reserved import CUT, KERBEROS, PASSCODE, RETURN_TO, SIGN_IN, START
from proxy.pages.answers import Answer
from proxy.pages.instants import instant_to_come
from proxy.pages.texts import ENGLISH
from proxy.portal.csrf import Form
from proxy.portal.current_session import begin_session, current_session
from proxy.portal.destination import choose_destination
from proxy.portal.forms import Refused, has_csrf_token, is_vouched_for, read_form, refused
from proxy.portal.further_proof import add_password, lacks_password
from proxy.portal.keys import PARTS, VISIT
from proxy.portal.landing import (
    FORM,
    LOST,
    app_name,
    kerberos_path,
    land,
    next_step,
    passcode_path,
    password_path,
    round_trips,
    sign_in_path,
    way_back,
)
from proxy.portal.log_sign_in import log_signed_in, log_stop
from proxy.portal.pages import form_token, page, redirect, set_browser_cookie, set_session_cookie, stamp_of
from proxy.portal.refusals import account_stopped, address_cut, framed, no_scheme, throttled, unsent
from proxy.portal.return_to import WayBack
from proxy.portal.sending import start_challenge
from proxy.portal.timing import answer_at
from proxy.sessions.session import Level, Session
from proxy.sign_in.password import AccountStopped, AddressThrottled, NotProven, PersonProven
from proxy.throttle.limits import ToldPause

_FRAMES = frozenset({"iframe", "frame", "embed", "object"})
"""Values of ``Sec-Fetch-Dest`` (Fetch standard, request destinations)."""


async def show_sign_in(request: web.Request) -> web.StreamResponse:
    """The form; or straight on, if this browser is signed in already."""
    query = request.query
    back = way_back(request, query.get(RETURN_TO, ""), query.get(START, ""))
    session = await current_session(request)
    if session is not None and session.level is Level.SIGNED_IN:
        if _is_cut(request, back):
            return address_cut(request, back)
        return await land(request, session, back, again=round_trips(request))
    visit = request[VISIT]
    asks_for_form = FORM in query or round_trips(request) > 0 or not may_begin_anew(session)
    if not asks_for_form and is_offered(
        request.app[PARTS].settings.schemes, Factor.KERBEROS, visit.client_address, app=app_name(back)
    ):
        if _is_cut(request, back):
            return address_cut(request, back)
        response = redirect(kerberos_path(back))
        if visit.browser_is_new:
            set_browser_cookie(request, response)
        return response
    if request.headers.get("Sec-Fetch-Dest") in _FRAMES:
        return framed(request, back)
    return sign_in_form(request, back, session=session, lost=_has_lost_cookie(request))


def _without_cookie(request: web.Request) -> str:
    """What is said to who sends a form without the cookie that its page set: every further try would end the same."""
    public = request.app[PARTS].settings.server.public_url
    is_clear = public.scheme == "https" and request.headers.get(CLIENT_SCHEME) == "http"
    told = ENGLISH.cookies_over_http if is_clear else ENGLISH.cookies_blocked
    return told.format(host=public.host, origin=public.origin)


def _has_lost_cookie(request: web.Request) -> bool:
    """Whether a cookie that was set a moment ago did not come back: without a word, people type again and again.

    Of our pages that anybody may open, the browser tells from which step it was led there (same-origin ``Referer``).
    """
    if request[VISIT].session_token is not None or FORM in request.query:
        return False
    origin, path = request.app[PARTS].settings.server.public_url.origin, request.headers.get("Referer", "")
    return LOST in request.query or path.partition("?")[0] in (origin + SIGN_IN, origin + PASSCODE, origin + KERBEROS)


def _is_cut(request: web.Request, back: WayBack) -> bool:
    """Whether this person has yet to hear that they will not get to the very address that they asked for."""
    return CUT in request.query and back.app is not None


def may_begin_anew(session: Session | None) -> bool:
    """Whether a ticket may stand in the place of this session: not of one that somebody began by typing."""
    return session is None or session.begun_with is Factor.KERBEROS


async def take_sign_in(request: web.Request) -> web.StreamResponse:
    """Judge a password. A refusal is answered on the time grid and looks the same whatever its reason."""
    parts, visit = request.app[PARTS], request[VISIT]
    fields = await read_form(request)
    back = way_back(request, fields.get(RETURN_TO, ""), fields.get(START, ""))
    username = fields.get("username", "")
    if "csrf_token" not in fields:
        raise refused(Problem.BAD_FORM)
    session = await current_session(request)
    if visit.browser_is_new:
        parts.log.info(
            "sign_in.refused", reason="no_cookie", incident=visit.incident, client_address=visit.client_address
        )
        error = _without_cookie(request)
        return sign_in_form(request, back, username=username, error=error, status=HTTPStatus.FORBIDDEN)
    if not has_csrf_token(request, fields, Form.SIGN_IN) and not is_vouched_for(request, fields):
        # A fresh form rather than a dead end.
        return sign_in_form(request, back, session=session, username=username, error=ENGLISH.sign_in_stale, status=403)
    may_add_password = session is not None and lacks_password(session)
    if (
        session is not None
        and session.level is Level.SIGNED_IN
        and _is_name_of(username, session.principal)
        and not may_add_password
    ):
        return await land(request, session, back)  # another tab was faster
    outcome = await parts.password.prove(visit.client, username, fields.get("password", ""), now=visit.now)
    match outcome:
        case NotProven(pause):
            response = _refused(request, back, username, pause)
            now = parts.clock()
            await parts.sleep(max(0.0, answer_at(visit.now, now) - now))
            return response
        case AccountStopped(reason):
            return account_stopped(request, reason, back)
        case AddressThrottled(retry_after_seconds):
            raise Refused(Answer(problem=Problem.THROTTLED, retry_after_seconds=retry_after_seconds))
    principal = outcome.principal
    if (
        session is not None
        and may_add_password
        and not outcome.must_change
        and session.principal.guid == principal.guid
    ):
        return await add_password(request, session, back)
    scheme = choose_scheme(parts.settings.schemes, principal, visit.client_address, app=app_name(back))
    if scheme is None:
        return no_scheme(request, principal, back)
    return await go_on(request, outcome, scheme, back, current=session)


def _refused(request: web.Request, back: WayBack, username: str, pause: ToldPause | None) -> web.Response:
    """The form once more, with one status for all: a try within a pause may have been judged all the same."""
    error = ENGLISH.sign_in_refused if pause is None or pause.is_new else ""
    status = HTTPStatus.UNAUTHORIZED
    response = sign_in_form(request, back, username=username, error=error, pause=pause, status=status)
    response.headers["WWW-Authenticate"] = 'Gatepost realm="sign-in"'
    if pause is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(pause.ends_at - request[VISIT].now)))
    return response


async def go_on(
    request: web.Request, proven: PersonProven, scheme: SchemeSettings, back: WayBack, *, current: Session | None
) -> web.Response:
    """From the first factor to the passcode, or to the page asked for. `current` is this browser's session so far."""
    parts, visit = request.app[PARTS], request[VISIT]
    principal = proven.principal
    if len(scheme.factors) > 1:
        return await _ask_for_passcode(request, proven, scheme, back, current=current)
    session, token = await begin_session(
        request, principal, proven.factor, scheme, password_must_change=proven.must_change
    )
    if session.level is Level.SIGNED_IN:
        log_signed_in(request, session)
        await parts.throttle.remember_address(person=principal.guid, address=visit.client_address, now=parts.clock())
    landing = await next_step(request, session, back)
    set_session_cookie(request, landing, token)
    return landing


async def _ask_for_passcode(
    request: web.Request, proven: PersonProven, scheme: SchemeSettings, back: WayBack, *, current: Session | None
) -> web.Response:
    """Nothing is kept of a person to whom no passcode can be sent.

    A tab beside the one that asked for a passcode waits for the same one.
    """
    parts, visit = request.app[PARTS], request[VISIT]
    principal = proven.principal
    chosen = await choose_destination(request, principal, scheme.factors[1], back)
    if isinstance(chosen, web.Response):
        return chosen
    if current is not None and _is_same_sign_in(current, proven, scheme):
        live = await parts.store.challenges.challenge_of_session(current.session_id, now=visit.now)
        if live is not None and chosen.is_of(live):
            return redirect(passcode_path(live.challenge_id, back))
    too_many = await parts.throttle.reserve_send(
        person=principal.guid, number=chosen.address, address=visit.client_address, now=parts.clock()
    )
    if too_many is not None:
        log_stop(request, principal, too_many.limit.value)
        return throttled(request, ENGLISH.sends_throttled, too_many.retry_after_seconds, back)
    session, token = await begin_session(
        request, principal, proven.factor, scheme, password_must_change=proven.must_change
    )
    sent = await start_challenge(parts, visit, session, chosen, back)
    if sent is None:  # the session that was just begun has been ended
        return redirect(sign_in_path(back))
    if sent.is_under_way:
        response = redirect(passcode_path(sent.challenge.challenge_id, back))
    else:
        response = unsent(request, session, sent.challenge, back, sending=sent.sending)
    set_session_cookie(request, response, token)
    return response


def _is_same_sign_in(session: Session, proven: PersonProven, scheme: SchemeSettings) -> bool:
    """Whether this browser is at the passcode already, for the same person by the same scheme."""
    return (
        session.level is Level.FIRST_FACTOR
        and (session.principal, session.password_must_change) == (proven.principal, proven.must_change)
        and (session.scheme, session.factors) == (scheme.name, scheme.factors)
    )


def sign_in_form(
    request: web.Request,
    back: WayBack,
    *,
    session: Session | None = None,
    username: str = "",
    error: str = "",
    pause: ToldPause | None = None,
    status: int = 200,
    lost: bool = False,
) -> web.Response:
    """The form, with what there is to say before it. `lost`: as `LOST` says."""
    host = request.app[PARTS].settings.server.public_url.host
    token = form_token(request, Form.SIGN_IN)
    return page(
        request,
        "sign_in.html",
        status=status,
        csrf_token=token,
        stamp=stamp_of(request, token),
        # Only a page that was asked for by a link can be asked for again without a question.
        may_reload=status == HTTPStatus.OK,
        # Only what was judged is written into the page.
        return_to=back.return_to,
        start=back.start,
        app=back.app.name if back.app is not None else "",
        username=username if parse_login_name(username) is not None else "",
        half=_half_way(session, back),
        kept=back.leads_to_kept_form,
        is_cut=_is_cut(request, back),
        error=error or (ENGLISH.cookies_lost.format(host=host) if lost else ""),
        cookies_off=ENGLISH.cookies_off.format(host=host),
        paused_until=None if pause is None else instant_to_come(pause.ends_at, request[VISIT].now),
    )


def _half_way(session: Session | None, back: WayBack) -> tuple[str, str]:
    """The link to the step that a half signed-in session is at, and its text."""
    if session is None:
        return "", ""
    if session.level is Level.MUST_CHANGE_PASSWORD:
        return password_path(back), ENGLISH.sign_in_half_password
    return passcode_path("", back), ENGLISH.sign_in_half_link


def _is_name_of(typed: str, principal: Principal) -> bool:
    login_name = parse_login_name(typed)
    return login_name is not None and login_name.name.casefold() == principal.username.casefold()
