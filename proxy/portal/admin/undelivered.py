"""Which messages with a passcode did not arrive, whose they were, and what to do about it. Destinations are masked."""

from __future__ import annotations

from aiohttp import web

from proxy.http.reserved import ADMIN_PERSON, ADMIN_UNDELIVERED
from proxy.pages.instants import instant
from proxy.portal.admin.paging import PAGE, page_of
from proxy.portal.admin.parts import admin_page
from proxy.portal.admin.recording import record
from proxy.portal.app_keys import FLOW, SETTINGS, VISIT
from proxy.sessions.session import Session


async def show_undelivered(request: web.Request, session: Session) -> web.StreamResponse:
    now = request[VISIT].now
    found = await request.app[FLOW].proving.messages.undelivered(now=now)
    shown = page_of(request.query.get(PAGE, ""), len(found), path=ADMIN_UNDELIVERED)
    record(request, session, "undelivered_shown", failures=shown.last - shown.first)
    return admin_page(
        request,
        session,
        "admin_undelivered.html",
        here=ADMIN_UNDELIVERED,
        rows=[
            {
                "read": instant(each.failed_at, now),
                "person": f"{each.realm}\\{each.username}",
                "channel": each.channel,
                "destination": each.destination,
                "reason": each.reason.value.replace("_", " "),
                "advice": each.reason.advice,
                "said": each.detail,
            }
            for each in found[shown.first : shown.last]
        ],
        page=shown,
        is_on=request.app[SETTINGS].bounces.is_on,
        action=ADMIN_PERSON,
    )
