"""The configuration as this worker has loaded it, without its secrets."""

from __future__ import annotations

from aiohttp import web

from config.shown import Hidden, ShownTable, shown_tables
from proxy.http.reserved import ADMIN_CONFIGURATION
from proxy.portal.admin.paging import PAGE, page_of
from proxy.portal.admin.parts import admin_page
from proxy.portal.admin.recording import record
from proxy.portal.app_keys import SETTINGS
from proxy.sessions.session import Session


async def show_configuration(request: web.Request, session: Session) -> web.StreamResponse:
    found = shown_tables(request.app[SETTINGS])
    shown = page_of(request.query.get(PAGE, ""), len(found), path=ADMIN_CONFIGURATION)
    record(request, session, "configuration_shown")
    return admin_page(
        request,
        session,
        "admin_configuration.html",
        here=ADMIN_CONFIGURATION,
        tables=[_table(each) for each in found[shown.first : shown.last]],
        page=shown,
    )


def _table(each: ShownTable) -> dict[str, object]:
    return {
        "title": f"{each.header} {each.name}".strip(),
        "rows": [
            {
                "key": one.key,
                "value": one.value,
                "is_set": one.value is not None,
                "is_hidden": one.value is Hidden.HIDDEN,
            }
            for one in each.keys
        ],
    }
