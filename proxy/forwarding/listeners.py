"""Where clients come in. A connection is accepted and counted, its PROXY header is removed, TLS begins, and it is
passed on.

Limits come before the work: a connection beyond them costs neither a handshake nor a protocol object. Times are
seconds.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from config.addresses import Network
from config.settings import ServerSettings
from config.system_errors import connection_reason
from proxy.access.networks import is_within, network_of, parse_address
from proxy.forwarding.public_tls import PublicTLS
from proxy.http.proxy_protocol import MAX_V2_BYTES, MalformedProxyHeader, ProxyHeader, parse_proxy_header
from proxy.operations.descriptors import Capacity
from proxy.operations.listening import BACKLOG

ACCEPTS_AT_ONCE = 64
"""How many waiting connections are taken before anything else has its turn. Of several workers, each takes one."""
SHUTDOWN_SECONDS = 5.0
"""How long a closed TLS connection waits for its client's own end."""
RETRY_SECONDS = 0.5
"""How long to accept nothing when the system is out of file descriptors or memory."""
_OVERLOADED = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n"
    b"Cache-Control: no-store\r\nConnection: close\r\n\r\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What is known of a connection before its first request."""

    address: str
    """The client's, or the nearest proxy's: canonical text."""
    is_tls: bool
    """Whether this connection itself is TLS."""
    is_https: bool
    """Whether the client speaks TLS, as far as the connection tells: to us or to the load balancer before us."""
    trusted: tuple[Network, ...]
    """Who is believed about clients on this connection."""
    redirects: bool
    """Whether it is for redirects to https and for nothing else."""


class Slot:
    """One connection's place among those of its network. Several parties may give it back; only the first time
    counts."""

    __slots__ = ("_network", "_per_network", "arrived")

    def __init__(self, per_network: Counter[str], network: str) -> None:
        self.arrived: Callable[[], object] = lambda: None
        """Call this when the connection is made: from then on the plane counts it."""
        self._per_network: Counter[str] | None = per_network
        self._network = network
        per_network[network] += 1

    def give_back(self) -> None:
        counts, self._per_network = self._per_network, None
        if counts is not None:
            counts[self._network] -= 1
            if not counts[self._network]:
                del counts[self._network]


class Door(Protocol):
    """What the listeners ask of the plane."""

    @property
    def open_connections(self) -> int:
        """Tunnels included, connections that are still arriving not."""

    def admit(self, arrival: Arrival, slot: Slot) -> asyncio.Protocol:
        """The protocol that takes the connection; it gives the slot back when it is over."""


class Listeners:
    """All of one worker. `adopt`, then `stop`; `tick` from time to time."""

    def __init__(
        self,
        door: Door,
        server: ServerSettings,
        tls: PublicTLS | None,
        log: FilteringBoundLogger,
        *,
        capacity: Capacity,
    ) -> None:
        self._door = door
        self._tls = tls
        self._log = log
        self._trusted = server.trusted_proxies
        self._has_proxy_headers = server.proxy_protocol
        self._handshake_seconds = server.handshake_timeout
        self._max_connections = capacity.connections
        self._accepts_at_once = ACCEPTS_AT_ONCE if server.workers == 1 else 1
        self._max_per_address = capacity.per_address
        self._sockets: list[socket.socket] = []
        self._redirecting: set[socket.socket] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._arriving: set[asyncio.Task[None] | None] = set()
        """Those whose connection is not made yet."""
        self.per_network: Counter[str] = Counter()
        """How many connections clients have: by `network_of` their address, without those that have none."""
        self._turned_away: dict[str, tuple[int, str]] = {}

    def adopt(self, listeners: Sequence[socket.socket], *, redirects: bool = False) -> None:
        """Accept on these: they are the listeners' own from now on."""
        for listener in listeners:
            self._sockets.append(listener)
            if redirects:
                self._redirecting.add(listener)
            self._accept_on(listener, redirects)

    async def stop(self, grace: float) -> None:
        """Accept what waits already and nothing more. What is still arriving may arrive for `grace` seconds."""
        loop = asyncio.get_running_loop()
        for listener in self._sockets:
            loop.remove_reader(listener)
            if grace > 0:
                self._accept(listener, listener in self._redirecting, at_most=BACKLOG)
            listener.close()
        self._sockets.clear()
        self._redirecting.clear()
        if self._tasks and grace > 0:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in self._tasks:
            task.cancel()

    def tick(self) -> None:
        """Log who was turned away since the last time: one line for each reason, however many there were."""
        for reason, (count, address) in self._turned_away.items():
            self._log.warning("connections.turned_away", reason=reason, count=count, last_client=address)
        self._turned_away.clear()

    # One connection.

    def _accept_on(self, listener: socket.socket, redirects: bool) -> None:
        if listener.fileno() >= 0:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener, redirects)

    def _accept(self, listener: socket.socket, redirects: bool, at_most: int | None = None) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(at_most or self._accepts_at_once):
            try:
                connection, name = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:
                continue  # gone before we came
            except OSError as exc:
                self._log.error("listener.pauses", reason=connection_reason(exc))
                loop.remove_reader(listener)
                loop.call_later(RETRY_SECONDS, self._accept_on, listener, redirects)
                return
            connection.setblocking(False)
            parsed = parse_address(name[0])
            is_tls = self._tls is not None and not redirects
            address = str(parsed or name[0])
            arrival = Arrival(
                address=address, is_tls=is_tls, is_https=is_tls, trusted=self._trusted, redirects=redirects
            )
            if len(self._arriving) + self._door.open_connections >= self._max_connections:
                self._turn_away(connection, arrival, "connections in all", is_overload=True)
            elif self._has_proxy_headers and not is_within(parsed, self._trusted):
                self._turn_away(connection, arrival, "no trusted proxy")
            else:
                # Those of one address that are too many must not count among all, not even until they are looked at.
                slot = None if self._has_proxy_headers else self._take_slot(arrival)
                if slot is None and not self._has_proxy_headers:
                    self._turn_away(connection, arrival, "connections of one address", is_overload=True)
                    continue
                task = loop.create_task(self._arrive(connection, arrival, slot))
                for tasks in (self._tasks, self._arriving):
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)

    def _take_slot(self, arrival: Arrival) -> Slot | None:
        """A place among those of the client's network; None if they are all taken."""
        network = network_of(arrival.address)
        if self.per_network[network] < self._max_per_address or is_within(
            parse_address(arrival.address), arrival.trusted
        ):
            return Slot(self.per_network, network)
        return None

    async def _arrive(self, connection: socket.socket, arrival: Arrival, slot: Slot | None) -> None:
        """Without a `slot` its client is not known yet."""
        if slot is None:
            try:
                async with asyncio.timeout(self._handshake_seconds):
                    header = await _receive_proxy_header(connection)
            except (MalformedProxyHeader, OSError) as exc:  # a TimeoutError is one, too
                reason = str(exc) if isinstance(exc, MalformedProxyHeader) else "not whole"
                self._turn_away(connection, arrival, f"PROXY header: {reason}")
                return
            except asyncio.CancelledError:
                connection.close()
                raise
            arrival = _as_told(arrival, header)
            slot = self._take_slot(arrival)
            if slot is None:
                self._turn_away(connection, arrival, "connections of one address", is_overload=True)
                return
        slot.arrived = partial(self._arriving.discard, asyncio.current_task())
        try:
            await self._hand_on(connection, arrival, slot)
        except OSError as exc:  # ssl.SSLError is one, too
            slot.give_back()
            self._note("TLS: " + _handshake_failure(exc) if arrival.is_tls else "gone", arrival.address)
        except asyncio.CancelledError:
            slot.give_back()
            raise

    async def _hand_on(self, connection: socket.socket, arrival: Arrival, slot: Slot) -> None:
        """From here on the event loop owns the socket, and always closes it."""
        loop = asyncio.get_running_loop()
        protocol = partial(self._door.admit, arrival, slot)
        if arrival.is_tls and self._tls is not None:
            await loop.connect_accepted_socket(
                protocol,
                connection,
                ssl=self._tls.context,
                ssl_handshake_timeout=self._handshake_seconds,
                ssl_shutdown_timeout=SHUTDOWN_SECONDS,
            )
        else:
            await loop.connect_accepted_socket(protocol, connection)

    def _turn_away(
        self, connection: socket.socket, arrival: Arrival, reason: str, *, is_overload: bool = False
    ) -> None:
        """At once, and where we have no room, politely if that costs nothing: a short 503 to those who can read it."""
        self._note(reason, arrival.address)
        with connection:
            if is_overload and not arrival.is_tls:
                try:
                    connection.send(_OVERLOADED)
                    # A request left unread would make the system reset the connection, and take the answer with it.
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(65536)
                except OSError:
                    pass  # it is turned away anyway

    def _note(self, reason: str, address: str) -> None:
        self._turned_away[reason] = (self._turned_away.get(reason, (0, ""))[0] + 1, address)


def _as_told(arrival: Arrival, header: ProxyHeader) -> Arrival:
    """The connection as the load balancer saw it."""
    if header.source is None:
        # Not relayed (a health check), or from an unknown place: nobody is believed about other clients on it.
        return replace(arrival, trusted=())
    address = str(parse_address(str(header.source)) or header.source)
    return replace(arrival, address=address, is_https=arrival.is_https or header.is_tls)


async def _receive_proxy_header(connection: socket.socket) -> ProxyHeader:
    """Take the header off a socket, and not a byte of what follows: TLS begins there. Raises `OSError` as it ends."""
    data = b""
    while True:
        await _readable(connection)
        try:
            ahead = connection.recv(MAX_V2_BYTES - len(data), socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            continue
        if not ahead:
            raise ConnectionResetError
        header = parse_proxy_header(data + ahead)
        if header is not None:
            connection.recv(header.length - len(data))
            return header
        # Incomplete, so all of it is header: take it, or the socket would stay readable for ever.
        data += connection.recv(len(ahead))


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(connection)


def _handshake_failure(exc: OSError) -> str:
    """A few words from a fixed set: a client cannot make the log longer."""
    reason = getattr(exc, "reason", None)
    if reason is not None:
        return str(reason).lower().replace("_", " ")
    return "handshake not done in time" if isinstance(exc, ConnectionAbortedError) else "gone"
