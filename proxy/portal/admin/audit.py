"""The audit lines of the admin pages: who did what, and to whom. No typed names, no numbers."""

from __future__ import annotations

from aiohttp import web

from proxy.portal.app_keys import LOG, VISIT
from proxy.sessions.session import Session


def record(request: web.Request, admin: Session, event: str, **facts: str | int) -> None:
    """`facts` name persons by realm and GUID; the GUID of somebody whom no directory knows is empty."""
    visit = request[VISIT]
    request.app[LOG].info(
        f"admin.{event}",
        incident=visit.incident,
        realm=admin.principal.realm,
        guid=admin.principal.guid,
        client_address=visit.client_address,
        **facts,
    )
