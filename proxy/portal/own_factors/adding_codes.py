"""Making recovery codes: a set of ten, shown once. A new set replaces the old one."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from config.factors import Factor
from proxy.factors.recovery_code.code import new_codes
from proxy.factors.recovery_code.recovery_codes import enrolment_of_code
from proxy.portal.app_keys import CLOCK, KEYS, SETTINGS, SIGN_IN_LOG, VISIT
from proxy.portal.own_factors.factor_pages import ENROLLING, no_more, own_page, told
from proxy.sessions.session import Session
from proxy.sign_in.enrolling import OwnFactor


async def show_making_codes(request: web.Request, session: Session) -> web.StreamResponse:
    standing = await _standing(request, session)
    left = standing.left if standing is not None else None
    return own_page(request, session, "factor_codes_make.html", left=left, standing=_name_of(standing))


async def take_codes(request: web.Request, session: Session, fields: Mapping[str, str]) -> web.StreamResponse:
    """The answer itself shows them. A form that is sent again, by a reload, must not replace what was just printed."""
    enrolling, principal, now = request.app[ENROLLING], session.principal, request.app[CLOCK]()
    standing = await _standing(request, session)
    if fields.get("standing", "") != _name_of(standing):
        return told("gone")
    if not await enrolling.reserve(principal, now=now):
        return no_more(request)
    codes = new_codes()
    made = [
        enrolment_of_code(request.app[KEYS], principal, code, name=str(number), now=now)
        for number, code in enumerate(codes, 1)
    ]
    if not await enrolling.add_codes(principal, made, in_place_of=standing, incident=request[VISIT].incident):
        return told("gone")  # the form was sent twice at one time, and the other answer shows what counts
    request.app[SIGN_IN_LOG].factor_changed(request[VISIT].client, principal, "factor.added", Factor.RECOVERY_CODE)
    host = request.app[SETTINGS].server.public_url.host
    return own_page(request, session, "factor_codes.html", codes=codes, username=principal.username, host=host)


async def _standing(request: web.Request, session: Session) -> OwnFactor | None:
    """The set that a new one would replace."""
    own = await request.app[ENROLLING].of(session.principal)
    return next((each for each in own if each.factor is Factor.RECOVERY_CODE), None)


def _name_of(standing: OwnFactor | None) -> str:
    return "" if standing is None else standing.ids[0]
