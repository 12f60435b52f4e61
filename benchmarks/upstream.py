"""The upstream for what nginx cannot do: reads uploads completely before it answers, and echoes WebSocket messages.

    python -m benchmarks.upstream [CERTIFICATE KEY]

Prints its port. If the request says so, it closes after its answer. An echo goes by length: for each masked frame of
`MESSAGE` one unmasked frame of the same payload, so that the upstream costs as little as possible beside the measured
proxy.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import sys
from typing import cast

import uvloop

MESSAGE = b"x" * 64
MASKED_FRAME = bytes((0x82, 0x80 | len(MESSAGE))) + b"\0\0\0\0" + MESSAGE
"""RFC 6455 section 5.2: binary, final, masked (with zeros)."""
ECHOED_FRAME = bytes((0x82, len(MESSAGE))) + MESSAGE

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
_TAKEN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\ntaken"
_BUFFER = memoryview(bytearray(256 * 1024))
"""All connections read into the same: nothing of it is kept beyond one call."""


class _Upstream(asyncio.BufferedProtocol):
    __slots__ = ("_body_left", "_head", "_is_last", "_is_tunnel", "_unanswered", "transport")

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self._head = b""
        self._body_left = 0
        self._is_last = False
        self._is_tunnel = False
        self._unanswered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        if self._is_tunnel:
            self._echo(nbytes)
        elif self._body_left:
            self._swallow(nbytes)
        else:
            self._read_head(bytes(_BUFFER[:nbytes]))

    def _echo(self, nbytes: int) -> None:
        count, self._unanswered = divmod(self._unanswered + nbytes, len(MASKED_FRAME))
        if count:
            self.transport.write(ECHOED_FRAME * count)

    def _swallow(self, nbytes: int) -> None:
        self._body_left -= nbytes
        if self._body_left <= 0:
            self.transport.write(_TAKEN)
            if self._is_last:
                self.transport.close()

    def _read_head(self, data: bytes) -> None:
        head, end, rest = (self._head + data).partition(b"\r\n\r\n")
        self._head = b"" if end else head
        if not end:
            return
        length = _LENGTH.search(head)
        if b"websocket" in head.lower():
            self._is_tunnel = True
            self.transport.write(_SWITCHED)
        elif length is None:
            self.transport.write(_TAKEN)
        else:
            self._is_last = b"\r\nconnection: close" in head.lower()
            self._body_left = int(length[1])
            self._swallow(len(rest))


async def _serve() -> None:
    tls = None
    if len(sys.argv) == 3:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*sys.argv[1:])
    server = await asyncio.get_running_loop().create_server(_Upstream, "127.0.0.1", 0, backlog=4096, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
