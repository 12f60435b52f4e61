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
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.pages import phrases
from proxy.portal.app_keys import CLOCK, FLOW, SETTINGS, SIGN_IN_LOG, VISIT, current_session
from proxy.portal.csrf import Form
from proxy.portal.forms import has_csrf_token, read_form, require_csrf_token
from proxy.portal.landing import goal_of, land, next_step, sign_in_path, start_link, step_up_path, way_back
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
        way = await request.app[FLOW].proving.held(session, missing.choice, now=request[VISIT].now)
    needs_password = isinstance(way, Unusable) and way.lack is Lack.PASSWORD
    if missing.first_factor is Factor.PASSWORD or needs_password:
        return sign_in_form(request, back, username=principal.username, notice=_asked_by(back), is_for_password=True)
    if way is None:
        reason = "step_up_needs_kerberos"
        request.app[SIGN_IN_LOG].stopped(request[VISIT].client, principal, reason, first=session.begun_with)
        return message(
            request,
            HTTPStatus.FORBIDDEN,
            _("Sign in at your work computer"),
            _(
                "This needs the automatic sign-in of a work computer, and you signed in another way. Sign out, "
                "then open it on a computer that is joined to the domain."
            ),
            link=(SIGN_OUT, _("Sign out")),
        )
    if isinstance(way, Unusable):
        request.app[SIGN_IN_LOG].stopped(request[VISIT].client, principal, way.reason, first=session.begun_with)
        if way.factor in ENROLLED:
            title, text = (
                _("One more step is needed"),
                _("You have not set up what is needed for this. You can do it now, and then open the page again."),
            )
            return message(request, HTTPStatus.FORBIDDEN, title, text, link=(ME_FACTORS, _("Ways to sign in")))
        return unusable(request, way, back)
    where = {
        ChannelKind.SMS: _("We will send a code to your mobile, %(number)s.", number=way.masked),
        ChannelKind.EMAIL: _("We will send a code to your mail address, %(mail)s.", mail=way.masked),
        None: "",
    }[way.kind]
    if way.factor in ASKED_FOR:
        where = _(
            "You will be asked for it on the next page: %(what)s.", what=_(ASKED_FOR[way.factor], hint="").lower()
        )
    if way.factor is Factor.PASS:
        where = f"{where} {_(phrases.CONFINES)}"
    first = _asked_by(back, is_again=missing.is_again)
    if status != HTTPStatus.OK:
        first = _("The page was out of date. Press the button again.")
    fields = (
        ("csrf_token", form_token(request, Form.STEP_UP, session.session_id)),
        (SCHEME, missing.scheme.name),
        (RETURN_TO, back.return_to),
        (START, back.start),
    )
    return message(
        request,
        status,
        _("One more check"),
        f"{first} {where} " + _("Your other apps stay open."),
        detail=_said_of_way_back(request, back),
        form=OneButton(fields=fields, button=_("Continue") if way.kind is None else _("Send the code")),
        link=start_link(),
    )


def _said_of_way_back(request: web.Request, back: WayBack) -> str:
    if back.leads_to_kept_form:
        return _("What you sent has been kept. After this check you can choose to send it.")
    return _(phrases.CUT_TEXT, app=back.app.name) if CUT in request.query and back.app is not None else ""


def _asked_by(back: WayBack, *, is_again: bool = False) -> str:
    if back.app is None:
        return (
            _("The page that you want to open needs a new code: the last one was a while ago.")
            if is_again
            else _("The page that you want to open needs an extra check.")
        )
    text = (
        N_("%(app)s needs a new code: the last one was a while ago.")
        if is_again
        else N_("%(app)s needs an extra check.")
    )
    return _(text, app=back.app.name)


def _nothing_to_prove(request: web.Request) -> web.Response:
    return message(
        request,
        HTTPStatus.NOT_FOUND,
        _("This link has expired"),
        _("The link that brought you here is incomplete or out of date. Open the app again."),
        link=start_link(),
    )


def _done(request: web.Request) -> web.Response:
    return message(
        request,
        HTTPStatus.OK,
        _("All done"),
        _("Go back to the page that you came from, and try again."),
        link=start_link(),
    )


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
        said = _("Not with a pass"), _(phrases.NOT_HERE)
        return message(request, HTTPStatus.FORBIDDEN, *said, link=start_link())
    if (more := more_for_own_pages(request, session)) is not None:
        return more
    if is_shared(request):  # whoever comes next could go on where somebody has proven everything
        return message(
            request,
            HTTPStatus.FORBIDDEN,
            title,
            _(
                "Others use this computer too. Ways to sign in are added and removed only on a computer or phone "
                "of your own."
            ),
            link=(ME, _("Where you are signed in")),
        )
    schemes = request.app[SETTINGS].schemes
    proof = proof_for_adding(schemes)
    if proof is None:
        return message(request, HTTPStatus.OK, title, off, link=(ME, _("Where you are signed in")))
    if may_change_factors(schemes, session, now=request.app[CLOCK]()):
        return None
    return redirect(step_up_path(proof.name, back))
