"""From the settings to the RADIUS server of one worker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from config.settings import RADIUSClientSettings, Settings
from proxy.operations.metrics import Metrics
from proxy.radius.attributes import AttributesByGroup
from proxy.radius.conversation import Conversation, RADIUSAnswer
from proxy.radius.duplicates import Source
from proxy.radius.packets import RADIUSRequest
from proxy.radius.radius_server import RADIUSServer
from proxy.secrets.keys import Keys
from proxy.sessions.session_store import SessionStore
from proxy.sign_in.flow import SignIn


def create_radius(
    *,
    settings: Settings,
    sessions: SessionStore,
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
        sessions=sessions,
        limits=settings.sessions,
        attributes=AttributesByGroup(radius.attributes),
        origin=public.origin,
        host=public.host,
        keys=keys,
        log=log,
        clock=clock,
        sleep=sleep,
    )

    async def answer(
        client: RADIUSClientSettings, request: RADIUSRequest, source: Source, incident: str
    ) -> RADIUSAnswer:
        return await conversation.answer(client, request, incident=incident)

    return RADIUSServer(
        listen=radius.listen,
        clients=radius.clients,
        answer=answer,
        count=metrics.count_radius,
        log=log,
        lock_file=lock_file,
    )
