"""The messages with a passcode that were sent last, and what became of them. Destinations are masked."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from aiohttp import web

from proxy.http.reserved import ADMIN_PERSON, ADMIN_SENDS
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.pages.instants import instant
from proxy.portal.admin.paging import PAGE, page_of
from proxy.portal.admin.parts import admin_page
from proxy.portal.admin.recording import record
from proxy.portal.app_keys import FLOW, VISIT
from proxy.sessions.session import Session
from proxy.sign_in.message_fate import Fate, SentMessage

_ENTERED, _HANDED_OVER, _NOT_DELIVERED = N_("entered"), N_("handed over"), N_("not delivered")
_BECAME: Mapping[Fate, str] = MappingProxyType(
    {
        Fate.NOT_SENT: N_("not sent"),
        Fate.DELIVERED: N_("delivered"),
        **dict.fromkeys((Fate.FAILED, Fate.UNREACHABLE, Fate.OPERATORS), _NOT_DELIVERED),
    }
)
"""By fate; of all others it is known that a relay or gateway has, or may have, the message."""
_BAD = frozenset({Fate.NOT_SENT, Fate.FAILED, Fate.UNREACHABLE, Fate.OPERATORS})


async def show_sends(request: web.Request, session: Session) -> web.StreamResponse:
    now = request[VISIT].now
    found = await request.app[FLOW].proving.messages.latest(now=now)
    shown = page_of(request.query.get(PAGE, ""), len(found), path=ADMIN_SENDS)
    record(request, session, "sends_shown", messages=shown.last - shown.first)
    return admin_page(
        request,
        session,
        "admin_sends.html",
        here=ADMIN_SENDS,
        rows=[_row(each, now) for each in found[shown.first : shown.last]],
        page=shown,
        action=ADMIN_PERSON,
    )


def _row(each: SentMessage, now: float) -> dict[str, object]:
    is_entered = each.entered_at is not None  # so it arrived, whatever a report says
    is_bad = each.fate in _BAD and not is_entered
    return {
        "sent": instant(each.sent_at, now),
        "person": f"{each.realm}\\{each.username}",
        "destination": each.destination,
        "channel": each.channel,
        "became": _(_ENTERED if is_entered else _BECAME.get(each.fate, _HANDED_OVER)),
        "is_bad": is_bad,
        "is_entered": is_entered,
        "entered": None if each.entered_at is None else instant(each.entered_at, now),
        "reason": each.reason if is_bad else "",
    }
