"""The jump host from the settings.

asyncssh is an extra: without `[ssh] listen` nobody needs it, and nothing here imports it before it is asked for.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from proxy.sessions.live_sessions import LiveSessions
from proxy.sign_in.flow import SignIn
from proxy.ssh.connecting import Connector
from proxy.ssh.start_checks import load_or_create_host_key_of
from proxy.ssh.targets import create_targets


class ServedSSH(Protocol):
    """What the composition asks of a jump host that serves."""

    @property
    def open_connections(self) -> int: ...

    @property
    def open_channels(self) -> int: ...

    async def drain(self, grace: float) -> None: ...


def _mail_port(settings: Settings) -> Iterator[int]:
    """Of Gatepost's own mail server, whose socket is the inbox's."""
    if settings.bounces.inbox == "smtp" and settings.bounces.listen is not None:
        yield settings.bounces.listen.port


@asynccontextmanager
async def serving_ssh(
    settings: Settings,
    listeners: Sequence[socket.socket],
    *,
    own_ports: Collection[int],
    flow: SignIn,
    sessions: LiveSessions,
    log: FilteringBoundLogger,
    clock: Callable[[], float],
) -> AsyncIterator[ServedSSH]:
    """Accept on the `listeners` until the block is left. `own_ports`: those that Gatepost listens on, these included.

    Raises `KeyFileError`.
    """
    from proxy.ssh.jump_host import JumpHost
    from proxy.ssh.visitor import JumpParts

    public = settings.server.public_url
    parts = JumpParts(
        settings=settings.ssh,
        targets=create_targets(settings.ssh.targets),
        flow=flow,
        sessions=sessions,
        connector=Connector({*own_ports, *_mail_port(settings)}),
        host=public.host,
        change_url=public.origin,
        log=log,
        clock=clock,
        sleep=asyncio.sleep,
    )
    jump_host = JumpHost(parts)
    with ExitStack() as stack:
        stack.callback(sessions.on_end(jump_host.end_session))
        stack.callback(sessions.on_change(jump_host.judge_again))
        try:
            await jump_host.start(listeners, load_or_create_host_key_of(settings))
            yield jump_host
        finally:
            await jump_host.close()
