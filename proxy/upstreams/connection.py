"""One connection to an upstream: it carries one exchange at a time, or waits in its pool."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from proxy.forwarding.request_flow import RequestFlow
    from proxy.upstreams.pool import Server, UpstreamPool

WRITE_BUFFER_BYTES = 128 * 1024
"""What may wait to be sent on one connection before its sender is held; one read more can come on top."""
_READ_BYTES = 256 * 1024


class UpstreamConnection(asyncio.Protocol):
    """Hands what happens to its exchange. Without an exchange, anything but silence ends it."""

    def __init__(self, pool: UpstreamPool, server: Server) -> None:
        self.pool = pool
        self.server = server
        self.exchange: RequestFlow | None = None
        self.owner: str | None = None
        """The session that alone may use it, once it carried a body of that session."""
        self.is_counted = False
        """Whether it counts as in flight at its server."""
        self.has_served = False
        """Whether an exchange was completed on it before: only then can it have died of old age."""
        self.idle_since = 0.0
        self.is_made = False
        self.is_lost = False
        self.transport: asyncio.Transport
        """From when `is_made`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.is_made = True
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(WRITE_BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:  # nobody asked: what it says next could not be told from an answer
            self.abort()
        else:
            exchange.on_upstream_data(data)

    def eof_received(self) -> bool:
        """It sends no more: whatever is still on its way to it changes nothing, and may never be read."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self.pool.release(self)
        if exc is not None and self.exchange is not None:
            self._hear_last_words()
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            self.pool.forget(self)
        else:
            exchange.on_upstream_lost(is_clean=exc is None)

    def _hear_last_words(self) -> None:
        """An answer that came before its sender reset the connection.

        An app that answers an upload early, and closes, resets it under what is still sent. The event loop gives up at
        the first write that fails, although the answer is there to be read. TLS would have to be undone: there it is
        lost.
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

    def abort(self) -> None:
        """End it at once; it is not used again."""
        self.exchange = None
        self.pool.release(self)
        self.pool.forget(self)
        self.transport.abort()
