"""The warm connections to one relay: lent to one sender at a time, closed when idle.

A connection returns to the pool only after a message was accepted on it. After anything else, even a cancellation, its
state is unknown and it is dropped: aiosmtplib would take the late answer to one command for the answer to the next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from aiosmtplib import SMTP, SMTPException

IDLE_SECONDS = 45.0
_QUIT_SECONDS = 1.0


class SMTPPool:
    """Idle connections. The newest is used first, so that the others can age out."""

    def __init__(self, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._idle: deque[tuple[float, SMTP]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._quitting: set[asyncio.Task[None]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._idle)

    def take(self) -> SMTP | None:
        """A connection that looked alive when it was last heard of, or None."""
        while self._idle:
            _, connection = self._idle.pop()
            if connection.is_connected:
                return connection
        return None

    def give_back(self, connection: SMTP) -> None:
        """Keep a connection on which the last message was accepted."""
        if self._closed:
            self.part(connection)
            return
        loop = asyncio.get_running_loop()
        self._idle.append((loop.time(), connection))
        if self._timer is None:
            self._timer = loop.call_later(self._idle_seconds, self._close_old)

    def part(self, connection: SMTP) -> None:
        """Say QUIT (RFC 5321 section 4.1.1.10) in the background, then close."""
        task = asyncio.create_task(_quit(connection))
        self._quitting.add(task)
        task.add_done_callback(self._quitting.discard)

    async def close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._idle:
            self.part(self._idle.pop()[1])
        if self._quitting:
            await asyncio.wait(self._quitting)

    def _close_old(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._idle and self._idle[0][0] <= now - self._idle_seconds:
            self.part(self._idle.popleft()[1])
        if self._idle:
            self._timer = loop.call_at(self._idle[0][0] + self._idle_seconds, self._close_old)


def drop(connection: SMTP) -> None:
    """Close at once, without QUIT: whatever still arrives does not matter."""
    transport = connection.transport
    connection.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


async def _quit(connection: SMTP) -> None:
    try:
        with suppress(SMTPException, OSError):
            async with asyncio.timeout(_QUIT_SECONDS):
                await connection.quit()
    finally:
        drop(connection)
