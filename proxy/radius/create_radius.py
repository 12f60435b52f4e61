"""From the settings to the RADIUS server of one worker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from config.settings import RADIUSClientSettings, Settings
from proxy.operations.metrics import Metrics
from proxy.radius.attributes import AttributesByGroup
from proxy.radius.conversation import Conversation
from proxy.radius.disconnect_packets import connection_of
from proxy.radius.disconnects import Disconnects
from proxy.radius.duplicates import Source
from proxy.radius.packets import RADIUSRequest
from proxy.radius.radius_answer import RADIUSAnswer
from proxy.radius.radius_server import RADIUSServer
from proxy.secrets.keys import Keys
from proxy.sessions.network_access import NetworkAccessStore
from proxy.sessions.session_store import WatchedSessions
from proxy.sign_in.flow import SignIn


class RADIUSStore(Protocol):
    """What RADIUS has kept."""

    @property
    def sessions(self) -> WatchedSessions: ...

    @property
    def network_accesses(self) -> NetworkAccessStore: ...


def create_radius(
    *,
    settings: Settings,
    store: RADIUSStore,
    flow: SignIn,
    keys: Keys,
    metrics: Metrics,
    log: FilteringBoundLogger,
    clock: Callable[[], float],
    lock_file: Path | None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> RADIUSServer:
    """`clock` gives epoch seconds; `lock_file` as in `RADIUSServer`."""
    radius, public = settings.radius, settings.server.public_url
    conversation = Conversation(
        flow=flow,
        scheme=radius.scheme or "",
        sessions=store.sessions,
        limits=settings.sessions,
        attributes=AttributesByGroup(radius.attributes),
        origin=public.origin,
        host=public.host,
        accesses=store.network_accesses,
        keys=keys,
        log=log,
        clock=clock,
        sleep=sleep,
    )

    async def answer(
        client: RADIUSClientSettings, request: RADIUSRequest, source: Source, incident: str
    ) -> RADIUSAnswer:
        connection = connection_of(request, client=client.name, address=source[0])
        return await conversation.answer(client, request, connection, incident=incident)

    return RADIUSServer(
        listen=radius.listen,
        clients=radius.clients,
        answer=answer,
        count=metrics.count_radius,
        log=log,
        lock_file=lock_file,
    )


def create_disconnects(
    *,
    settings: Settings,
    store: RADIUSStore,
    metrics: Metrics,
    log: FilteringBoundLogger,
    clock: Callable[[], float],
) -> Disconnects:
    return Disconnects(
        clients=settings.radius.clients,
        accesses=store.network_accesses,
        sessions=store.sessions,
        limits=settings.sessions,
        count=metrics.count_radius,
        log=log,
        clock=clock,
    )
