"""The least that a forwarder in Python can cost: each client gets a connection to the upstream, and no byte is read.

    python -m benchmarks.bare_forwarder UPSTREAM_PORT

Prints its port. It moves bytes as Gatepost does, by uvloop's transports and `asyncio.Protocol`. So what Gatepost costs
beyond it is Gatepost's own.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop


class _End(asyncio.Protocol):
    """Writes what it receives to the other end."""

    __slots__ = ("other", "transport")

    def __init__(self) -> None:
        self.other: asyncio.Transport
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.other.close()


class _Opening(asyncio.Protocol):
    """A client until its connection to the upstream stands."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._early = b""
        self._connecting: asyncio.Task[None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connecting = asyncio.get_running_loop().create_task(self._connect(cast(asyncio.Transport, transport)))

    def data_received(self, data: bytes) -> None:
        self._early += data

    async def _connect(self, transport: asyncio.Transport) -> None:
        client = _End()
        try:
            _, upstream = await asyncio.get_running_loop().create_connection(_End, "127.0.0.1", self._upstream_port)
        except OSError:
            transport.abort()
            return
        client.other, upstream.other = upstream.transport, transport
        transport.set_protocol(client)
        client.other.write(self._early)
        if transport.is_closing():  # it had left before
            client.other.close()


async def _serve(upstream_port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Opening(upstream_port), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
