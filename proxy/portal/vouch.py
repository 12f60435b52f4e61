"""I don't have my phone: a person who has proven their password asks their manager to vouch, waits, and goes on.

The page shows two words; the manager chooses the same ones on a page of theirs (`vouch_answer`). A yes moves nothing by
itself: the person's own button does.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from proxy.access.policy import Allowed, judge
from proxy.factors.confinement import Confinement
from proxy.factors.passes.vouch import NoVouch, VouchAnswer, VouchRequest
from proxy.help_desk.passes import LONGEST_REASON, WrongPass, judge_asked, most_hours
from proxy.help_desk.vouching import AskedTooOften, may_ask
from proxy.http.problem import Problem
from proxy.http.reserved import VOUCH_STATUS
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.pages import phrases
from proxy.pages.instants import instant, instant_to_come
from proxy.portal.app_keys import CLOCK, FLOW, SETTINGS, VISIT, current_session
from proxy.portal.csrf import Form
from proxy.portal.forms import MAX_FIELDS, WrongField, read_form, refused, require_csrf_token
from proxy.portal.landing import (
    ASK_AGAIN,
    goal_of,
    next_step,
    passcode_path,
    sign_in_path,
    to_sign_in,
    vouch_path,
    way_back,
)
from proxy.portal.pages import form_token, message, page, redirect
from proxy.portal.pass_desk import vouching_of
from proxy.portal.passcode import page_after_proof
from proxy.portal.refusals import factor_locked, throttled
from proxy.portal.return_to import WayBack
from proxy.portal.shared_computers import start_again
from proxy.sessions.session import Session
from proxy.sign_in.outcomes import Accepted, ChallengeOver, FactorLocked, SessionGone, Throttled

_OPENS = "opens:"
"""Before the name of each app that is ticked."""
_ASK, _GO_ON = "ask", "go_on"
_LOOK = N_("Look again")
_FRAME = "frame"
"""Query field of the status: it is asked for as a page."""


async def show_vouch(request: web.Request) -> web.StreamResponse:
    """What there is to do now: ask, wait, go on, or hear that it was refused."""
    back, now = way_back(request, request.query), request[VISIT].now
    session = await current_session(request)
    if session is None:
        return to_sign_in(request, back)
    asked = await vouching_of(request).asked_by(session, now=now)
    if asked is not None and not (ASK_AGAIN in request.query and await _is_over(request, session, asked)):
        return await _page_of(request, session, asked, back)
    if not await _may_ask(request, session, now=now):
        return await next_step(request, session, back)
    return await _ask_form(request, session, back)


async def show_vouch_status(request: web.Request) -> web.StreamResponse:
    """JSON with `waits`, for the script of the page; where none runs, a few words for its frame."""
    session = await current_session(request)
    if session is None:
        raise refused(Problem.NOT_FOUND)
    asked = await vouching_of(request).asked_by(session, now=request[VISIT].now)
    waits = asked is not None and asked.answer is None
    if asked is not None and _FRAME in request.query:
        manager = asked.asked_of.name
        said = _("%(manager)s has answered. Select “%(link)s”.", manager=manager, link=_(_LOOK))
        if waits:
            said = _("We are waiting for %(manager)s.", manager=manager)
        return page(request, "vouch_waits.html", may_be_framed=True, waits=waits, said=said)
    return web.json_response(
        {"waits": waits},
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


async def take_vouch(request: web.Request) -> web.StreamResponse:
    """Ask (field `ask`), or go on with what was given (`go_on`)."""
    fields = await read_form(request, most_fields=MAX_FIELDS + len(request.app[SETTINGS].apps))
    back = way_back(request, fields)
    session = await current_session(request)
    if session is None:
        return to_sign_in(request, back)
    require_csrf_token(request, fields, Form.VOUCH, session.session_id)
    now = request.app[CLOCK]()
    if _GO_ON in fields:
        return await _go_on(request, session, back, now=now)
    if _ASK not in fields:
        raise refused(Problem.BAD_FORM)
    if not await _may_ask(request, session, now=now):
        return await next_step(request, session, back)
    return await _ask(request, session, fields, back, now=now)


async def _is_over(request: web.Request, session: Session, asked: VouchRequest) -> bool:
    """Whether it was answered, and nobody can go on by that."""
    return asked.answer is not None and await _given(request, session) is None


async def _given(request: web.Request, session: Session) -> Confinement | None:
    passes, now = request.app[FLOW].proving.passes, request[VISIT].now
    return await passes.vouched(session.principal, session.session_id, now=now)


async def _may_ask(request: web.Request, session: Session, *, now: float) -> bool:
    return may_ask(session, await request.app[FLOW].proving.newest(session, now=now))


async def _ask(
    request: web.Request, session: Session, fields: Mapping[str, str], back: WayBack, *, now: float
) -> web.Response:
    wanted = judge_asked(
        request.app[SETTINGS].help_desk,
        reason=fields.get("reason", ""),
        hours=fields.get("hours", ""),
        apps=[name.removeprefix(_OPENS) for name in fields if name.startswith(_OPENS)],
        known_apps=_own_apps(request, session),
    )
    if isinstance(wanted, WrongPass):
        return await _ask_form(request, session, back, fields=fields, wrong=wanted)
    asked = await vouching_of(request).ask(request[VISIT].client, session, wanted, now=now)
    match asked:
        case NoVouch():
            return _nobody(request, asked, back)
        case AskedTooOften(wait):
            return throttled(
                request,
                _("You have asked too often. Your IT help desk can help you sooner."),
                wait,
                again_href=passcode_path("", back),
            )
        case FactorLocked():
            return factor_locked(request, back)
        case Throttled(retry_after_seconds=wait):
            return throttled(request, _(phrases.PASSCODES_THROTTLED), wait, again_href=passcode_path("", back))
        case VouchRequest():
            return redirect(vouch_path(back))


async def _go_on(request: web.Request, session: Session, back: WayBack, *, now: float) -> web.Response:
    went_on = await request.app[FLOW].proving.by_vouch(request[VISIT].client, goal_of(request, back), session, now=now)
    match went_on:
        case Accepted():
            return await page_after_proof(request, went_on, back)
        case SessionGone():
            return redirect(sign_in_path(back))
        case ChallengeOver():
            return _refused(
                request, session, _("Nobody answered in time, or what was given has ended. You can ask again."), back
            )


def _own_apps(request: web.Request, session: Session) -> list[str]:
    """Those that their groups open to them."""
    apps = request.app[SETTINGS].apps
    return [app.name for app in apps if isinstance(judge(session.principal, app), Allowed)]


async def _ask_form(
    request: web.Request,
    session: Session,
    back: WayBack,
    *,
    fields: Mapping[str, str] | None = None,
    wrong: WrongPass | None = None,
) -> web.Response:
    """`fields`: as they were sent, where they are `wrong`."""
    now, settings = request[VISIT].now, request.app[SETTINGS].help_desk
    manager = await vouching_of(request).who_may(session.principal, now=now)
    if isinstance(manager, NoVouch):
        return _nobody(request, manager, back)
    apps, most = _own_apps(request, session), most_hours(settings)
    ticked = {name for name in apps if len(apps) == 1 or (back.app is not None and back.app.name == name)}
    if fields is not None:
        ticked = {name for name in apps if f"{_OPENS}{name}" in fields}
    errors = {
        WrongPass.NO_REASON: WrongField("reason", _("Write down the reason, in 200 characters at most.")),
        WrongPass.NO_APPS: WrongField("", _("Choose at least one app.")),
    }
    hours = WrongField("hours", _("Enter whole hours, %(most)s at most.", most=most))
    return _vouch_page(
        request,
        session,
        back,
        status=HTTPStatus.OK if wrong is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        manager=manager.display_name,
        wrong=None if wrong is None else errors.get(wrong, hours),
        reason="" if fields is None else fields.get("reason", "")[:LONGEST_REASON],
        hours=most if wrong is None or fields is None else fields.get("hours", "")[:3],
        most_hours=most,
        apps=[(name, name in ticked) for name in apps],
        opens=_OPENS,
        state="ask",
    )


async def _page_of(request: web.Request, session: Session, asked: VouchRequest, back: WayBack) -> web.Response:
    """What became of it."""
    now = request[VISIT].now
    match asked.answer:
        case None:
            return _vouch_page(
                request,
                session,
                back,
                may_fetch=True,
                has_frame=True,
                manager=asked.asked_of.name,
                host=request.app[SETTINGS].server.public_url.host,
                words=asked.words,
                until=instant(asked.expires_at, now),
                here_href=vouch_path(back),
                look_again=_(_LOOK),
                state="waits",
                status_href=VOUCH_STATUS,
                frame_href=f"{VOUCH_STATUS}?{_FRAME}=yes",
            )
        case VouchAnswer.YES:
            confined = await _given(request, session)
            if confined is None:
                return _refused(
                    request,
                    session,
                    _("Nobody answered in time, or what was given has ended. You can ask again."),
                    back,
                )
            return _vouch_page(
                request,
                session,
                back,
                state="given",
                manager=asked.asked_of.name,
                opens=", ".join(confined.apps),
                until=instant_to_come(confined.ends_at, now),
                go_on=_GO_ON,
            )
        case VouchAnswer.NO:
            return _refused(
                request,
                session,
                _("Your manager said no. If that was a mistake, call them before you ask again."),
                back,
            )
        case VouchAnswer.WRONG_WORDS:
            return _refused(
                request, session, _("Your manager chose other words than yours. Call them, and ask again."), back
            )


def _vouch_page(
    request: web.Request,
    session: Session,
    back: WayBack,
    *,
    status: int = HTTPStatus.OK,
    may_fetch: bool = False,
    has_frame: bool = False,
    **values: Any,
) -> web.Response:
    return page(
        request,
        "vouch.html",
        status=status,
        may_fetch=may_fetch,
        has_frame=has_frame,
        csrf_token=form_token(request, Form.VOUCH, session.session_id),
        return_to=back.return_to,
        start=back.start,
        code_href=_to_code(back)[0],
        start_again=start_again(request, session),
        **values,
    )


def _nobody(request: web.Request, why: NoVouch, back: WayBack) -> web.Response:
    """The reason is the directory's, and the log's: to the person it is one."""
    text = _("The directory names no manager of yours who can vouch for you now. Call your IT help desk.")
    if why is NoVouch.HAS_PASS and request.app[SETTINGS].help_desk.passes:
        text = _("The help desk gave you a pass. Go back and choose “%(link)s”.", link=_(phrases.HAVE_ONE))
    return message(request, HTTPStatus.FORBIDDEN, _("Nobody can vouch for you"), text, link=_to_code(back))


def _refused(request: web.Request, session: Session, text: str, back: WayBack) -> web.Response:
    link = vouch_path(back, again=True), _("Ask again, or go back to your code")
    return message(request, HTTPStatus.FORBIDDEN, _("Nobody vouched for you"), text, link=link)


def _to_code(back: WayBack) -> tuple[str, str]:
    return passcode_path("", back), _("Back to your code")
