"""The forwarding plane as a whole: its listeners, its one timer, and what all connections of a worker share."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from config.settings import AppSettings, ServerSettings
from config.values import ListenAddress
from proxy.forwarding.admissions import Admissions
from proxy.forwarding.client_connection import ClientConnection
from proxy.forwarding.routes import create_routes, portal_upstream
from proxy.forwarding.tunnel import Tunnel
from proxy.forwarding.upstream_pool import UpstreamPool
from proxy.identity import Assertions
from proxy.metrics import AppTraffic, Metrics
from proxy.sessions.live_sessions import LiveSessions

TICK_SECONDS = 0.25
"""How exact deadlines are: one timer looks at all connections instead of one timer for each request."""
BACKLOG = 1024


class PlaneSettings(Protocol):
    """The pieces of the settings that the plane is built from."""

    @property
    def server(self) -> ServerSettings: ...
    @property
    def apps(self) -> tuple[AppSettings, ...]: ...


class ForwardingPlane:
    """One per worker. `start` it once, `close` it once."""

    def __init__(
        self,
        *,
        settings: PlaneSettings,
        sessions: LiveSessions,
        assertions: Assertions,
        portal_socket: Path,
        metrics: Metrics,
        log: FilteringBoundLogger,
        clock: Callable[[], float],
    ) -> None:
        server = settings.server
        self.public_url = server.public_url
        self.trusted_proxies = server.trusted_proxies
        self.max_head_bytes = server.max_head_bytes
        self.sessions = sessions
        self.admissions = Admissions(assertions)
        self.metrics = metrics
        self.log = log
        self.clock = clock
        self.coarse_now = 0.0
        """The event loop's time at the last tick; seconds."""
        self.is_closing = False
        portal = portal_upstream(portal_socket)
        self.routes = create_routes(settings.apps, server.public_url, portal)
        self.portal_route = self.routes[server.public_url.host.encode("ascii")]
        self.pools = {route.upstream.name: UpstreamPool(route.upstream) for route in self.routes.values()}
        self.traffic = {app.name: metrics.traffic(app.name) for app in settings.apps}
        self.traffic[portal.name] = AppTraffic()  # the portal is no app: not shown
        self._max_connections_per_address = server.max_connections_per_address
        self._tls = _public_tls(server)
        self._servers: list[asyncio.Server] = []
        self._connections: set[ClientConnection] = set()
        self._tunnels: set[Tunnel] = set()
        self._per_address: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()

    async def start(
        self, listen: Sequence[ListenAddress], *, tls: ssl.SSLContext | None = None, reuse_port: bool = False
    ) -> list[tuple[str, int]]:
        """Listen on each address, with `tls` or the configured certificate; the addresses as bound, in order."""
        loop = asyncio.get_running_loop()
        tls = tls or self._tls
        self._tick()
        bound = []
        for host, port in listen:
            server = await loop.create_server(
                lambda: ClientConnection(self, is_tls=tls is not None),
                host,
                port,
                ssl=tls,
                backlog=BACKLOG,
                reuse_port=reuse_port or None,
            )
            self._servers.append(server)
            address = server.sockets[0].getsockname()
            bound.append((address[0], address[1]))
        return bound

    async def close(self, grace: float = 10.0) -> None:
        """Accept nothing more, let what is in flight end for `grace` seconds, then end it."""
        self.is_closing = True
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.close_if_idle()
        for tunnel in list(self._tunnels):
            tunnel.abort()
        try:
            async with asyncio.timeout(grace):
                await self._until_empty()
        except TimeoutError:
            for connection in list(self._connections):
                connection.transport.abort()
            await self._until_empty()
        for pool in self.pools.values():
            pool.close()
        if self._timer is not None:
            self._timer.cancel()

    async def _until_empty(self) -> None:
        while self._connections or self._tunnels:
            self._empty.clear()
            await self._empty.wait()

    def end_session(self, session_id: str) -> None:
        """Close what this session has open: exchanges and tunnels."""
        self.admissions.forget(session_id)
        for connection in list(self._connections):
            connection.end_session(session_id)
        for tunnel in list(self._tunnels):
            if tunnel.session_id == session_id:
                tunnel.abort()

    # What connections call.

    def admit_connection(self, connection: ClientConnection, address: str, *, is_trusted: bool) -> bool:
        """Count a new connection; whether its address may have one more (trusted proxies carry everybody's)."""
        self._connections.add(connection)
        count = self._per_address[address] = self._per_address.get(address, 0) + 1
        return is_trusted or count <= self._max_connections_per_address

    def forget_connection(self, connection: ClientConnection, address: str) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
            left = self._per_address[address] - 1
            if left:
                self._per_address[address] = left
            else:
                del self._per_address[address]
            self._note_empty()

    def add_tunnel(self, tunnel: Tunnel) -> None:
        self._tunnels.add(tunnel)

    def forget_tunnel(self, tunnel: Tunnel) -> None:
        self._tunnels.discard(tunnel)
        self._note_empty()

    def _note_empty(self) -> None:
        if not self._connections and not self._tunnels:
            self._empty.set()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = self.coarse_now = loop.time()
        for connection in [each for each in self._connections if each.deadline <= now]:
            connection.on_deadline()
        for pool in self.pools.values():
            pool.drop_old(now)
        self._timer = loop.call_later(TICK_SECONDS, self._tick)


def _public_tls(server: ServerSettings) -> ssl.SSLContext | None:
    if server.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(server.tls_certificate, server.tls_key)
    return context


def create_forwarding_plane(
    *,
    settings: PlaneSettings,
    sessions: LiveSessions,
    assertions: Assertions,
    portal_socket: Path,
    metrics: Metrics,
    log: FilteringBoundLogger,
    clock: Callable[[], float],
) -> ForwardingPlane:
    """A plane that is not started yet. Subscribe its `end_session` to `sessions.on_end`."""
    return ForwardingPlane(
        settings=settings,
        sessions=sessions,
        assertions=assertions,
        portal_socket=portal_socket,
        metrics=metrics,
        log=log,
        clock=clock,
    )
