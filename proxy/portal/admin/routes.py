"""Puts the admin pages into the portal, where the configuration says who may open them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from aiohttp import web

from config.tables.admin import AdminRight
from proxy.audit.person_keys import PersonKeys
from proxy.help_desk.explaining import Explaining
from proxy.help_desk.look_ups import LookUps, Places
from proxy.http.reserved import (
    ADMIN,
    ADMIN_AUDIT,
    ADMIN_CONFIGURATION,
    ADMIN_CONFIRM,
    ADMIN_END,
    ADMIN_FACTOR,
    ADMIN_FORGET,
    ADMIN_GIVE,
    ADMIN_MOBILES,
    ADMIN_MOBILES_FILE,
    ADMIN_MOBILES_STATUS,
    ADMIN_PASSES,
    ADMIN_PEOPLE,
    ADMIN_PEOPLE_ACCOUNT,
    ADMIN_PEOPLE_EDIT,
    ADMIN_PEOPLE_JUDGE,
    ADMIN_PEOPLE_NUMBER,
    ADMIN_PERSON,
    ADMIN_SENDS,
    ADMIN_SERVERS,
    ADMIN_SESSIONS,
    ADMIN_SESSIONS_END,
    ADMIN_SETTLE,
    ADMIN_THROTTLED,
    ADMIN_THROTTLED_RELEASE,
    ADMIN_UNDELIVERED,
    ADMIN_UNLOCK,
)
from proxy.operations.health import Readiness
from proxy.portal.admin.audit_search import show_audit, take_audit
from proxy.portal.admin.configuration import show_configuration
from proxy.portal.admin.entrance import for_admins, own_only
from proxy.portal.admin.explanation import ON_THE_PAGE
from proxy.portal.admin.local_people import (
    for_people,
    judge_typed,
    show_people,
    take_account,
    take_edit,
    take_number,
)
from proxy.portal.admin.mobiles import show_file, show_mobiles, show_mobiles_status, take_mobiles
from proxy.portal.admin.overview import show_overview
from proxy.portal.admin.parts import ADMIN_PARTS, AdminParts
from proxy.portal.admin.passes import show_passes, take_give, take_passes
from proxy.portal.admin.person_buttons import take_confirm, take_end, take_factor, take_forget, take_settle, take_unlock
from proxy.portal.admin.person_page import show_person, take_person
from proxy.portal.admin.report_maker import ReportMaker
from proxy.portal.admin.sends import show_sends
from proxy.portal.admin.servers import show_servers
from proxy.portal.admin.sessions import show_sessions, take_end_one, take_sessions
from proxy.portal.admin.throttled import show_throttled, take_release
from proxy.portal.admin.undelivered import show_undelivered
from proxy.portal.app_keys import CLOCK, KEYS, LOG, METRICS, REALMS, SETTINGS, STORE
from proxy.portal.pages import redirect
from proxy.secrets.keys import Purpose


def add_admin_pages(
    app: web.Application,
    readiness: Callable[[], Awaitable[Readiness]] | None,
    measured: Callable[[], Awaitable[Mapping[int, str | None]]] | None,
) -> None:
    """Without groups in `[admin]` there are none. `measured`: None where this process is alone."""
    settings, store, keys = app[SETTINGS], app[STORE], app[KEYS]
    if not settings.admin.is_on:
        return
    reports = ReportMaker(settings, store, keys, log=app[LOG], clock=app[CLOCK])

    async def alone() -> Mapping[int, str | None]:
        return {0: app[METRICS].render().decode()}

    app[ADMIN_PARTS] = AdminParts(
        explaining=Explaining(settings, realms=app[REALMS], store=store, keys=keys, hints=ON_THE_PAGE),
        look_ups=LookUps(store.counters, key=keys.derive(Purpose.THROTTLE)),
        reports=reports,
        reading=Places(1),
        readiness=readiness,
        measured=measured or alone,
        person_keys=PersonKeys(store.person_keys, keys),
    )

    async def closing(app: web.Application) -> AsyncIterator[None]:
        yield
        await reports.close()

    app.cleanup_ctx.append(closing)
    look, act, report = AdminRight.LOOK, AdminRight.ACT, AdminRight.REPORT
    app.add_routes(
        [
            web.get(ADMIN.rstrip("/"), to_admin),
            web.get(ADMIN, for_admins(show_overview, back=ADMIN, needs=None)),
            web.get(ADMIN_PERSON, for_admins(show_person, back=ADMIN_PERSON, needs=look)),
            web.post(ADMIN_PERSON, for_admins(take_person, back=ADMIN_PERSON, needs=look)),
            web.post(ADMIN_END, for_admins(take_end, back=ADMIN_PERSON, needs=act)),
            web.post(ADMIN_SETTLE, for_admins(take_settle, back=ADMIN_PERSON, needs=act)),
            web.post(ADMIN_FORGET, for_admins(take_forget, back=ADMIN_PERSON, needs=act)),
            web.post(ADMIN_CONFIRM, for_admins(take_confirm, back=ADMIN_PERSON, needs=act)),
            web.post(ADMIN_FACTOR, for_admins(take_factor, back=ADMIN_PERSON, needs=act)),
            web.post(ADMIN_UNLOCK, for_admins(take_unlock, back=ADMIN_PERSON, needs=act)),
            web.get(ADMIN_SESSIONS, for_admins(show_sessions, back=ADMIN_SESSIONS, needs=look)),
            web.post(ADMIN_SESSIONS, for_admins(take_sessions, back=ADMIN_SESSIONS, needs=look)),
            web.post(ADMIN_SESSIONS_END, for_admins(take_end_one, back=ADMIN_SESSIONS, needs=act)),
            web.get(ADMIN_THROTTLED, for_admins(show_throttled, back=ADMIN_THROTTLED, needs=look)),
            web.post(ADMIN_THROTTLED_RELEASE, for_admins(take_release, back=ADMIN_THROTTLED, needs=act)),
            web.get(ADMIN_SENDS, for_admins(show_sends, back=ADMIN_SENDS, needs=look)),
            web.get(ADMIN_SERVERS, for_admins(show_servers, back=ADMIN_SERVERS, needs=look)),
            web.get(ADMIN_UNDELIVERED, for_admins(show_undelivered, back=ADMIN_UNDELIVERED, needs=look)),
            web.get(
                ADMIN_CONFIGURATION,
                for_admins(show_configuration, back=ADMIN_CONFIGURATION, needs=AdminRight.CONFIGURATION),
            ),
            web.get(ADMIN_MOBILES, for_admins(show_mobiles, back=ADMIN_MOBILES, needs=report)),
            web.post(ADMIN_MOBILES, for_admins(take_mobiles, back=ADMIN_MOBILES, needs=report)),
            web.get(ADMIN_MOBILES_STATUS, for_admins(show_mobiles_status, back=ADMIN_MOBILES, needs=report)),
            web.get(
                ADMIN_MOBILES_FILE,
                own_only(for_admins(show_file, back=ADMIN_MOBILES, needs=report), back=ADMIN_MOBILES),
            ),
        ]
    )
    if settings.audit.file is not None:
        app.add_routes(
            [
                web.get(ADMIN_AUDIT, for_admins(show_audit, back=ADMIN_AUDIT, needs=AdminRight.AUDIT)),
                web.post(ADMIN_AUDIT, for_admins(take_audit, back=ADMIN_AUDIT, needs=AdminRight.AUDIT)),
            ]
        )
    if settings.help_desk.passes:
        app.add_routes([web.post(ADMIN_GIVE, for_admins(take_give, back=ADMIN_PERSON, needs=act))])
    if settings.help_desk.lets_passes_stand_in:
        app.add_routes(
            [
                web.get(ADMIN_PASSES, for_admins(show_passes, back=ADMIN_PASSES, needs=look)),
                web.post(ADMIN_PASSES, for_admins(take_passes, back=ADMIN_PASSES, needs=act)),
            ]
        )
    if settings.admin.people_groups is not None:
        app.add_routes(
            [
                web.get(ADMIN_PEOPLE, for_people(show_people)),
                web.post(ADMIN_PEOPLE_EDIT, for_people(take_edit)),
                web.post(ADMIN_PEOPLE_NUMBER, for_people(take_number)),
                web.post(ADMIN_PEOPLE_ACCOUNT, for_people(take_account)),
                web.post(ADMIN_PEOPLE_JUDGE, for_people(judge_typed)),
            ]
        )


async def to_admin(request: web.Request) -> web.StreamResponse:
    return redirect(ADMIN)
