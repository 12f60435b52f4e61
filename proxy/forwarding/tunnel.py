"""An upgraded connection: bytes in both directions, held back where the other side is slow, until either side ends.

Half-close is passed on: the side that ended its stream still receives (RFC 9293 section 3.6). No side can keep a tunnel
open for ever: after one end the rest has a deadline, which the plane's timer checks. Instants are the loop's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from proxy.forwarding.client_side import TunnelOpening
from proxy.http.websocket_frames import GOING_AWAY, Frames, close_frame

LINGER_SECONDS = 2.0
"""How long the client may take to answer a WebSocket's Close."""
FLUSH_SECONDS = 60.0
"""How long a side may read nothing although data waits for it. The other side is held then, and could be gone
unnoticed."""
HALF_CLOSED_SECONDS = 120.0
"""How long nothing may move once one side has ended its stream."""
_NEVER = float("inf")


class _End(asyncio.Protocol):
    """One side's protocol. It took over a connected transport, so `connection_made` is not called."""

    __slots__ = ("frames", "has_moved", "is_deaf", "other", "transport", "tunnel")

    def __init__(self, tunnel: Tunnel, transport: asyncio.Transport, frames: Frames | None) -> None:
        self.tunnel = tunnel
        self.transport = transport
        self.other: asyncio.Transport
        self.frames = frames
        """What passes here, where it is a WebSocket's way from server to client."""
        self.has_moved = False
        """Whether anything came from this side since the timer last looked."""
        self.is_deaf = False
        """Whether nothing is passed on any more, because the other side was told that it is over."""

    def data_received(self, data: bytes) -> None:
        if self.is_deaf:
            self.transport.close()
            return
        self.has_moved = True
        if self.frames is not None:
            self.frames.feed(data)
        self.other.write(data)

    def eof_received(self) -> bool:
        return not self.is_deaf and self.tunnel.on_eof(self.other)

    def pause_writing(self) -> None:
        self.tunnel.on_full()
        self.other.pause_reading()

    def resume_writing(self) -> None:
        self.tunnel.on_drained()
        if not self.other.is_closing():
            self.other.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.tunnel.on_lost(self.transport)


class Tunnel:
    """Two transports joined. The end of the session that it was opened with ends the tunnel."""

    __slots__ = (
        "_client", "_deadline", "_eofs", "_frames", "_full", "_idle_seconds", "_moved_at", "_on_end", "_open",
        "_unsent", "_upstream", "is_open_to", "session_id",
    )  # fmt: skip

    def __init__(
        self, client: asyncio.BaseTransport, opening: TunnelOpening, *, on_end: Callable[[Tunnel], None]
    ) -> None:
        self.session_id = opening.session_id
        self.is_open_to = opening.is_open_to
        self._on_end = on_end
        self._idle_seconds = opening.idle_seconds
        self._eofs = 0
        self._open = 2
        self._full = 0
        """How many sides have too much waiting for them."""
        self._moved_at = asyncio.get_running_loop().time()
        self._deadline = _NEVER
        self._unsent = 0
        """What waited to be sent when the deadline was set."""
        self._frames = Frames() if opening.is_websocket else None
        if self._frames is not None:
            self._frames.feed(opening.first)
        self._client = _End(self, cast(asyncio.Transport, client), None)
        self._upstream = _End(self, opening.upstream.transport, self._frames)
        self._client.other, self._upstream.other = self._upstream.transport, self._client.transport
        for end in (self._client, self._upstream):
            end.transport.set_protocol(end)
            if not end.transport.is_closing():
                end.transport.resume_reading()

    # What the two sides say.

    def on_eof(self, other: asyncio.Transport) -> bool:
        """One side sends no more: tell the other. Whether the transport that said so stays open to be written to."""
        self._eofs += 1
        if self._eofs == 2 or not other.can_write_eof():
            other.close()
            return False
        if not other.is_closing():
            other.write_eof()
        return True

    def on_full(self) -> None:
        """One side reads too slowly: the other is held."""
        self._full += 1
        self._await_flush(asyncio.get_running_loop().time())

    def on_drained(self) -> None:
        """A slow side has read: that is movement, too."""
        self._moved_at = asyncio.get_running_loop().time()
        self._full = max(0, self._full - 1)
        if not self._full and self._open == 2 and not self._client.is_deaf:
            self._deadline = _NEVER

    def on_lost(self, transport: asyncio.Transport) -> None:
        """One side is gone: data that was read from it still reaches the other, then that ends too."""
        self._open -= 1
        if self._open == 0:
            self._on_end(self)
            return
        remaining = self._client if transport is self._upstream.transport else self._upstream
        if not remaining.is_deaf:
            remaining.transport.close()
            self._await_flush(asyncio.get_running_loop().time())

    # What the plane asks.

    def on_tick(self, now: float) -> bool:
        """End what is over by its limits. Whether the client sent something since the last tick."""
        is_used = self._client.has_moved
        if is_used or self._upstream.has_moved:
            self._client.has_moved = self._upstream.has_moved = False
            self._moved_at = now
        if now >= self._deadline:
            if self._unsent and self.unsent_bytes < self._unsent:
                self._await_flush(now)
            else:
                self.abort()
        elif self._deadline == _NEVER:
            limit = min(self._idle_seconds, HALF_CLOSED_SECONDS) if self._eofs else self._idle_seconds
            if now - self._moved_at > limit:
                self.end(GOING_AWAY, "idle")
        return is_used

    @property
    def unsent_bytes(self) -> int:
        """What waits to be sent, to both sides together."""
        return sum(end.transport.get_write_buffer_size() for end in (self._client, self._upstream))

    @property
    def can_be_told(self) -> bool:
        """Whether it is a WebSocket, and a frame of ours can follow what its client got."""
        frames = self._frames
        return (
            frames is not None
            and frames.is_between
            and not frames.has_closed
            and not self._eofs
            and not self._client.transport.is_closing()
        )

    def end(self, code: int, reason: str) -> None:
        """Close both sides; a WebSocket's client is told why where it can be."""
        client = self._client.transport
        if not self.can_be_told:
            self.abort()
            return
        if self._client.is_deaf:
            return
        client.write(close_frame(code, reason))
        self._client.is_deaf = self._upstream.is_deaf = True
        self._deadline = asyncio.get_running_loop().time() + LINGER_SECONDS
        self._upstream.transport.abort()
        # The client answers with a Close of its own, or ends: either way its connection is closed then. Closing it
        # now could reset the connection under the frame.
        client.resume_reading()
        if client.can_write_eof():
            client.write_eof()

    def abort(self) -> None:
        """End both sides at once."""
        self._client.transport.abort()
        self._upstream.transport.abort()

    def _await_flush(self, now: float) -> None:
        self._unsent = self.unsent_bytes
        self._deadline = now + FLUSH_SECONDS
