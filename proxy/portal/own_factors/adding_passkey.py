"""Adding a passkey: the browser is asked to make one, and what it made comes back in a form field."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from config.factors import Factor
from proxy.languages.current import gettext as _
from proxy.pages import phrases
from proxy.portal.app_keys import CLOCK, PASSKEYS, SIGN_IN_LOG, VISIT
from proxy.portal.own_factors.factor_pages import ADDED, ENROLLING, TOO_MANY, clean_name, no_more, own_page, told
from proxy.sessions.session import Session
from proxy.sign_in.enrolling import Added


async def show_adding_passkey(request: web.Request, session: Session) -> web.StreamResponse:
    return await _form(request, session)


async def take_passkey(request: web.Request, session: Session, fields: Mapping[str, str]) -> web.StreamResponse:
    enrolling, principal, visit = request.app[ENROLLING], session.principal, request[VISIT]
    now = request.app[CLOCK]()  # once all of its form has come in
    name = clean_name(fields.get("name", ""), _("Passkey"))
    made = request.app[PASSKEYS].made(
        principal,
        fields.get("passkey", ""),
        session_id=session.session_id,
        stamp=fields.get("stamp", ""),
        name=name,
        now=now,
    )
    if made is None:
        return await _form(request, session, name=name, error=_(phrases.PASSKEY_NOT_MADE), status=422)
    if not await enrolling.reserve(principal, now=now):
        return no_more(request)
    match await enrolling.add(principal, made, incident=visit.incident):
        case Added.FULL:
            return told(TOO_MANY)
        case Added.TAKEN:
            return await _form(request, session, name=name, error=_(phrases.PASSKEY_THERE), status=HTTPStatus.CONFLICT)
    request.app[SIGN_IN_LOG].factor_changed(visit.client, principal, "factor.added", Factor.PASSKEY)
    return told(ADDED)


async def _form(
    request: web.Request, session: Session, *, name: str = "", error: str = "", status: int = 200
) -> web.Response:
    asked = await request.app[PASSKEYS].ask_for_new(
        session.principal, session_id=session.session_id, now=request[VISIT].now
    )
    return own_page(
        request,
        session,
        "factor_passkey.html",
        status=status,
        options=asked.options,
        stamp=asked.stamp,
        name=name or _("Passkey"),
        error=error,
    )
