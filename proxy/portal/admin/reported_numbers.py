"""Who said on the passcode page that a number is not theirs, for the page on mobile numbers: the latest first.

Whether a report still stands is decided here, by the number that the directory has now. What is over is taken off.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from directory.directory import DescribingDirectory
from directory.errors import DirectoryError
from directory.mobile import UsableNumber, first_usable
from proxy.http.problem import Problem
from proxy.http.reserved import ADMIN_MOBILES
from proxy.languages.current import gettext as _
from proxy.pages import phrases
from proxy.pages.instants import instant
from proxy.portal.admin.recording import record
from proxy.portal.app_keys import KEYS, REALMS, SETTINGS, STORE, VISIT
from proxy.portal.forms import refused
from proxy.portal.pages import redirect
from proxy.secrets.keys import Purpose
from proxy.sessions.session import Session
from proxy.sign_in.reported_numbers import ReportedNumber, recognised_by, still_stands

DISMISS, NUMBER = "dismiss", "number"
"""Form fields: whose report, by their GUID, and the number that it was about."""
MOST_SHOWN = 50
"""Each costs the directory a search when the page is shown."""


async def reports_shown(request: web.Request) -> dict[str, object]:
    """What the template shows of them."""
    now, store = request[VISIT].now, request.app[STORE].reported_numbers
    found = await store.reported_numbers()
    unreadable: set[str] = set()
    rows = []
    for each in found[:MOST_SHOWN]:
        number = await _number_now(request, each, unreadable)
        if still_stands(each, number, now=now):
            rows.append(_row(each, now))
        else:
            await store.drop_reported_number(each.guid, each.number)
    return {
        "reported": rows,
        "reported_more": max(0, len(found) - MOST_SHOWN),
        "dismiss_field": DISMISS,
        "number_field": NUMBER,
    }


async def _number_now(request: web.Request, reported: ReportedNumber, unreadable: set[str]) -> bytes | None:
    """As `still_stands` takes it. `unreadable`: the realms that could not say; each is asked once."""
    directory = request.app[REALMS].of(reported.realm)
    if not isinstance(directory, DescribingDirectory) or reported.realm in unreadable:
        return None
    try:
        account = await directory.state(reported.guid)
    except DirectoryError:
        unreadable.add(reported.realm)
        return None
    usable = first_usable(account.principal.mobiles, request.app[SETTINGS].mobile) if account is not None else None
    if not isinstance(usable, UsableNumber):
        return b""
    return recognised_by(request.app[KEYS].derive(Purpose.THROTTLE), reported.guid, usable.e164)


def _row(reported: ReportedNumber, now: float) -> dict[str, object]:
    return {
        "person": f"{reported.username}@{reported.realm}",
        "masked": reported.masked,
        "changed": None if reported.changed_at is None else instant(reported.changed_at, now),
        "at": instant(reported.at, now),
        "guid": reported.guid,
        "number": reported.number.hex(),
    }


async def dismiss(request: web.Request, session: Session, fields: Mapping[str, str]) -> web.Response:
    """Take one report off the list: somebody has looked into it. Nobody dismisses their own."""
    guid, number = fields[DISMISS], fields.get(NUMBER, "")
    if guid == session.principal.guid:
        raise refused(Problem.NOT_ALLOWED, detail=_(phrases.SETTLE_OWN))
    for each in await request.app[STORE].reported_numbers.reported_numbers():
        if (each.guid, each.number.hex()) == (guid, number):
            await request.app[STORE].reported_numbers.drop_reported_number(each.guid, each.number)
            record(request, session, "number_report_dismissed", person_realm=each.realm, person_guid=each.guid)
    return redirect(ADMIN_MOBILES)
