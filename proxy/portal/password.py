"""The password page: for those who must choose a new one before anything else, and for those who want to.

Statuses: 422 for what is missing, differs or is refused, 429 for too many wrong ones, 403 where nothing can be changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from directory.change_outcomes import ChangeRefusal, PasswordChanger, PasswordChangeRefused, PasswordRules
from directory.errors import DirectoryError
from directory.password import is_usable_password
from proxy.http.reserved import PASSCODE
from proxy.pages.pass_texts import PASS_WORDS
from proxy.pages.texts import ENGLISH
from proxy.portal.app_keys import PASSWORD_CHANGE, SETTINGS, VISIT, current_session
from proxy.portal.csrf import Form
from proxy.portal.forms import read_form, require_csrf_token
from proxy.portal.landing import (
    LATER,
    PASSWORD_CHANGED,
    REMINDER,
    START_PAGE,
    TO_START,
    expiry_warning,
    land,
    password_path,
    sign_in_path,
    to_sign_in,
    way_back,
)
from proxy.portal.pages import clear_session_cookie, form_token, message, page, redirect, set_session_cookie
from proxy.portal.return_to import WayBack
from proxy.portal.shared_computers import start_again
from proxy.portal.step_up import more_for_own_pages
from proxy.sessions.session import Level, Session
from proxy.sign_in.outcomes import Throttled
from proxy.sign_in.password_change import Changed, ChangedAndSignedOut, Superseded

_REFUSALS: Mapping[ChangeRefusal, str] = {
    ChangeRefusal.WRONG_PASSWORD: ENGLISH.change_wrong,
    ChangeRefusal.LOCKED: ENGLISH.change_locked,
    ChangeRefusal.NOT_USABLE: ENGLISH.change_not_usable,
    ChangeRefusal.UNUSABLE_PASSWORD: ENGLISH.change_unusable,
    ChangeRefusal.TOO_COMMON: ENGLISH.change_too_common,
    ChangeRefusal.TOO_SHORT: ENGLISH.change_too_short,
    ChangeRefusal.USED_BEFORE: ENGLISH.change_used_before,
    ChangeRefusal.TOO_SIMPLE: ENGLISH.change_too_simple,
    ChangeRefusal.TOO_YOUNG: ENGLISH.change_too_young,
    ChangeRefusal.AGAINST_POLICY: ENGLISH.change_against_policy,
    ChangeRefusal.NOT_ALLOWED: ENGLISH.change_not_allowed,
}


async def show_password(request: web.Request) -> web.StreamResponse:
    """The form; with `REMINDER`, the page that offers it to somebody on their way to an app."""
    back = way_back(request, request.query)
    session = await current_session(request)
    if session is None or session.level is Level.FIRST_FACTOR:
        return to_sign_in(request, back) if session is None else redirect(PASSCODE)
    changer = request.app[PASSWORD_CHANGE].changer_of(session)
    if changer is None:
        return _not_here(request, session)
    if LATER in request.query and session.level is Level.SIGNED_IN:
        return await land(request, session, back)
    if REMINDER in request.query and session.level is Level.SIGNED_IN:
        directories = request.app[SETTINGS].directories
        warning = expiry_warning(session.principal, directories, request[VISIT].now)
        return _reminder(request, back, warning) if warning else await land(request, session, back)
    if (more := more_for_own_pages(request, session)) is not None:
        return more
    return await _form(request, session, changer, back)


async def take_password(request: web.Request) -> web.StreamResponse:
    """Change it, and go on with a new session: signed in, whatever the session was before."""
    fields = await read_form(request)
    back = way_back(request, fields)
    session = await current_session(request)
    if session is None or session.level is Level.FIRST_FACTOR:
        return to_sign_in(request, back) if session is None else redirect(PASSCODE)
    require_csrf_token(request, fields, Form.PASSWORD, session.session_id)
    if (more := more_for_own_pages(request, session)) is not None:
        return more
    changes = request.app[PASSWORD_CHANGE]
    changer = changes.changer_of(session)
    if changer is None:
        return _not_here(request, session)
    old, new, again = (fields.get(name, "") for name in ("current", "new", "again"))
    error = _what_is_wrong(old, new, again)
    if error:
        return await _form(request, session, changer, back, error=error)
    match await changes.change(request[VISIT].client, session, changer, old=old, new=new):
        case Superseded():
            return redirect(sign_in_path(back))
        case Throttled(retry_after_seconds=wait):
            error = f"{ENGLISH.change_throttled} {ENGLISH.try_later.format(wait=ENGLISH.duration(wait))}"
            response = await _form(request, session, changer, back, error=error, status=HTTPStatus.TOO_MANY_REQUESTS)
            response.headers["Retry-After"] = str(wait)
            return response
        case PasswordChangeRefused(reason):
            return await _form(request, session, changer, back, error=_REFUSALS[reason])
        case ChangedAndSignedOut():
            return _sign_in_anew(request, back)
        case Changed(renewed, token):
            response = await _go_on(request, renewed, back)
            set_session_cookie(request, response, token)
            return response


def _what_is_wrong(old: str, new: str, again: str) -> str:
    """What can be said without asking the directory; it does not count as a try."""
    if not old or not new or not again:
        return ENGLISH.change_empty
    if new != again:
        return ENGLISH.change_differs
    return "" if is_usable_password(old) and is_usable_password(new) else ENGLISH.change_unusable


async def _go_on(request: web.Request, session: Session, back: WayBack) -> web.Response:
    if back.app is None:
        return redirect(f"{START_PAGE}?{PASSWORD_CHANGED}=1")
    return await land(request, session, back)


async def _form(
    request: web.Request,
    session: Session,
    changer: PasswordChanger,
    back: WayBack,
    *,
    error: str = "",
    status: int | None = None,
) -> web.Response:
    """Nothing that was typed appears in the page."""
    must = session.level is Level.MUST_CHANGE_PASSWORD
    lead = ENGLISH.change_lead_must if must else ENGLISH.change_lead
    return page(
        request,
        "password.html",
        status=status or (HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK),
        title=ENGLISH.change_title_must if must else ENGLISH.change_title,
        lead=lead.format(username=session.principal.username),
        csrf_token=form_token(request, Form.PASSWORD, session.session_id),
        return_to=back.return_to,
        start=back.start,
        username=session.principal.username,
        rules=_rule_lines(await _rules(changer)),
        error=error,
        away_href=sign_in_path(back) if must or back.app is not None else START_PAGE,
        away_text=ENGLISH.passcode_other if must else ENGLISH.change_later,
        start_again=start_again(request, session),
    )


async def _rules(changer: PasswordChanger) -> PasswordRules | None:
    try:
        return await changer.password_rules()
    except DirectoryError:
        return None  # the page is of use without them; a change will say what is wrong


def _rule_lines(rules: PasswordRules | None) -> list[str]:
    if rules is None:
        return []
    lines = []
    if rules.min_length:
        lines.append(ENGLISH.change_rule_length.format(count=rules.min_length))
    if rules.history:
        lines.append(ENGLISH.change_rule_history.format(count=rules.history))
    if rules.needs_variety:
        lines.append(ENGLISH.change_rule_variety)
    return [*lines, ENGLISH.change_rule_common, ENGLISH.change_rule_more] if lines else []


def _reminder(request: web.Request, back: WayBack, warning: str) -> web.Response:
    """Two ways on: nothing changes here, so nothing needs proof."""
    return page(
        request,
        "password_reminder.html",
        warning=warning,
        return_to=back.return_to,
        start=back.start,
        later_field=LATER,
        change_href=password_path(back),
        later_href=sign_in_path(back),  # which leads a signed-in person straight on
    )


def _sign_in_anew(request: web.Request, back: WayBack) -> web.Response:
    response = message(
        request,
        HTTPStatus.OK,
        ENGLISH.change_done_title,
        ENGLISH.change_done,
        link=(sign_in_path(back), ENGLISH.signed_out_again),
    )
    clear_session_cookie(request, response)
    return response


def _not_here(request: web.Request, session: Session) -> web.Response:
    title, text = ENGLISH.change_elsewhere_title, ENGLISH.change_elsewhere
    if session.confined is not None:
        title, text = PASS_WORDS.not_here_title, PASS_WORDS.not_here
    return message(request, HTTPStatus.FORBIDDEN, title, text, link=TO_START)
