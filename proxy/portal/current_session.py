"""The session of the browser that asks."""

from __future__ import annotations

from aiohttp import web

from proxy.portal.app_keys import SESSIONS, VISIT
from proxy.sessions.session import Session


async def current_session(request: web.Request) -> Session | None:
    """The live session of this host's cookie, whichever step it is at. Raises `StoreUnavailable`."""
    visit = request[VISIT]
    if visit.session_token is None:
        return None
    return await request.app[SESSIONS].find(visit.session_token.encode(), visit.host, visit.now)
