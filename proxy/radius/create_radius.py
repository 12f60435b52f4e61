"""From the settings to the RADIUS server of one worker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from config.settings import RADIUSClientSettings, Settings
from proxy.access.schemes import choose_scheme
from proxy.operations.metrics import Metrics
from proxy.radius.attributes import AttributesByGroup, digest_of
from proxy.radius.conversation import Conversation
from proxy.radius.disconnect_packets import NASConnection, connection_of
from proxy.radius.disconnects import Disconnects
from proxy.radius.duplicates import Source
from proxy.radius.packets import RADIUSRequest
from proxy.radius.radius_answer import RADIUSAnswer
from proxy.radius.radius_server import RADIUSServer
from proxy.secrets.keys import Keys
from proxy.sessions.live_sessions import LiveSessions
from proxy.sessions.network_access import NetworkAccessStore
from proxy.sessions.session import Session
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
    live: LiveSessions,
    metrics: Metrics,
    log: FilteringBoundLogger,
    clock: Callable[[], float],
) -> Disconnects:
    radius, attributes = settings.radius, AttributesByGroup(settings.radius.attributes)
    schemes = [each for each in settings.schemes if radius.scheme in (None, each.name)]

    def is_as_given(session: Session, connection: NASConnection) -> bool:
        person = session.principal
        scheme = choose_scheme(schemes, person, session.client_address, app=connection.client)
        return (
            scheme is not None
            and scheme.name == session.scheme
            and connection.told in ("", digest_of(attributes.of(person)))
        )

    return Disconnects(
        clients=settings.radius.clients,
        is_as_given=is_as_given,
        on_own_change=live.on_change,
        accesses=store.network_accesses,
        sessions=store.sessions,
        limits=settings.sessions,
        count=metrics.count_radius,
        log=log,
        clock=clock,
    )
