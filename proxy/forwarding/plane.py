"""The forwarding plane as a whole: its listeners, its one timer, and what all connections of a worker share."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast

from structlog.typing import FilteringBoundLogger

from config.settings import AppSettings, PagesSettings, SchemeSettings, ServerSettings
from proxy.audit.recorder import Recorder
from proxy.forwarding.admissions import Admissions
from proxy.forwarding.client_connection import ClientConnection
from proxy.forwarding.client_side import TunnelOpening
from proxy.forwarding.context import Context, Moment
from proxy.forwarding.listeners import Arrival, Listeners, Slot
from proxy.forwarding.public_tls import POLL_SECONDS, PublicTLS
from proxy.forwarding.routes import create_routes
from proxy.forwarding.tunnel import Tunnel
from proxy.http.websocket_frames import GOING_AWAY, NOT_ALLOWED, SESSION_ENDED
from proxy.languages.choice import ENGLISH_ALONE, Languages
from proxy.operations.descriptors import RESERVE, Capacity, capacity
from proxy.operations.metrics import Metrics
from proxy.operations.open_files import open_file_limit
from proxy.operations.traffic_metrics import AppTraffic
from proxy.pages.look import look_of
from proxy.sessions.credential_use import CredentialUses
from proxy.sessions.decided import NoteDecision, not_noted
from proxy.sessions.identity import Assertions
from proxy.sessions.kept_requests import KeptRequests
from proxy.sessions.live_sessions import LiveSessions
from proxy.sessions.open_by_session import OpenBySession
from proxy.sessions.session import Session
from proxy.tracing.spans import Traces
from proxy.upstreams.check import HealthCheck
from proxy.upstreams.pool import UpstreamPool
from proxy.upstreams.upstream import portal_upstream

TICK_SECONDS = 0.25
"""How exact deadlines are: one timer looks at all connections instead of one timer for each request."""
TUNNEL_TICK_SECONDS = 1.0
"""How exact a tunnel's limits are, and how often sessions are marked used by what takes long."""


class PlaneSettings(Protocol):
    """The pieces of the settings that the plane is built from."""

    @property
    def server(self) -> ServerSettings: ...
    @property
    def apps(self) -> tuple[AppSettings, ...]: ...
    @property
    def schemes(self) -> tuple[SchemeSettings, ...]: ...
    @property
    def pages(self) -> PagesSettings: ...


class ForwardingPlane:
    """One per worker. `start` it once, `close` it once."""

    def __init__(self, context: Context, server: ServerSettings, *, tls: PublicTLS | None, capacity: Capacity) -> None:
        self.context = context
        self._moment = context.moment
        self._checks = [
            HealthCheck(pool) for pool in context.pools.values() if pool.upstream.settings.health_check is not None
        ]
        self._tls = tls
        self.listeners = Listeners(self, server, tls, context.log, capacity=capacity)
        self._watching: asyncio.Task[None] | None = None
        self.connections: set[ClientConnection] = set()
        """Clients' connections that are open. Tunnels are not among them."""
        self.connections_of: OpenBySession[ClientConnection] = OpenBySession()
        self.tunnels: set[Tunnel] = set()
        self.tunnels_of: OpenBySession[Tunnel] = OpenBySession()
        self._tunnels_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()

    def start(self, listeners: Sequence[socket.socket], redirecting: Sequence[socket.socket] = ()) -> None:
        """Accept on these sockets, and redirect to https what comes on the others; all are the plane's from now on."""
        self._on_timer()
        if self._tls is not None:
            self._watching = asyncio.create_task(self._tls.run())
        self.listeners.adopt(listeners)
        self.listeners.adopt(redirecting, redirects=True)

    async def drain(self, grace: float, *, idle_grace: float) -> None:
        """Accept nothing more and let what is in flight end for `grace` seconds, then end it.

        A connection without a request may bring one more for `idle_grace` seconds, because its client cannot know yet
        that it is the last. Every answer then says so (RFC 9112 section 9.6).
        """
        self._moment.is_closing = True
        self._moment.keep_alive_timeout = min(self._moment.keep_alive_timeout, idle_grace)
        if self._watching is not None:
            self._watching.cancel()
        for connection in list(self.connections):
            connection.prepare_to_close()
        self._send_tunnels_away()
        try:
            async with asyncio.timeout(grace):
                await self.listeners.stop(grace if idle_grace else 0)
                await self.until_empty()
        except TimeoutError:
            await self.listeners.stop(0)
            for connection in list(self.connections):
                connection.transport.abort()
            for tunnel in list(self.tunnels):
                tunnel.abort()
            await self.until_empty()

    async def close(self, grace: float = 10.0) -> None:
        """`drain`, connections without a request at once, and give back what the plane holds."""
        await self.drain(grace, idle_grace=0)
        for check in self._checks:
            await check.close()
        for pool in self.context.pools.values():
            pool.close()
        if self._timer is not None:
            self._timer.cancel()

    async def until_empty(self) -> None:
        """Wait until no connection and no tunnel is open."""
        while self.connections or self.tunnels:
            self._empty.clear()
            await self._empty.wait()

    def end_session(self, session_id: str) -> None:
        """Close what this session has open: exchanges and tunnels."""
        self.context.admissions.forget(session_id)
        for connection in self.connections_of.of(session_id):
            with self._or_abort(connection.transport):
                connection.end_session(session_id)
        for tunnel in self.tunnels_of.of(session_id):
            with self._or_abort(tunnel):
                tunnel.end(SESSION_ENDED, "session ended")

    def judge_again(self, session: Session) -> None:
        """The directory describes this person differently: close what the session has open and could not open now."""
        for connection in self.connections_of.of(session.session_id):
            with self._or_abort(connection.transport):
                connection.judge_again(session)
        for tunnel in self.tunnels_of.of(session.session_id):
            with self._or_abort(tunnel):
                if not tunnel.is_open_to(session):
                    tunnel.end(NOT_ALLOWED, "not allowed any more")

    @contextmanager
    def _or_abort(self, one: asyncio.WriteTransport | Tunnel) -> Iterator[None]:
        """The border of one connection or tunnel: an unforeseen error ends it, and keeps nothing from the others."""
        try:
            yield
        except Exception as exc:
            self.context.log.error("forwarding.failed", error=type(exc).__name__, exc_info=exc)
            one.abort()

    @property
    def is_closing(self) -> bool:
        """Whether `drain` was begun."""
        return self._moment.is_closing

    # What connections call.

    @property
    def open_connections(self) -> int:
        return len(self.connections) + len(self.tunnels)

    def admit(self, arrival: Arrival, slot: Slot) -> asyncio.Protocol:
        return cast(asyncio.Protocol, ClientConnection(self.context, self, arrival, slot))

    def add_connection(self, connection: ClientConnection) -> None:
        self.connections.add(connection)

    def note_session(self, connection: ClientConnection, session_id: str) -> None:
        if connection.session_id is not None:
            self.connections_of.discard(connection.session_id, connection)
        connection.session_id = session_id
        self.connections_of.add(session_id, connection)

    def forget_connection(self, connection: ClientConnection) -> None:
        self.connections.discard(connection)
        if connection.session_id is not None:
            self.connections_of.discard(connection.session_id, connection)
            connection.session_id = None
        self._note_empty()

    def _note_uses(self, now: float) -> None:
        """What a client sends through a tunnel, and a body that takes long, use their session as a request does."""
        instant = self.context.clock()
        for connection in self.connections:
            served = connection.served
            if served is not None and served.session_id is not None and served.is_in_use:
                self.context.sessions.mark_used(served.session_id, instant)
        for tunnel in list(self.tunnels):
            with self._or_abort(tunnel):
                if tunnel.on_tick(now) and tunnel.session_id is not None:
                    self.context.sessions.mark_used(tunnel.session_id, instant)

    def open_tunnel(self, client: asyncio.Transport, opening: TunnelOpening, slot: Slot) -> None:
        session_id = opening.session_id

        def end(tunnel: Tunnel) -> None:
            slot.give_back()
            opening.upstream.retire()
            self.tunnels.discard(tunnel)
            if session_id is not None:
                self.tunnels_of.discard(session_id, tunnel)
            self._note_empty()

        tunnel = Tunnel(client, opening, on_end=end)
        self.tunnels.add(tunnel)
        if session_id is not None:
            self.tunnels_of.add(session_id, tunnel)

    def _send_tunnels_away(self) -> None:
        """Close those that can be told why; others may go on while the plane waits."""
        for tunnel in list(self.tunnels):
            with self._or_abort(tunnel):
                if tunnel.can_be_told:
                    tunnel.end(GOING_AWAY, "going away")

    def _note_empty(self) -> None:
        if not self.connections and not self.tunnels:
            self._empty.set()

    def _on_timer(self) -> None:
        loop = asyncio.get_running_loop()
        self.tick(loop.time())
        self._timer = loop.call_later(TICK_SECONDS, self._on_timer)

    def tick(self, now: float) -> None:
        """Do what is due at `now`, an instant of the event loop's clock. The plane's timer calls this."""
        self._moment.now = now
        for connection in [each for each in self.connections if each.deadline <= now]:
            with self._or_abort(connection.transport):
                connection.on_deadline()
        for pool in self.context.pools.values():
            pool.drop_old(now)
        for traffic in self.context.traffic.values():
            traffic.until_timed = 1
        for check in self._checks:
            check.on_tick(now)
        if now >= self._tunnels_at:
            self._tunnels_at = now + TUNNEL_TICK_SECONDS
            self._note_uses(now)
        self.listeners.tick()
        if self._moment.is_closing:
            self._send_tunnels_away()


def create_forwarding_plane(
    *,
    settings: PlaneSettings,
    sessions: LiveSessions,
    credential_uses: CredentialUses,
    assertions: Assertions,
    portal_socket: Path,
    metrics: Metrics,
    log: FilteringBoundLogger,
    clock: Callable[[], float],
    kept_requests: KeptRequests,
    languages: Languages = ENGLISH_ALONE,
    recorder: Recorder | None = None,
    traces: Traces | None = None,
    note: NoteDecision = not_noted,
    takes: Capacity | None = None,
    certificate_poll_seconds: float = POLL_SECONDS,
) -> ForwardingPlane:
    """A plane that is not started yet. Subscribe its `end_session` to `sessions.on_end`. `note` as in `Admissions`.

    Without `takes` it is computed for a process that runs nothing else. The certificates' files are looked at every
    `certificate_poll_seconds`.
    """
    if takes is None:
        takes = capacity(settings, reserve=RESERVE, open_files=open_file_limit())
    server, portal = settings.server, portal_upstream(portal_socket)
    routes = create_routes(settings.apps, server.public_url, portal, settings.schemes)
    seconds = int(server.hsts) if server.public_url.scheme == "https" else 0
    context = Context(
        moment=Moment(keep_alive_timeout=server.keep_alive_timeout),
        public_url=server.public_url,
        transport_security=b"Strict-Transport-Security: max-age=%d" % seconds if seconds else None,
        max_head_bytes=server.max_head_bytes,
        head_timeout=server.head_timeout,
        min_body_rate=server.min_body_rate,
        reads_forwarded=server.forwarded_header == "forwarded",
        routes=routes,
        app_hosts=frozenset(host for host, route in routes.items() if route.app is not None),
        portal_route=routes[server.public_url.host.encode("ascii")],
        pools={
            route.upstream.name: UpstreamPool(route.upstream, log=log, most_idle=takes.idle)
            for route in routes.values()
        },
        # The portal is no app: what it answers is counted, and not shown.
        traffic={app.name: metrics.traffic.of(app.name) for app in settings.apps} | {portal.name: AppTraffic()},
        sessions=sessions,
        credential_uses=credential_uses,
        admissions=Admissions(assertions, identity_encoding=server.identity_encoding, recorder=recorder, note=note),
        kept_requests=kept_requests,
        look=look_of(settings.pages),
        languages=languages,
        metrics=metrics,
        log=log,
        traces=traces,
        clock=clock,
    )
    for app in settings.apps:
        metrics.traffic.watch_pool(app.name, context.pools[app.name])
    pairs = server.certificate_pairs
    tls = PublicTLS(pairs, log=log, clock=clock, poll_seconds=certificate_poll_seconds) if pairs else None
    if tls is not None:
        metrics.traffic.watch_certificates(lambda: tls.ends_at)
    return ForwardingPlane(context, server, tls=tls, capacity=takes)
