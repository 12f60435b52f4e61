"""What answers: the servers of each app, the domain controllers, relays and gateways, as the workers of this node see
them."""

from __future__ import annotations

import asyncio

from aiohttp import web

from proxy.http.reserved import ADMIN_SERVERS
from proxy.languages.current import gettext as _
from proxy.operations.dependencies_seen import DependenciesSeen, Up, seen_in
from proxy.portal.admin.paging import PAGE, page_of
from proxy.portal.admin.parts import ADMIN_PARTS, admin_page
from proxy.portal.app_keys import SETTINGS
from proxy.sessions.session import Session


async def show_servers(request: web.Request, session: Session) -> web.StreamResponse:
    told = await request.app[ADMIN_PARTS].measured()
    seen = await asyncio.to_thread(seen_in, told)
    apps = request.app[SETTINGS].apps
    shown = page_of(request.query.get(PAGE, ""), len(apps), path=ADMIN_SERVERS)
    return admin_page(
        request,
        session,
        "admin_servers.html",
        here=ADMIN_SERVERS,
        apps=[_app(each.name, seen) for each in apps[shown.first : shown.last]],
        page=shown,
        others=[
            *({"name": f"{realm}: {server}", **_state(up)} for (realm, server), up in sorted(seen.directories.items())),
            *({"name": relay, **_state(up)} for relay, up in sorted(seen.relays.items())),
            *({"name": f"worker {number}", "is_up": False, "how_many": ""} for number in seen.silent),
        ],
    )


def _app(name: str, seen: DependenciesSeen) -> dict[str, object]:
    servers = [{"name": server, **_state(up)} for (app, server), up in seen.servers.items() if app == name]
    return {"name": name, "servers": servers, "failures": seen.failures.get(name, 0)}


def _state(up: Up) -> dict[str, object]:
    """`how_many`: where the workers disagree."""
    disagree = 0 < up.up < up.told
    return {"is_up": up.is_up, "how_many": _("%(left)s of %(count)s", left=up.up, count=up.told) if disagree else ""}
