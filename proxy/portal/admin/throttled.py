"""Whom a limit has stopped recently and would stop again: the list, and the button that releases one of them."""

from __future__ import annotations

from aiohttp import web

from proxy.help_desk.throttled import StoppedPerson, stopped_people
from proxy.http.reserved import ADMIN_PERSON, ADMIN_THROTTLED, ADMIN_THROTTLED_RELEASE
from proxy.pages.instants import instant, instant_to_come
from proxy.portal.admin.explanation import Done
from proxy.portal.admin.paging import PAGE, page_of
from proxy.portal.admin.parts import admin_page
from proxy.portal.admin.person_buttons import reset_limits
from proxy.portal.admin.person_page import look_up, own_form
from proxy.portal.admin.recording import record
from proxy.portal.app_keys import FLOW, REALMS, VISIT
from proxy.sessions.session import Session


async def show_throttled(request: web.Request, session: Session) -> web.StreamResponse:
    return await _list(request, session)


async def take_release(request: web.Request, session: Session) -> web.StreamResponse:
    """What `gatepost unlock` does."""
    fields = await own_form(request, session)
    async with look_up(request, session):
        done = await reset_limits(request, session, fields)
    return await _list(request, session, done=done)


async def _list(request: web.Request, session: Session, *, done: Done | None = None) -> web.Response:
    now = request[VISIT].now
    found = await stopped_people(request.app[FLOW].throttle, request.app[REALMS], now=now)
    shown = page_of(request.query.get(PAGE, ""), len(found), path=ADMIN_THROTTLED)
    record(request, session, "throttled_shown", people=len(found))
    return admin_page(
        request,
        session,
        "admin_throttled.html",
        here=ADMIN_THROTTLED,
        done=done,
        rows=[_row(each, now) for each in found[shown.first : shown.last]],
        page=shown,
        action=ADMIN_THROTTLED_RELEASE,
        person_action=ADMIN_PERSON,
    )


def _row(each: StoppedPerson, now: float) -> dict[str, object]:
    return {
        "realm": each.realm,
        "guid": each.guid,
        "person": f"{each.realm}\\{each.username}",
        "why": each.why,
        "at": instant(each.at, now),
        "until": None if each.until is None else instant_to_come(each.until, now),
    }
