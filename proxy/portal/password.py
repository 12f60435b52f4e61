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
from proxy.factors.second_factor import Unusable
from proxy.http.reserved import PASSCODE
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.pages import phrases
from proxy.pages.amounts import duration
from proxy.portal.app_keys import PASSWORD_CHANGE, SETTINGS, VISIT, current_session
from proxy.portal.csrf import Form
from proxy.portal.forms import WrongField, read_form, require_csrf_token
from proxy.portal.landing import (
    PASSWORD_CHANGED,
    REMINDER,
    START_PAGE,
    TOLD,
    expiry_warning,
    land,
    password_path,
    sign_in_path,
    start_link,
    to_sign_in,
    told_again,
    way_back,
)
from proxy.portal.pages import clear_session_cookie, form_token, message, page, redirect, set_session_cookie
from proxy.portal.refusals import unusable
from proxy.portal.return_to import WayBack
from proxy.portal.shared_computers import start_again
from proxy.portal.step_up import more_for_own_pages
from proxy.sessions.session import Level, Session
from proxy.sign_in.outcomes import Throttled
from proxy.sign_in.password_change import Changed, ChangedAndSignedOut, Superseded

_REFUSALS: Mapping[ChangeRefusal, str] = {
    ChangeRefusal.WRONG_PASSWORD: N_("The current password is not right."),
    ChangeRefusal.LOCKED: N_("Your account is locked for now. Wait a while, or ask your IT help desk."),
    ChangeRefusal.NOT_USABLE: N_("Your account cannot be used any more. Ask your IT help desk."),
    ChangeRefusal.UNUSABLE_PASSWORD: N_("This password is too long or has characters that cannot be used."),
    ChangeRefusal.TOO_COMMON: N_("Many people use this password, so attackers try it first. Choose another one."),
    ChangeRefusal.TOO_SHORT: N_("The new password is too short."),
    ChangeRefusal.USED_BEFORE: N_("You have used this password before. Choose another one."),
    ChangeRefusal.TOO_SIMPLE: N_(
        "The new password is too simple, or contains your name. Mix capitals, lower case, digits and symbols."
    ),
    ChangeRefusal.TOO_YOUNG: N_("Your password was changed too recently to change it again."),
    ChangeRefusal.AGAINST_POLICY: N_(
        "Your organisation's rules do not allow this password. It may be too short, too simple, too much "
        "like your name, or used before. Or you may have changed your password too recently."
    ),
    ChangeRefusal.NOT_ALLOWED: N_("You may not change your password yourself. Ask your IT help desk."),
}
_OF_NO_FIELD = (
    ChangeRefusal.LOCKED,
    ChangeRefusal.NOT_USABLE,
    ChangeRefusal.TOO_YOUNG,
    ChangeRefusal.NOT_ALLOWED,
)
_FIELD_OF: Mapping[ChangeRefusal, str] = {ChangeRefusal.WRONG_PASSWORD: "current", **dict.fromkeys(_OF_NO_FIELD, "")}
"""What a refusal is about, if not the new password."""


async def show_password(request: web.Request) -> web.StreamResponse:
    """The form; with `REMINDER`, the page that offers it to somebody on their way to an app."""
    back = way_back(request, request.query)
    session = await current_session(request)
    if session is None or session.level is Level.FIRST_FACTOR:
        return to_sign_in(request, back) if session is None else redirect(PASSCODE)
    changer = request.app[PASSWORD_CHANGE].changer_of(session)
    if changer is None:
        return _not_here(request, session)
    if REMINDER in request.query and session.level is Level.SIGNED_IN:
        directories = request.app[SETTINGS].directories
        warning = expiry_warning(session.principal, directories, request[VISIT].now)
        return _reminder(request, back, warning) if warning else await land(request, session, back)
    if (more := more_for_own_pages(request, session)) is not None:
        return more
    reason = next((each for each in _REFUSALS if each.value == request.query.get(TOLD)), None)
    wrong = None if reason is None else _wrong(reason)
    return await _form(request, session, changer, back, wrong=wrong, status=HTTPStatus.OK)


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
    wrong = _what_is_wrong(old, new, again)
    if wrong is not None:
        return await _form(request, session, changer, back, wrong=wrong)
    match await changes.change(request[VISIT].client, session, changer, old=old, new=new):
        case Unusable() as closed:
            return unusable(request, closed, back)
        case Superseded():
            return redirect(sign_in_path(back))
        case Throttled(retry_after_seconds=wait):
            error = _("There were too many tries with a wrong password. Nothing was changed.")
            error += " " + _("Try again in %(wait)s.", wait=duration(wait))
            wrong, status = WrongField("", error), HTTPStatus.TOO_MANY_REQUESTS
            response = await _form(request, session, changer, back, wrong=wrong, status=status)
            response.headers["Retry-After"] = str(wait)
            return response
        case PasswordChangeRefused(reason):
            shown_at = told_again(request, reason.value)
            return await _form(request, session, changer, back, wrong=_wrong(reason), shown_at=shown_at)
        case ChangedAndSignedOut():
            return _sign_in_anew(request, back)
        case Changed(renewed, token):
            response = await _go_on(request, renewed, back)
            set_session_cookie(request, response, token)
            return response


def _what_is_wrong(old: str, new: str, again: str) -> WrongField | None:
    """What can be said without asking the directory; it does not count as a try."""
    typed = {"current": old, "new": new, "again": again}
    for field, text in typed.items():
        if not text:
            return WrongField(field, _("Fill in all three fields."))
    if new != again:
        return WrongField("again", _("The two new passwords do not match."))
    for field in ("current", "new"):
        if not is_usable_password(typed[field]):
            return WrongField(field, _(_REFUSALS[ChangeRefusal.UNUSABLE_PASSWORD]))
    return None


async def _go_on(request: web.Request, session: Session, back: WayBack) -> web.Response:
    if back.app is None:
        return redirect(f"{START_PAGE}?{PASSWORD_CHANGED}=1")
    return await land(request, session, back)


def _wrong(reason: ChangeRefusal) -> WrongField:
    return WrongField(_FIELD_OF.get(reason, "new"), _(_REFUSALS[reason]))


async def _form(
    request: web.Request,
    session: Session,
    changer: PasswordChanger,
    back: WayBack,
    *,
    wrong: WrongField | None = None,
    status: int | None = None,
    shown_at: str = "",
) -> web.Response:
    """Nothing that was typed appears in the page."""
    must = session.level is Level.MUST_CHANGE_PASSWORD
    lead = phrases.CHANGE_LEAD_MUST if must else N_("For your work account %(username)s.")
    return page(
        request,
        "password.html",
        status=status or (HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK),
        holds_session=True,
        shown_at=shown_at,
        title=_("Choose a new password") if must else _("Change your password"),
        lead=_(lead, username=session.principal.username),
        csrf_token=form_token(request, Form.PASSWORD, session.session_id),
        return_to=back.return_to,
        start=back.start,
        username=session.principal.username,
        rules=_rule_lines(await _rules(changer)),
        wrong=wrong,
        away_href=sign_in_path(back) if must or back.app is not None else START_PAGE,
        away_text=_("Sign in as someone else") if must else _("Not now"),
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
        lines.append(_("At least %(count)s characters", count=rules.min_length))
    if rules.history:
        lines.append(_("Different from your last %(count)s passwords", count=rules.history))
    if rules.needs_variety:
        lines.append(_("At least three of: capitals, lower case, digits, symbols. Not your name"))
    return (
        [*lines, _("Not one of the passwords that many people use"), _("Your organisation may ask for more")]
        if lines
        else []
    )


def _reminder(request: web.Request, back: WayBack, warning: str) -> web.Response:
    """Two ways on: nothing changes here, so nothing needs proof."""
    return page(
        request,
        "password_reminder.html",
        warning=warning,
        change_href=password_path(back),
        later_href=sign_in_path(back),  # which leads a signed-in person straight on
    )


def _sign_in_anew(request: web.Request, back: WayBack) -> web.Response:
    response = message(
        request,
        HTTPStatus.OK,
        _("Your password was changed"),
        _("Sign in with the new one."),
        link=(sign_in_path(back), _("Sign in again")),
    )
    clear_session_cookie(request, response)
    return response


def _not_here(request: web.Request, session: Session) -> web.Response:
    title, text = _("You cannot change your password here"), _("Ask your IT help desk for a new one.")
    if session.confined is not None:
        title, text = _("Not with a pass"), _(phrases.NOT_HERE)
    return message(request, HTTPStatus.FORBIDDEN, title, text, link=start_link())
