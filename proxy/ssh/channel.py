"""One channel: the SSH side and the target's side joined, bytes in both directions, a slow side holding back the other.

Nothing grows here. What a target sends is read only while the client takes it, and the other way round; what waits in
between is bounded by asyncssh's buffer, the transport's, and the window that a client is given (RFC 4254 section 5.2).
Half-close is passed on, as in a tunnel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import asyncssh

from proxy.ssh.targets import Destination

WINDOW_BYTES = 512 * 1024
"""How much a client may send ahead."""
FLUSH_SECONDS = 60.0
"""How long a target may take what was sent to it before its client left."""


class Channel(asyncssh.SSHTCPSession[bytes]):
    """The client's side. Made before the target is connected to; `on_over` is called once, when it is over."""

    def __init__(self, destination: Destination, *, on_over: Callable[[Channel], None], is_held: bool = False) -> None:
        self.destination = destination
        self.has_moved = False
        """Whether the client sent something since the timer last looked."""
        self.target = _TargetSide(self)
        self.is_over = False
        self._on_over = on_over
        self._chan: asyncssh.SSHTCPChannel[bytes] | None = None
        self._is_full = False
        """Whether too much waits for the client in this channel, and `_is_held`, in its whole connection."""
        self._is_held = is_held

    def hold(self, is_held: bool) -> None:
        self._is_held = is_held
        self.target.read_as_it_may()

    def end(self) -> None:
        """At once, on both sides."""
        if self._chan is not None:
            self._chan.abort()
        self.target.abort()
        self._be_over()

    @property
    def takes_more(self) -> bool:
        """Whether what the target sends can be passed on."""
        return self._chan is not None and not self._is_full and not self._is_held

    def write(self, data: bytes) -> None:
        if self._chan is not None and not self._chan.is_closing():
            self._chan.write(data)

    def write_eof(self) -> None:
        if self._chan is not None and not self._chan.is_closing():
            self._chan.write_eof()

    def close(self) -> None:
        """The target is gone: the client gets what is on its way, and then the end."""
        if self._chan is not None:
            self._chan.close()
        else:
            self._be_over()

    def let_client_send(self, may: bool) -> None:
        if self._chan is not None:  # even where the target has sent its last byte
            (self._chan.resume_reading if may else self._chan.pause_reading)()

    def _be_over(self) -> None:
        if not self.is_over:
            self.is_over = True
            self._on_over(self)

    # What asyncssh calls.

    def connection_made(self, chan: asyncssh.SSHTCPChannel[bytes]) -> None:
        self._chan = chan
        if self.is_over:  # ended while it was opened
            chan.abort()

    def session_started(self) -> None:
        self.target.read_as_it_may()

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        self.has_moved = True
        self.target.write(data)

    def eof_received(self) -> bool:
        return self.target.write_eof()

    def pause_writing(self) -> None:
        self._is_full = True
        self.target.read_as_it_may()

    def resume_writing(self) -> None:
        self._is_full = False
        self.target.read_as_it_may()

    def connection_lost(self, exc: Exception | None) -> None:
        self._chan = None
        self.target.close()
        self._be_over()


class _TargetSide(asyncio.Protocol):
    """The connection to the target. It may send before the channel is there: that is kept, and no more is read."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self._has_ended = False
        """Whether the target has sent its last byte, and `_is_told_the_end`, whether the client has."""
        self._is_told_the_end = False
        self._is_closed = False

    def read_as_it_may(self) -> None:
        """Pass on what was kept, and read on or not, as the client takes it."""
        while self._early and self._channel.takes_more:
            self._channel.write(self._early.pop(0))
        may = self._channel.takes_more
        if may and self._is_closed:
            self._channel.close()
        elif may and self._has_ended:
            self._channel.write_eof()
        if self._transport is not None and not self._transport.is_closing():
            (self._transport.resume_reading if may else self._transport.pause_reading)()

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def write_eof(self) -> bool:
        """The client has sent its last byte. Whether the target may still send."""
        self._is_told_the_end = True
        if self._transport is None or self._transport.is_closing():
            return False
        if self._has_ended:
            self._transport.close()
            return False
        self._transport.write_eof()
        return True

    def close(self) -> None:
        """The client is gone: the target gets what is on its way, for a while, and then the end."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._transport.abort)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._channel.is_over:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._channel.takes_more:
            self._channel.write(data)
        else:
            self._early.append(data)
            self.read_as_it_may()

    def eof_received(self) -> bool:
        self._has_ended = True
        self.read_as_it_may()
        return not self._is_told_the_end

    def pause_writing(self) -> None:
        self._channel.let_client_send(False)

    def resume_writing(self) -> None:
        self._channel.let_client_send(True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closed = True
        self.read_as_it_may()
