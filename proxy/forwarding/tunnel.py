"""An upgraded connection: bytes in both directions, held back where the other side is slow, until either side ends.

Half-close is passed on: the side that ended its stream still receives (RFC 9293 section 3.6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast


class _End(asyncio.Protocol):
    """One side's protocol. It took over a connected transport, so `connection_made` is not called."""

    __slots__ = ("other", "transport", "tunnel")

    def __init__(self, tunnel: Tunnel, transport: asyncio.Transport) -> None:
        self.tunnel = tunnel
        self.transport = transport
        self.other: asyncio.Transport

    def data_received(self, data: bytes) -> None:
        self.other.write(data)

    def eof_received(self) -> bool:
        return self.tunnel.on_eof(self.other)

    def pause_writing(self) -> None:
        self.other.pause_reading()

    def resume_writing(self) -> None:
        if not self.other.is_closing():
            self.other.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.tunnel.on_lost(self.transport)


class Tunnel:
    """Two transports joined. `session_id` is the session it was opened with; its end ends the tunnel."""

    __slots__ = ("_client", "_eofs", "_on_end", "_open", "_upstream", "session_id")

    def __init__(
        self,
        *,
        client: asyncio.BaseTransport,
        upstream: asyncio.BaseTransport,
        session_id: str | None,
        on_end: Callable[[Tunnel], None],
    ) -> None:
        self.session_id = session_id
        self._client = cast(asyncio.Transport, client)
        self._upstream = cast(asyncio.Transport, upstream)
        self._on_end = on_end
        self._eofs = 0
        self._open = 2
        ends = _End(self, self._client), _End(self, self._upstream)
        ends[0].other, ends[1].other = self._upstream, self._client
        self._client.set_protocol(ends[0])
        self._upstream.set_protocol(ends[1])
        for transport in (self._client, self._upstream):
            if not transport.is_closing():
                transport.resume_reading()

    def on_eof(self, other: asyncio.Transport) -> bool:
        """One side sends no more: tell the other. Whether the transport that said so stays open to be written to."""
        self._eofs += 1
        if self._eofs == 2 or not other.can_write_eof():
            other.close()
            return False
        if not other.is_closing():
            other.write_eof()
        return True

    def on_lost(self, transport: asyncio.Transport) -> None:
        """One side is gone: what was read from it still reaches the other, then that ends too."""
        self._open -= 1
        if self._open == 0:
            self._on_end(self)
            return
        other = self._client if transport is self._upstream else self._upstream
        other.close()

    def abort(self) -> None:
        """End both sides at once."""
        self._client.abort()
        self._upstream.abort()
