"""The connections to one upstream: idle ones are used again, the last used first, while nothing speaks against it."""

from __future__ import annotations

import asyncio

from proxy.forwarding.routes import Upstream
from proxy.forwarding.upstream_connection import UpstreamConnection

MAX_IDLE = 128
MAX_IDLE_SECONDS = 30.0
SURE_SECONDS = 2.0
"""A request that must not be sent twice goes on a connection used this recently, or on a fresh one."""


class UpstreamUnreachable(Exception):
    """No connection could be made in time. `reason` is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UpstreamPool:
    """Idle connections to one upstream, the latest used at the end."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self._idle: list[UpstreamConnection] = []

    def take(self, *, is_repeatable: bool, now: float) -> UpstreamConnection | None:
        """An idle connection for one exchange, or None: then `connect`."""
        while self._idle:
            connection = self._idle[-1]
            if not is_repeatable and now - connection.idle_since > SURE_SECONDS:
                return None
            self._idle.pop()
            if not connection.is_lost and not connection.transport.is_closing():
                return connection
        return None

    def give_back(self, connection: UpstreamConnection, now: float) -> None:
        """The exchange ended cleanly and both sides keep the connection."""
        connection.exchange = None
        if len(self._idle) >= MAX_IDLE:
            connection.transport.close()
            return
        connection.has_served = True
        connection.idle_since = now
        self._idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """It ended while idle, or must not be used again."""
        if connection in self._idle:
            self._idle.remove(connection)

    def drop_old(self, now: float) -> None:
        """Close what has been idle for too long."""
        while self._idle and now - self._idle[0].idle_since > MAX_IDLE_SECONDS:
            self._idle.pop(0).transport.close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().transport.close()

    async def connect(self) -> UpstreamConnection:
        """A fresh connection; raises `UpstreamUnreachable`."""
        url = self.upstream.url
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.upstream.connect_timeout):
                if url.scheme == "unix":
                    _, connection = await loop.create_unix_connection(self._create, url.path)
                else:
                    _, connection = await loop.create_connection(
                        self._create,
                        url.host,
                        url.port,
                        ssl=self.upstream.tls,
                        server_hostname=url.host if self.upstream.tls is not None else None,
                    )
        except TimeoutError as exc:
            raise UpstreamUnreachable("no connection in time") from exc
        except OSError as exc:  # ssl.SSLError and socket.gaierror are among its subclasses
            raise UpstreamUnreachable(f"{type(exc).__name__}: {exc.strerror or exc}") from exc
        return connection

    def _create(self) -> UpstreamConnection:
        return UpstreamConnection(self)
