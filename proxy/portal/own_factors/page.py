"""My second factors: the list, and what may be done to each. It needs a second factor proven within ten minutes.

What is posted does one of three things: it adds (field `add`), renames (`rename`) or removes (`remove`).
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import urlencode

from aiohttp import web

from config.factors import Factor
from proxy.factors.recovery_code.code import COUNT
from proxy.http.problem import Problem
from proxy.http.reserved import ME, ME_FACTORS
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.pages.instants import instant
from proxy.portal.app_keys import SETTINGS, SIGN_IN_LOG, VISIT
from proxy.portal.csrf import Form
from proxy.portal.forms import read_form, refused
from proxy.portal.own_factors.adding_app import show_adding_app, take_app
from proxy.portal.own_factors.adding_codes import show_making_codes, take_codes
from proxy.portal.own_factors.adding_passkey import show_adding_passkey, take_passkey
from proxy.portal.own_factors.factor_pages import (
    ADD,
    ADDED,
    ENROLLING,
    TOLD,
    TOO_MANY,
    Adding,
    clean_name,
    kind_of,
    own_page,
    told,
)
from proxy.portal.pages import redirect
from proxy.portal.step_up import session_for_changes
from proxy.sessions.session import Session
from proxy.sign_in.enrolling import OwnFactor, factors_to_add

_ADDING: Mapping[Factor, Adding] = MappingProxyType(
    {
        Factor.TOTP: Adding(show=show_adding_app, take=take_app),
        Factor.RECOVERY_CODE: Adding(show=show_making_codes, take=take_codes),
        Factor.PASSKEY: Adding(show=show_adding_passkey, take=take_passkey),
    }
)
_TO_ADD: Mapping[Factor, str] = MappingProxyType(
    {
        Factor.TOTP: N_("Set up an authenticator app"),
        Factor.RECOVERY_CODE: N_("Make recovery codes"),
        Factor.PASSKEY: N_("Add a passkey"),
    }
)
"""A new factor is registered in these two, and in `kind_of`."""
_CHANGE = "change"
"""Query field: the one that is to be renamed or removed."""
_TOLD: Mapping[str, str] = MappingProxyType(
    {
        ADDED: N_("It was added. We tell you of it by mail and text message too."),
        TOO_MANY: N_("You have as many as you can have. Remove one that you do not use."),
        "removed": N_("It was removed. We tell you of it by mail and text message too."),
        "renamed": N_("The name was saved."),
        "gone": N_("It was not there any more."),
    }
)


async def show_factors(request: web.Request) -> web.StreamResponse:
    session = await _session(request)
    if not isinstance(session, Session):
        return session
    own = await request.app[ENROLLING].of(session.principal)
    if ADD in request.query:
        factor = _to_add(request, request.query[ADD])
        if not await request.app[ENROLLING].has_room(session.principal, factor):
            return _list(
                request,
                session,
                own,
                error=_("You have as many as you can have. Remove one that you do not use."),
                status=HTTPStatus.CONFLICT,
            )
        return await _ADDING[factor].show(request, session)
    if _CHANGE in request.query:
        chosen = next((each for each in own if each.name_in_forms == request.query[_CHANGE]), None)
        if chosen is None:
            return told("gone")
        return own_page(request, session, "factor_change.html", factor=_row(request, chosen))
    return _list(request, session, own)


async def take_factors(request: web.Request) -> web.StreamResponse:
    fields = await read_form(request)
    session = await _session(request, fields)
    if not isinstance(session, Session):
        return session
    enrolling, principal, visit = request.app[ENROLLING], session.principal, request[VISIT]
    log = request.app[SIGN_IN_LOG]
    if "remove" in fields:
        removed = await enrolling.remove(principal, fields["remove"], incident=visit.incident)
        if removed is not None:
            log.factor_changed(visit.client, principal, "factor.removed", removed.factor)
        return told("gone" if removed is None else "removed")
    if "rename" in fields:
        name = clean_name(fields.get("name", ""), "")
        if not name:
            return redirect(f"{ME_FACTORS}?{urlencode({_CHANGE: fields['rename']})}")
        return told("renamed" if await enrolling.rename(principal, fields["rename"], name) else "gone")
    factor = _to_add(request, fields.get(ADD, ""))
    if not await enrolling.has_room(principal, factor):
        own = await enrolling.of(principal)
        return _list(
            request,
            session,
            own,
            error=_("You have as many as you can have. Remove one that you do not use."),
            status=HTTPStatus.CONFLICT,
        )
    return await _ADDING[factor].take(request, session, fields)


async def _session(request: web.Request, fields: Mapping[str, str] | None = None) -> Session | web.Response:
    said = {"title": _("Ways to sign in"), "off": _("Your organisation asks for nothing here that you could add.")}
    return await session_for_changes(request, Form.FACTORS, ME_FACTORS, **said, fields=fields)


def _to_add(request: web.Request, name: str) -> Factor:
    """Raises `Refused` for what nobody can add here."""
    for factor in factors_to_add(request.app[SETTINGS].schemes):
        if factor.value == name and factor in _ADDING:
            return factor
    raise refused(Problem.BAD_FORM)


def _list(
    request: web.Request, session: Session, own: list[OwnFactor], *, error: str = "", status: int = 200
) -> web.Response:
    to_add = [each for each in factors_to_add(request.app[SETTINGS].schemes) if each in _ADDING]
    return own_page(
        request,
        session,
        "factors.html",
        status=status,
        factors=[_row(request, each) for each in own],
        to_add=[(f"{ME_FACTORS}?{ADD}={each.value}", _(_TO_ADD[each])) for each in to_add],
        change_href=f"{ME_FACTORS}?{_CHANGE}=",
        notice=_(_TOLD.get(request.query.get(TOLD, ""), "")) if not error else "",
        error=error,
        me_href=ME,
    )


def _row(request: web.Request, own: OwnFactor) -> dict[str, object]:
    """One of them as it is shown."""
    now, kind = request[VISIT].now, kind_of(own)
    return {
        "name_in_forms": own.name_in_forms,
        "name": own.name or kind,
        "kind": kind,
        "made": instant(own.made_at, now),
        "used": None if own.used_at is None else instant(own.used_at, now),
        "left": "" if own.left is None else _("%(left)s of %(count)s", left=own.left, count=COUNT),
        "may_be_renamed": own.left is None,
    }
