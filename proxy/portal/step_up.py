"""The step-up page: a signed-in person is told what an app asks for besides, and proves it, one factor at a time.

The page itself sends nothing: a link from anywhere can lead here. What is asked for is the scheme that the gate
named; a name made up by somebody else can only ask for more than was needed, never open anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from config.factors import FIRST_FACTORS, Factor
from config.settings import SchemeSettings
from directory.mail_address import is_plain_address, mask_mail
from directory.mobile import UnusableNumber, first_usable, mask
from proxy.access.schemes import counting_factors, freshness_of
from proxy.factors.proof import missing_choices
from proxy.http.reserved import CUT, RETURN_TO, SCHEME, SIGN_OUT, START
from proxy.pages.texts import ENGLISH
from proxy.portal.csrf import Form
from proxy.portal.current_session import current_session
from proxy.portal.forms import has_csrf_token, read_form
from proxy.portal.further_proof import ask_for_passcode
from proxy.portal.keys import PARTS, VISIT
from proxy.portal.landing import START_PAGE, land, next_step, sign_in_path, way_back
from proxy.portal.log_sign_in import log_step_up_begun, log_stop
from proxy.portal.number import stand_in
from proxy.portal.pages import form_token, message, redirect
from proxy.portal.refusals import OneButton, no_usable_mail, no_usable_mobile
from proxy.portal.return_to import WayBack
from proxy.portal.sign_in import sign_in_form
from proxy.sessions.session import Level, Session


async def show_step_up(request: web.Request) -> web.StreamResponse:
    """What is missing, and the button that has the passcode sent."""
    return await _go_on(request, request.query, is_pressed=False)


async def take_step_up(request: web.Request) -> web.StreamResponse:
    """The button was pressed."""
    return await _go_on(request, await read_form(request), is_pressed=True)


async def _go_on(request: web.Request, fields: Mapping[str, str], *, is_pressed: bool) -> web.Response:
    back = way_back(request, fields.get(RETURN_TO, ""), fields.get(START, ""))
    session = await current_session(request)
    if session is None:
        return redirect(sign_in_path(back))
    if session.level is not Level.SIGNED_IN:
        return await next_step(request, session, back)
    schemes = request.app[PARTS].settings.schemes
    scheme = next((each for each in schemes if each.name == fields.get(SCHEME, "")), None)
    if scheme is None:
        return _nothing_to_prove(request)
    counting = counting_factors(session.proven, freshness_of(scheme), now=request[VISIT].now)
    missing = missing_choices(scheme.factors, counting)
    if not missing:
        return await land(request, session, back) if back.return_to else _done(request)
    choice = missing[0]
    if not is_pressed or not FIRST_FACTORS.isdisjoint(choice):
        return _page(request, session, scheme, choice[0], back)
    if not has_csrf_token(request, fields, Form.STEP_UP, session.session_id):
        return _page(request, session, scheme, choice[0], back, status=HTTPStatus.FORBIDDEN)
    log_step_up_begun(request, session, asked=scheme.name, factor=choice[0])
    return await ask_for_passcode(request, session, choice, back)


def _page(
    request: web.Request,
    session: Session,
    scheme: SchemeSettings,
    factor: Factor,
    back: WayBack,
    *,
    status: HTTPStatus = HTTPStatus.OK,
) -> web.Response:
    principal = session.principal
    match factor:
        case Factor.PASSWORD:
            return sign_in_form(request, back, username=principal.username, error=_asked_by(back))
        case Factor.KERBEROS:
            log_stop(request, principal, "step_up_needs_kerberos")
            return message(
                request,
                status=HTTPStatus.FORBIDDEN,
                title=ENGLISH.step_up_kerberos_title,
                text=ENGLISH.step_up_kerberos,
                link_href=SIGN_OUT,
                link_text=ENGLISH.sign_out_button,
            )
        case Factor.EMAIL:
            if principal.mail is None or not is_plain_address(principal.mail):
                return no_usable_mail(request, principal, back)
            where = ENGLISH.step_up_email.format(mail=mask_mail(principal.mail))
        case _:
            number = first_usable(principal.mobiles, request.app[PARTS].settings.mobile)
            mail = stand_in(request.app[PARTS], principal)
            if not isinstance(number, UnusableNumber):
                where = ENGLISH.step_up_sms.format(number=mask(number.e164))
            elif mail is not None:
                where = ENGLISH.step_up_email.format(mail=mail.masked)
            else:
                return no_usable_mobile(request, principal, number, back)
    first = _asked_by(back, is_again=factor in session.proven_factors)
    if status != HTTPStatus.OK:
        first = ENGLISH.step_up_stale
    fields = (
        ("csrf_token", form_token(request, Form.STEP_UP, session.session_id)),
        (SCHEME, scheme.name),
        (RETURN_TO, back.return_to),
        (START, back.start),
    )
    return message(
        request,
        status=status,
        title=ENGLISH.step_up_title,
        text=f"{first} {where} {ENGLISH.step_up_rest}",
        detail=_said_of_way_back(request, back),
        form=OneButton(fields=fields, button=ENGLISH.step_up_button),
        link_href=START_PAGE,
        link_text=ENGLISH.back_to_start,
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
    return message(
        request,
        status=HTTPStatus.NOT_FOUND,
        title=ENGLISH.step_up_unknown_title,
        text=ENGLISH.step_up_unknown,
        link_href=START_PAGE,
        link_text=ENGLISH.back_to_start,
    )


def _done(request: web.Request) -> web.Response:
    return message(
        request,
        status=HTTPStatus.OK,
        title=ENGLISH.step_up_done_title,
        text=ENGLISH.step_up_done,
        link_href=START_PAGE,
        link_text=ENGLISH.back_to_start,
    )
