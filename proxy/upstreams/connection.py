"""One connection to a server: it carries one exchange at a time, or waits in its pool.

What a connection is doing is one `UpstreamState`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from enum import auto
from typing import Protocol, cast

from config.addresses import UpstreamURL
from proxy.http.states import ConnectionState
from proxy.upstreams.health import SOUND

WRITE_BUFFER_BYTES = 128 * 1024
"""How much may wait to be sent on one connection before its sender is held; one more read can be added to it."""
_READ_BYTES = 256 * 1024


class UpstreamState(ConnectionState):
    CONNECTING = auto()
    """Being made."""
    BUSY = auto()
    """Carries an exchange, or one end of a tunnel."""
    IDLE = auto()
    """Waits in its pool."""
    ENDING = auto()
    """Its server is about to close it. Nothing is sent on it any more."""
    CLOSED = auto()
    """Not used again, whether or not its transport has said so yet."""


UpstreamState.set_table(
    {
        UpstreamState.CONNECTING: (UpstreamState.BUSY, UpstreamState.CLOSED),
        UpstreamState.BUSY: (UpstreamState.IDLE, UpstreamState.ENDING, UpstreamState.CLOSED),
        UpstreamState.IDLE: (UpstreamState.BUSY, UpstreamState.CLOSED),
        UpstreamState.ENDING: (UpstreamState.CLOSED,),
    }
)
# Bound once: the look-up of an enum's member by its name costs more than the comparison.
CLOSED, _BUSY, _CONNECTING = UpstreamState.CLOSED, UpstreamState.BUSY, UpstreamState.CONNECTING


class UpstreamUser(Protocol):
    """Who learns what happens on a connection: the exchange that it carries."""

    def on_upstream_data(self, data: bytes) -> None: ...

    def on_upstream_lost(self, *, is_clean: bool) -> None: ...

    def on_upstream_full(self) -> None:
        """Nothing more should be sent for now."""

    def on_upstream_drained(self) -> None: ...


class Server:
    """One server of an app: what it serves now, and what is known about its health."""

    __slots__ = ("ending", "health", "host", "idle", "in_flight", "name", "owned", "url")

    def __init__(self, url: UpstreamURL, *, host: bytes | None) -> None:
        self.url = url
        self.name = url.path or f"{url.scheme}://{url.authority}"
        self.host = host
        """What ``Host`` has to be where it differs from what requests are written for."""
        self.idle: list[UpstreamConnection] = []
        """For everybody. The latest used at the end."""
        self.owned: list[UpstreamConnection] = []
        """Those that are for one session each, idle as well."""
        self.ending: dict[UpstreamConnection, float] = {}
        """Those that the server is about to close, with the instant from when on it is not waited for."""
        self.in_flight = 0
        """Connections in use or being made."""
        self.health = SOUND


class UpstreamConnection:
    """An `asyncio.Protocol`. Hands what happens to its exchange. Without one, anything but silence ends it."""

    transport: asyncio.Transport
    """From when it is no more `CONNECTING`."""

    def __init__(self, server: Server, on_closed: Callable[[UpstreamConnection, UpstreamState], None]) -> None:
        """`on_closed` is told, once, that it is not used again, and its state until then."""
        self.server = server
        self._on_closed = on_closed
        self.state = _CONNECTING
        self.exchange: UpstreamUser | None = None
        self.owner: str | None = None
        """The session that alone may use it, once it carried a body of that session."""
        self.idle_since = 0.0
        """When it was last given back; 0: never."""

    @property
    def has_served(self) -> bool:
        """Whether an exchange was completed on it before: only then can it have died of old age."""
        return self.idle_since > 0

    def retire(self) -> None:
        """It is not used again, for any reason. May be called more than once."""
        was = self.state
        if was is not CLOSED:
            self.state = self.state.then[CLOSED]
            self._on_closed(self, was)

    def close(self) -> None:
        """End it once what was sent has reached its server."""
        self.retire()
        self.transport.close()

    def abort(self) -> None:
        """End it at once."""
        self.exchange = None
        self.retire()
        self.transport.abort()

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(WRITE_BUFFER_BYTES)
        if self.state is CLOSED:  # the one who waited for it left before it was ready
            self.transport.abort()
            return
        self.state = self.state.then[_BUSY]

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:  # nobody asked: these bytes could not be told from the answer to the next request
            self.abort()
        else:
            exchange.on_upstream_data(data)

    def eof_received(self) -> bool:
        """It sends no more: whatever is still on its way to it changes nothing, and may never be read."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.retire()
        if exc is not None and self.exchange is not None:
            self._hear_last_words()
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.on_upstream_lost(is_clean=exc is None)

    def _hear_last_words(self) -> None:
        """An answer that came before its sender reset the connection.

        An app that answers an upload early and closes resets the connection while we still send. The event loop gives
        up at the first failed write, although the answer can still be read. With TLS we would have to decrypt it, so
        there it is lost.
        """
        socket = self.transport.get_extra_info("socket")
        if socket is None or self.transport.get_extra_info("ssl_object") is not None:
            return
        with suppress(OSError):  # nothing more is there, which is how it ends
            while self.exchange is not None and (data := os.read(socket.fileno(), _READ_BYTES)):
                self.exchange.on_upstream_data(data)

    def pause_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.on_upstream_full()

    def resume_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.on_upstream_drained()
