"""The first admin page: what works, and a few counts."""

from __future__ import annotations

from aiohttp import web

from config.tables.admin import AdminRight
from proxy.http.reserved import ADMIN, ADMIN_PERSON
from proxy.languages.current import gettext as _
from proxy.languages.figures import figure
from proxy.operations.health import Readiness
from proxy.pages.instants import instant
from proxy.portal.admin.parts import ADMIN_PARTS, admin_page, may
from proxy.portal.app_keys import FLOW, STORE, VISIT
from proxy.sessions.session import Session

_LATELY_SECONDS = 86_400.0


async def show_overview(request: web.Request, session: Session) -> web.StreamResponse:
    now = request[VISIT].now
    readiness = request.app[ADMIN_PARTS].readiness
    sends = await request.app[FLOW].throttle.sends_of_day(now=now)
    seen = None if readiness is None else await readiness()
    return admin_page(
        request,
        session,
        "admin_overview.html",
        here=ADMIN,
        headline=_headline(seen),
        is_well=seen is not None and not seen.degraded,
        dependencies=_dependencies(seen, now),
        persons=len(await request.app[STORE].sessions.persons()),
        failures=len(await request.app[STORE].deliveries.failures(since=now - _LATELY_SECONDS)),
        reported=[
            {"login": f"{each.username}@{each.realm}", "at": instant(each.at, now)}
            for each in await request.app[STORE].reported.reported()
            if may(request, session, AdminRight.LOOK)
        ],
        person_action=ADMIN_PERSON,
        sends=sends.count,
        sends_text=_("of %(most)s codes sent in 24 hours", most=figure(sends.most)),
        sends_are_near=sends.is_near,
    )


def _headline(seen: Readiness | None) -> str:
    if seen is None:
        return _("Nothing is watched here")
    asked = [state for state in seen.checks.values() if state.at is not None]
    if len(asked) < len(seen.checks):
        return _("Still checking") if all(state.ok for state in asked) else _("Something is broken")
    if not seen.ready:
        return _("Nobody can sign in")
    return _("Something is broken") if seen.degraded else _("Everything works")


def _dependencies(seen: Readiness | None, now: float) -> list[dict[str, object]]:
    """Those that fail first."""
    checks = sorted(seen.checks.items(), key=lambda each: each[1].ok) if seen is not None else []
    return [
        {
            "name": name,
            "ok": state.ok,
            "detail": state.detail,
            "asked": None if state.at is None else instant(state.at, now),
        }
        for name, state in checks
    ]
