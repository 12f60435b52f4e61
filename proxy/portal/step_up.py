"""The step-up page: a signed-in person learns what else an app asks for, and proves it, one factor at a time.

The page itself sends nothing, because a link from anywhere can lead here. It asks for the scheme that the gate named. A
link with another scheme's name can only ask for more than was needed, never open anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from config.factors import ENROLLED, ChannelKind, Factor
from proxy.access.schemes import AppDemand, missing_of
from proxy.factors.second_factor import Lack, Unusable
from proxy.http.reserved import CUT, ME, ME_FACTORS, RETURN_TO, SCHEME, SIGN_OUT, START
from proxy.pages.pass_texts import PASS_WORDS
from proxy.pages.texts import ENGLISH
from proxy.portal.app_keys import CLOCK, FLOW, SETTINGS, SIGN_IN_LOG, VISIT, current_session
from proxy.portal.csrf import Form
from proxy.portal.forms import has_csrf_token, read_form, require_csrf_token
from proxy.portal.landing import TO_START, goal_of, land, next_step, sign_in_path, step_up_path, way_back
from proxy.portal.pages import OneButton, form_token, message, redirect
from proxy.portal.passcode_page import ASKED_FOR
from proxy.portal.refusals import unusable
from proxy.portal.return_to import NOWHERE, WayBack
from proxy.portal.shared_computers import is_shared
from proxy.portal.sign_in import page_after, sign_in_form
from proxy.sessions.session import Level, Session
from proxy.sign_in.enrolling import may_change_factors, proof_for_adding
from proxy.sign_in.outcomes import Missing, NoSuchScheme, NothingMissing


async def show_step_up(request: web.Request) -> web.StreamResponse:
    """What is missing, and the button that has the passcode sent."""
    return await _go_on(request, request.query, is_pressed=False)


async def take_step_up(request: web.Request) -> web.StreamResponse:
    """The button was pressed."""
    return await _go_on(request, await read_form(request), is_pressed=True)


async def _go_on(request: web.Request, fields: Mapping[str, str], *, is_pressed: bool) -> web.Response:
    back = way_back(request, fields)
    session = await current_session(request)
    if session is None:
        return redirect(sign_in_path(back))
    if session.level is not Level.SIGNED_IN:
        return await next_step(request, session, back)
    flow, visit = request.app[FLOW], request[VISIT]
    now = request.app[CLOCK]()  # once all of its form has come in
    missing = flow.missing(session, fields.get(SCHEME, ""), now=now)
    match missing:
        case NoSuchScheme():
            return _nothing_to_prove(request)
        case NothingMissing():
            return await land(request, session, back) if back.return_to else _done(request)
    if not is_pressed or missing.first_factor is not None:
        return await _page(request, session, missing, back)
    if not has_csrf_token(request, fields, Form.STEP_UP, session.session_id):
        return await _page(request, session, missing, back, status=HTTPStatus.FORBIDDEN)
    asked = await flow.step_up(visit.client, goal_of(request, back), session, missing, now=now)
    return await page_after(request, asked, back)


async def _page(
    request: web.Request,
    session: Session,
    missing: Missing,
    back: WayBack,
    *,
    status: HTTPStatus = HTTPStatus.OK,
) -> web.Response:
    principal = session.principal
    way = None
    if missing.first_factor is None:
        way = await request.app[FLOW].proving.held(session, missing.choice)
    needs_password = isinstance(way, Unusable) and way.lack is Lack.PASSWORD
    if missing.first_factor is Factor.PASSWORD or needs_password:
        return sign_in_form(request, back, username=principal.username, error=_asked_by(back), is_for_password=True)
    if way is None:
        request.app[SIGN_IN_LOG].stopped(request[VISIT].client, principal, "step_up_needs_kerberos")
        return message(
            request,
            HTTPStatus.FORBIDDEN,
            ENGLISH.step_up_kerberos_title,
            ENGLISH.step_up_kerberos,
            link=(SIGN_OUT, ENGLISH.sign_out_button),
        )
    if isinstance(way, Unusable):
        request.app[SIGN_IN_LOG].stopped(request[VISIT].client, principal, way.reason)
        if way.factor in ENROLLED:
            title, text = ENGLISH.not_enrolled_title, ENGLISH.factors.step_up_add
            return message(request, HTTPStatus.FORBIDDEN, title, text, link=(ME_FACTORS, ENGLISH.factors.title))
        return unusable(request, way, back)
    where = {
        ChannelKind.SMS: ENGLISH.step_up_sms.format(number=way.masked),
        ChannelKind.EMAIL: ENGLISH.step_up_email.format(mail=way.masked),
        None: "",
    }[way.kind]
    if way.factor in ASKED_FOR:
        where = ENGLISH.factors.step_up_asks.format(what=ASKED_FOR[way.factor].format(hint="").lower())
    if way.factor is Factor.PASS:
        where = f"{where} {PASS_WORDS.confines}"
    first = _asked_by(back, is_again=missing.is_again)
    if status != HTTPStatus.OK:
        first = ENGLISH.step_up_stale
    fields = (
        ("csrf_token", form_token(request, Form.STEP_UP, session.session_id)),
        (SCHEME, missing.scheme.name),
        (RETURN_TO, back.return_to),
        (START, back.start),
    )
    return message(
        request,
        status,
        ENGLISH.step_up_title,
        f"{first} {where} {ENGLISH.step_up_rest}",
        detail=_said_of_way_back(request, back),
        form=OneButton(
            fields=fields, button=ENGLISH.factors.step_up_go_on if way.kind is None else ENGLISH.step_up_button
        ),
        link=TO_START,
    )


def _said_of_way_back(request: web.Request, back: WayBack) -> str:
    if back.leads_to_kept_form:
        return ENGLISH.kept_until_checked
    return ENGLISH.cut_text.format(app=back.app.name) if CUT in request.query and back.app is not None else ""


def _asked_by(back: WayBack, *, is_again: bool = False) -> str:
    if back.app is None:
        return ENGLISH.step_up_again_page if is_again else ENGLISH.step_up_for_page
    return (ENGLISH.step_up_again if is_again else ENGLISH.step_up_for).format(app=back.app.name)


def _nothing_to_prove(request: web.Request) -> web.Response:
    return message(request, HTTPStatus.NOT_FOUND, ENGLISH.step_up_unknown_title, ENGLISH.step_up_unknown, link=TO_START)


def _done(request: web.Request) -> web.Response:
    return message(request, HTTPStatus.OK, ENGLISH.step_up_done_title, ENGLISH.step_up_done, link=TO_START)


def more_for_own_pages(request: web.Request, session: Session) -> web.Response | None:
    """What our own pages ask of a signed-in person: as much as a sign-in from no app. Otherwise a scheme for certain
    apps would also open the pages about sessions and password. The way to the step-up page, or None where this session
    has proven enough.

    Nothing is asked for if no scheme covers a sign-in from no app, or before a password that must be changed.
    """
    schemes = request.app[SETTINGS].schemes
    if session.level is not Level.SIGNED_IN or all(scheme.apps is None for scheme in schemes):
        return None
    demand = AppDemand(app="", named=None, schemes=schemes)
    asked = demand.asked_of(session.principal, session.begun_with, session.client_address)
    if not asked.scheme or not missing_of(asked, session.proven, session.scheme, now=None):
        return None
    return redirect(step_up_path(asked.scheme, NOWHERE))


async def session_for_changes(
    request: web.Request,
    form: Form,
    return_to: str,
    *,
    title: str,
    off: str,
    fields: Mapping[str, str] | None = None,
) -> Session | web.Response:
    """The session that may use a page of ours where a person says what counts as a proof, or the way to what has to be
    proven first.

    `return_to`, `form` and `title` are that page's. `off`: said where no scheme asks for a second factor. `fields`:
    what was posted to it.
    """
    session, back = await current_session(request), WayBack(return_to=return_to)
    if session is None or session.level is not Level.SIGNED_IN:
        return redirect(sign_in_path(back))
    if fields is not None:
        require_csrf_token(request, fields, form, session.session_id)
    return _more_for_changes(request, session, back, title=title, off=off) or session


def _more_for_changes(
    request: web.Request, session: Session, back: WayBack, *, title: str, off: str
) -> web.Response | None:
    """A second factor within ten minutes, on a computer of their own, and never a session that was begun with a pass.
    None where enough is proven."""
    if session.confined is not None:
        said = PASS_WORDS.not_here_title, PASS_WORDS.not_here
        return message(request, HTTPStatus.FORBIDDEN, *said, link=TO_START)
    if (more := more_for_own_pages(request, session)) is not None:
        return more
    if is_shared(request):  # whoever comes next could go on where somebody has proven everything
        return message(request, HTTPStatus.FORBIDDEN, title, ENGLISH.factors.not_here, link=(ME, ENGLISH.start_me))
    schemes = request.app[SETTINGS].schemes
    proof = proof_for_adding(schemes)
    if proof is None:
        return message(request, HTTPStatus.OK, title, off, link=(ME, ENGLISH.start_me))
    if may_change_factors(schemes, session, now=request.app[CLOCK]()):
        return None
    return redirect(step_up_path(proof.name, back))
