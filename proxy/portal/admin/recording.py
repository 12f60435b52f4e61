"""What is recorded of the admin pages: who did what, and to whom. No typed names, no numbers.

Each is a line of the log and, by the same call, one of the audit (`proxy.audit.audited_log`).
"""

from __future__ import annotations

from aiohttp import web

from proxy.operations.log import AUDIT_ALONE
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
        **{AUDIT_ALONE: admin.principal.username, **facts},
    )
