"""The sign-in page: a password, or a passkey, to a session, and from there to the passcode or on to the app."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from directory.login_name import parse_login_name
from directory.principal import Principal
from proxy.factors.second_factor import Unusable
from proxy.http.internal_headers import CLIENT_SCHEME
from proxy.http.problem import Problem
from proxy.http.reserved import CUT, KERBEROS, PASSCODE, SIGN_IN
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.pages import phrases
from proxy.pages.answers import Answer
from proxy.pages.instants import instant_to_come
from proxy.portal.addresses import FORM
from proxy.portal.app_keys import CLOCK, DELAYS, FLOW, LOG, SETTINGS, SLEEP, VISIT, current_session
from proxy.portal.csrf import Form
from proxy.portal.delays import said_before
from proxy.portal.forms import Refused, has_csrf_token, is_vouched_for, read_form, refused
from proxy.portal.landing import (
    LOST,
    TOLD,
    goal_of,
    kerberos_path,
    land,
    next_step,
    passcode_path,
    password_path,
    round_trips,
    sign_in_path,
    told_again,
    way_back,
)
from proxy.portal.pages import (
    form_token,
    page,
    redirect,
    set_browser_cookie,
    set_remembered_cookie,
    set_session_cookie,
    stamp_of,
)
from proxy.portal.passkey import passkey_path
from proxy.portal.refusals import account_stopped, address_cut, framed, no_scheme, throttled, unsent, unusable
from proxy.portal.return_to import WayBack
from proxy.portal.shared_computers import is_shared, start_again
from proxy.sessions.session import Level, Session
from proxy.sign_in.flow import lacks_password
from proxy.sign_in.outcomes import Asking, NoScheme, ProofAsked, SessionGone, SignedIn, Throttled
from proxy.sign_in.passkey_alone import PasskeyGiven, PasskeyRefusedHere
from proxy.sign_in.password import AccountStopped, AddressThrottled, NotProven
from proxy.sign_in.time_grid import answer_at

_REFUSED = "refused"
"""Value of the query field `TOLD`."""
_FRAMES = frozenset({"iframe", "frame", "embed", "object"})
"""Values of ``Sec-Fetch-Dest`` (Fetch standard, request destinations)."""


async def show_sign_in(request: web.Request) -> web.StreamResponse:
    """The form; or straight on, if this browser is signed in already."""
    query = request.query
    back = way_back(request, query)
    session = await current_session(request)
    if session is not None and session.level is Level.SIGNED_IN:
        if _is_cut(request, back):
            return address_cut(request, back)
        return await land(request, session, back, again=round_trips(request))
    visit = request[VISIT]
    asks_for_form = FORM in query or round_trips(request) > 0
    if not asks_for_form and request.app[FLOW].takes_tickets(visit.client, goal_of(request, back), session):
        if _is_cut(request, back):
            return address_cut(request, back)
        response = redirect(kerberos_path(back))
        if visit.browser_is_new:
            set_browser_cookie(request, response)
        return response
    if request.headers.get("Sec-Fetch-Dest") in _FRAMES:
        return framed(request, back)
    is_refused = query.get(TOLD) == _REFUSED
    return sign_in_form(
        request,
        back,
        session=session,
        error=_(phrases.SIGN_IN_REFUSED) if is_refused else "",
        is_refused=is_refused,
        lost=_has_lost_cookie(request),
    )


def _without_cookie(request: web.Request) -> str:
    """What a person reads who sends a form without the cookie that its page set: every further try would end the
    same."""
    public = request.app[SETTINGS].server.public_url
    is_clear = public.scheme == "https" and request.headers.get(CLIENT_SCHEME) == "http"
    told = (
        N_(
            "Your browser did not return the cookie that this page set, because it keeps the cookie for "
            "https only. Open %(origin)s instead."
        )
        if is_clear
        else N_(
            "Your browser did not return the cookie that this page set, so you could not be signed in. Allow "
            "cookies for %(host)s and try again. If they are allowed, delete this site's cookies first."
        )
    )
    return _(told, host=public.host, origin=public.origin)


def _has_lost_cookie(request: web.Request) -> bool:
    """Whether a cookie that was set a moment ago did not come back. If the page did not say so, people would type again
    and again.

    Of our pages that anybody may open, the browser tells from which step it was led there (same-origin ``Referer``).
    """
    if request[VISIT].session_token is not None or FORM in request.query:
        return False
    origin, path = request.app[SETTINGS].server.public_url.origin, request.headers.get("Referer", "")
    return LOST in request.query or path.partition("?")[0] in (origin + SIGN_IN, origin + PASSCODE, origin + KERBEROS)


def _is_cut(request: web.Request, back: WayBack) -> bool:
    """Whether this person still has to learn that they will not get to the exact address that they asked for."""
    return CUT in request.query and back.app is not None


async def take_sign_in(request: web.Request) -> web.StreamResponse:
    """Judge a password, or a passkey in its place. A password's refusal is answered on the time grid and looks the same
    whatever its reason."""
    flow, visit = request.app[FLOW], request[VISIT]
    fields = await read_form(request)
    back = way_back(request, fields)
    username = fields.get("username", "")
    if "csrf_token" not in fields:
        raise refused(Problem.BAD_FORM)
    session = await current_session(request)
    is_ours = has_csrf_token(request, fields, Form.SIGN_IN) or is_vouched_for(request, fields)
    if visit.browser_is_new or not is_ours:
        why, error = "stale_form", _("This page was open too long. Enter your password again.")
        if visit.browser_is_new:
            why, error = "no_cookie", _without_cookie(request)
        facts = {"incident": visit.incident, "client_address": visit.client_address}
        request.app[LOG].info("sign_in.refused", reason=why, **facts)
        # A new form instead of a dead end.
        return sign_in_form(request, back, session=session, username=username, error=error, status=HTTPStatus.FORBIDDEN)
    if fields.get("passkey"):
        return await _by_passkey(request, back, fields, session)
    if (
        session is not None
        and session.level is Level.SIGNED_IN
        and _is_name_of(username, session.principal)
        and not lacks_password(session)
    ):
        return await land(request, session, back)  # another tab was faster
    password, now = fields.get("password", ""), request.app[CLOCK]()  # once all of the form has come in
    outcome = await flow.by_password(visit.client, goal_of(request, back), username, password, current=session, now=now)
    match outcome:
        case NotProven():
            response = _refused(request, back, username, outcome)
            now = request.app[CLOCK]()
            await request.app[SLEEP](max(0.0, answer_at(visit.now, now) - now))
            return response
        case AccountStopped(reason):
            return account_stopped(request, reason, back)
        case AddressThrottled(retry_after_seconds):
            raise Refused(Answer(problem=Problem.THROTTLED, retry_after_seconds=retry_after_seconds))
        case _:
            return await page_after(request, outcome, back)


async def page_after(request: web.Request, outcome: SignedIn | Asking | NoScheme, back: WayBack) -> web.Response:
    """The page that comes after a first or a further factor, and the cookie of a session that is new."""
    match outcome:
        case SignedIn(session=session, token=token, remembered=remembered):
            response = await next_step(request, session, back)
            if remembered is not None:
                set_remembered_cookie(request, response, remembered.value, remembered.seconds)
        case NoScheme():
            return no_scheme(request, back)
        case SessionGone():
            return redirect(sign_in_path(back))
        case Throttled(retry_after_seconds=wait):
            return throttled(request, _(phrases.SENDS_THROTTLED), wait, back)
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


async def _by_passkey(
    request: web.Request, back: WayBack, fields: Mapping[str, str], session: Session | None
) -> web.StreamResponse:
    given = PasskeyGiven(assertion=fields["passkey"], stamp=fields.get("passkey_stamp", ""))
    now = request.app[CLOCK]()
    outcome = await request.app[FLOW].by_passkey(
        request[VISIT].client, goal_of(request, back), given, current=session, now=now
    )
    match outcome:
        case PasskeyRefusedHere():
            error = _(
                "That passkey did not sign you in. Try again, or enter your password. If this happens every "
                "time, ask your IT help desk."
            )
            response = sign_in_form(
                request, back, session=session, error=error, status=HTTPStatus.UNAUTHORIZED, is_after_passkey=True
            )
            response.headers["WWW-Authenticate"] = 'Gatepost realm="sign-in"'
            return response
        case AddressThrottled(retry_after_seconds):
            raise Refused(Answer(problem=Problem.THROTTLED, retry_after_seconds=retry_after_seconds))
        case _:
            return await page_after(request, outcome, back)


def _refused(request: web.Request, back: WayBack, username: str, outcome: NotProven) -> web.Response:
    """The form once more, with one status for all: a try within a pause may have been judged all the same."""
    pause, status = outcome.pause, HTTPStatus.UNAUTHORIZED
    error = _(phrases.SIGN_IN_REFUSED) if pause is None or pause.is_new else ""
    paused_until = None if pause is None else pause.ends_at
    response = sign_in_form(
        request,
        back,
        username=username,
        error=error,
        is_refused=bool(error),
        paused_until=paused_until,
        status=status,
    )
    response.headers["WWW-Authenticate"] = 'Gatepost realm="sign-in"'
    if pause is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(pause.ends_at - request[VISIT].now)))
    return response


def sign_in_form(
    request: web.Request,
    back: WayBack,
    *,
    session: Session | None = None,
    username: str = "",
    error: str = "",
    is_refused: bool = False,
    notice: str = "",
    paused_until: float | None = None,
    status: int = 200,
    lost: bool = False,
    is_for_password: bool = False,
    is_after_passkey: bool = False,
) -> web.Response:
    """The form, with what there is to say before it. `is_refused`: the error is about name and password. `lost`: as
    `LOST` says. `is_for_password`: a passkey would not do. `is_after_passkey`: one was just refused."""
    host = request.app[SETTINGS].server.public_url.host
    token = form_token(request, Form.SIGN_IN)
    passkey_href = "" if is_for_password else passkey_path(request, back)
    return page(
        request,
        "sign_in.html",
        status=status,
        shown_at=told_again(request, _REFUSED) if is_refused else "",
        may_fetch=bool(passkey_href),
        passkey_href=passkey_href,
        # A browser that chooses by itself would choose the one that was just refused, for ever.
        fills_in_passkeys=bool(passkey_href) and not is_after_passkey,
        csrf_token=token,
        stamp=stamp_of(request, token),
        # Only a page that was asked for by a link can be asked for again without a question.
        may_reload=status == HTTPStatus.OK,
        # Only values that were judged appear in the page.
        return_to=back.return_to,
        start=back.start,
        app=back.app.name if back.app is not None else "",
        username=username if parse_login_name(username) is not None and not is_shared(request) else "",
        is_shared=is_shared(request),
        start_again=start_again(request, session),
        half=_half_way(session, back),
        kept=back.leads_to_kept_form,
        is_cut=_is_cut(request, back),
        error=error
        or (
            _(
                "Your browser did not return the cookie that the last step set. Sign in again. If this happens "
                "every time, allow cookies for %(host)s.",
                host=host,
            )
            if lost
            else ""
        ),
        is_refused=is_refused,
        notice=notice,
        delays=list(said_before(request.app[DELAYS].delayed_kinds(request[VISIT].now), request.app[SETTINGS])),
        cookies_off=_("Your browser blocks cookies. Allow them for %(host)s, then load this page again.", host=host),
        paused_until=None if paused_until is None else instant_to_come(paused_until, request[VISIT].now),
    )


def _half_way(session: Session | None, back: WayBack) -> tuple[str, str]:
    """The link to the step that a half signed-in session is at, and its text."""
    if session is None:
        return "", ""
    if session.level is Level.MUST_CHANGE_PASSWORD:
        return password_path(back), _("Continue to your new password")
    return passcode_path("", back), _("Continue to your code")


def _is_name_of(typed: str, principal: Principal) -> bool:
    login_name = parse_login_name(typed)
    return login_name is not None and login_name.name.casefold() == principal.username.casefold()
