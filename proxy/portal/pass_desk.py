"""Who gives passes, as pages reach them."""

from __future__ import annotations

from aiohttp import web

from proxy.help_desk.passes import PassDesk
from proxy.help_desk.vouching import Vouching
from proxy.portal.app_keys import FLOW, KEYS, REALMS, SETTINGS, SIGN_IN_LOG, STORE


def desk_of(request: web.Request) -> PassDesk:
    store = request.app[STORE]
    return PassDesk(
        settings=request.app[SETTINGS],
        store=store.passes,
        sessions=store.sessions,
        numbers=store.numbers,
        keys=request.app[KEYS],
        notices=request.app[FLOW].proving.notices,
    )


def vouching_of(request: web.Request) -> Vouching:
    return Vouching(
        desk=desk_of(request),
        realms=request.app[REALMS],
        counters=request.app[STORE].counters,
        throttle=request.app[FLOW].throttle,
        log=request.app[SIGN_IN_LOG],
    )
