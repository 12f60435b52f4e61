"""Which messages with a passcode did not arrive, whose they were, and what to do about it. Destinations are masked."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from proxy.delivery.failures import ADVICE, REMEMBERED_SECONDS, DeliveryFailure
from proxy.http.reserved import ADMIN_PERSON, ADMIN_UNDELIVERED
from proxy.pages.instants import Instant, instant
from proxy.portal.admin.audit import log_undelivered_shown
from proxy.portal.admin.paging import PAGE, page_of
from proxy.portal.admin.parts import admin_page
from proxy.portal.app_keys import SETTINGS, STORE, VISIT
from proxy.sessions.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class _UndeliveredRow:
    read: Instant
    person: str
    channel: str
    destination: str
    reason: str
    advice: str
    said: str


async def show_undelivered(request: web.Request, session: Session) -> web.StreamResponse:
    now = request[VISIT].now
    found = await request.app[STORE].deliveries.failures(since=now - REMEMBERED_SECONDS)
    shown = page_of(request.query.get(PAGE, ""), len(found), path=ADMIN_UNDELIVERED)
    log_undelivered_shown(request, session, count=shown.last - shown.first)
    return admin_page(
        request,
        session,
        "admin_undelivered.html",
        here=ADMIN_UNDELIVERED,
        rows=[_row(each, now) for each in found[shown.first : shown.last]],
        page=shown,
        is_on=request.app[SETTINGS].bounces.is_on,
        action=ADMIN_PERSON,
    )


def _row(failure: DeliveryFailure, now: float) -> _UndeliveredRow:
    return _UndeliveredRow(
        read=instant(failure.failed_at, now),
        person=f"{failure.realm}\\{failure.username}",
        channel=failure.channel,
        destination=failure.destination,
        reason=failure.reason.value.replace("_", " "),
        advice=ADVICE[failure.reason],
        said=failure.detail,
    )
