"""Signing in with a passkey alone: what the sign-in page's script asks the browser for.

It is asked for when the button is pressed, because it holds for a few minutes, and only in this browser.
"""

from __future__ import annotations

import json
from urllib.parse import urlencode

from aiohttp import web

from proxy.http.problem import Problem
from proxy.http.reserved import PASSKEY, RETURN_TO, START
from proxy.portal.app_keys import FLOW, PASSKEYS, VISIT
from proxy.portal.forms import refused
from proxy.portal.landing import goal_of, way_back
from proxy.portal.return_to import WayBack


def passkey_path(request: web.Request, back: WayBack) -> str:
    """Where it is asked for; empty: nobody there may begin with a passkey."""
    if not request.app[FLOW].takes_passkeys(request[VISIT].client, goal_of(request, back)):
        return ""
    return f"{PASSKEY}?{urlencode({RETURN_TO: back.return_to, START: back.start})}"


async def show_passkey_options(request: web.Request) -> web.StreamResponse:
    """JSON with `options`, for ``navigator.credentials.get``, and the `stamp` that comes back with the answer."""
    visit = request[VISIT]
    back = way_back(request, request.query)
    if not request.app[FLOW].takes_passkeys(visit.client, goal_of(request, back)):
        raise refused(Problem.NOT_FOUND)
    asked = request.app[PASSKEYS].ask_anybody(visit.browser, now=visit.now)
    return web.json_response(
        {"options": json.loads(asked.options), "stamp": asked.stamp},
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )
