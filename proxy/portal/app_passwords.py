"""My app passwords: the list, a form that makes one, and a button that removes one. It needs a fresh second factor.

What is posted does one of two things: it makes one (field `make`) or removes one (`remove`).
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from config.factors import Factor
from config.settings import AppSettings
from proxy.access.policy import Allowed, judge
from proxy.http.problem import Problem
from proxy.http.reserved import ME, ME_APP_PASSWORDS
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.pages.instants import instant, instant_to_come
from proxy.portal.app_keys import CLOCK, SETTINGS, SIGN_IN_LOG, VISIT
from proxy.portal.csrf import Form
from proxy.portal.forms import WrongField, read_form, refused
from proxy.portal.own_factors.factor_pages import clean_name
from proxy.portal.pages import form_token, page, redirect
from proxy.portal.step_up import session_for_changes
from proxy.sessions.session import Session
from proxy.sign_in.credentials import Credential
from proxy.sign_in.own_credentials import (
    OwnCredentials,
    WantedCredential,
    WrongLimits,
    apps_taking,
    read_methods,
    read_networks,
)

OWN_CREDENTIALS = web.AppKey("own_credentials", OwnCredentials)
_DAYS = (7, 30, 90, 365)
_USUAL_DAYS = 90
_DAY_SECONDS = 86_400.0
_TOLD = "told"
"""Query field: what became of the form before."""
_SAID: Mapping[str, str] = {
    "removed": N_("Removed. Programs that used it are signed out."),
    "gone": N_("It was removed before."),
}
_LONGEST_LIST = 1000


async def show_app_passwords(request: web.Request) -> web.StreamResponse:
    session = await _session(request)
    if not isinstance(session, Session):
        return session
    return await _list(request, session)


async def take_app_passwords(request: web.Request) -> web.StreamResponse:
    fields = await read_form(request)
    session = await _session(request, fields)
    if not isinstance(session, Session):
        return session
    if "remove" in fields:
        return await _remove(request, session, fields["remove"])
    if "make" in fields:
        return await _make(request, session, fields)
    raise refused(Problem.BAD_FORM)


def _length(days: int) -> str:
    return {7: _("a week"), 30: _("30 days"), 90: _("90 days"), 365: _("a year")}[days]


async def _session(request: web.Request, fields: Mapping[str, str] | None = None) -> Session | web.Response:
    said = {
        "title": _("App passwords"),
        "off": _("App passwords need a second factor, and your organisation asks for none."),
    }
    return await session_for_changes(request, Form.APP_PASSWORDS, ME_APP_PASSWORDS, **said, fields=fields)


async def _remove(request: web.Request, session: Session, credential_id: str) -> web.StreamResponse:
    own, visit = request.app[OWN_CREDENTIALS], request[VISIT]
    found = next((each for each in await _own(request, session) if each.credential_id == credential_id), None)
    if found is None or not await own.remove(found):
        return redirect(f"{ME_APP_PASSWORDS}?{_TOLD}=gone")
    request.app[SIGN_IN_LOG].credential_changed(visit.client, found, "credential.removed")
    await own.tell_removed(session.principal, found.factor, incident=visit.incident)
    return redirect(f"{ME_APP_PASSWORDS}?{_TOLD}=removed")


async def _make(request: web.Request, session: Session, fields: Mapping[str, str]) -> web.StreamResponse:
    """The answer itself shows it. A form that is sent again makes another one."""
    now, visit = request.app[CLOCK](), request[VISIT]
    wanted = _wanted(request, session, fields, now=now)
    if isinstance(wanted, WrongField):
        return await _list(request, session, fields=fields, wrong=wanted, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    made = await request.app[OWN_CREDENTIALS].make(session.principal, wanted, incident=visit.incident, now=now)
    if made is None:
        return await _list(
            request,
            session,
            fields=fields,
            wrong=WrongField("", _("You have too many. Remove those that you no longer use.")),
            status=HTTPStatus.CONFLICT,
        )
    credential, secret = made
    request.app[SIGN_IN_LOG].credential_changed(visit.client, credential, "credential.made")
    return page(
        request,
        "app_password_made.html",
        holds_session=True,
        secret=secret,
        app=credential.app,
        username=session.principal.username,
        ends=instant_to_come(credential.ends_at, now),
        back_href=ME_APP_PASSWORDS,
    )


def _wanted(
    request: web.Request, session: Session, fields: Mapping[str, str], *, now: float
) -> WantedCredential | WrongField:
    """What is to be made, or what is wrong with the form."""
    app, name, days = fields.get("app", ""), clean_name(fields.get("name", ""), ""), fields.get("days", "")
    if app not in [each.name for each in _apps(request, session)]:
        return WrongField("app", _("Choose one of the apps."))
    if not name:
        return WrongField("name", _("Give it a name."))
    if days not in map(str, _DAYS):
        raise refused(Problem.BAD_FORM)
    try:
        methods = read_methods(fields.get("methods", "")[:_LONGEST_LIST])
    except WrongLimits:
        return WrongField("methods", _("Methods are written like GET, PROPFIND."))
    try:
        networks = read_networks(fields.get("networks", "")[:_LONGEST_LIST])
    except WrongLimits:
        return WrongField("networks", _("Networks are written like 10.0.0.0/8, or as single addresses."))
    ends_at = now + int(days) * _DAY_SECONDS
    return WantedCredential(
        factor=Factor.APP_PASSWORD, app=app, name=name, ends_at=ends_at, methods=methods, networks=networks
    )


def _apps(request: web.Request, session: Session) -> list[AppSettings]:
    """Those that take app passwords, and that the person may open."""
    taking = apps_taking(request.app[SETTINGS].apps, Factor.APP_PASSWORD)
    return [app for app in taking if isinstance(judge(session.principal, app), Allowed)]


async def _own(request: web.Request, session: Session) -> list[Credential]:
    """App passwords alone: service tokens are an operator's."""
    found = await request.app[OWN_CREDENTIALS].of(session.principal.guid, now=request[VISIT].now)
    return [each for each in found if each.factor is Factor.APP_PASSWORD and each.realm == session.principal.realm]


async def _list(
    request: web.Request,
    session: Session,
    *,
    fields: Mapping[str, str] | None = None,
    wrong: WrongField | None = None,
    status: HTTPStatus = HTTPStatus.OK,
) -> web.Response:
    """`fields`: what was typed, where something is wrong with it."""
    now, typed = request[VISIT].now, fields or {}
    return page(
        request,
        "app_passwords.html",
        status=status,
        holds_session=True,
        action=ME_APP_PASSWORDS,
        csrf_token=form_token(request, Form.APP_PASSWORDS, session.session_id),
        passwords=[
            {
                "name_in_forms": each.credential_id,
                "name": each.name,
                "app": each.app,
                "limits": " ".join((*(each.methods or ()), *(each.networks or ()))),
                "made": instant(each.made_at, now),
                "used": None if each.used_at is None else instant(each.used_at, now),
                "ends": instant_to_come(each.ends_at, now),
            }
            for each in await _own(request, session)
        ],
        apps=[app.name for app in _apps(request, session)],
        days=[(each, _length(each), str(each) == typed.get("days", str(_USUAL_DAYS))) for each in _DAYS],
        typed={key: typed.get(key, "") for key in ("app", "name", "methods", "networks")},
        notice="" if wrong else _(_SAID.get(request.query.get(_TOLD, ""), "")),
        wrong=wrong,
        me_href=ME,
    )
