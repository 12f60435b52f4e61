"""A relay that takes every message and keeps none, as cheaply as Python can: it shares a core with others.

    python -m benchmarks.smtp_sink [--delay-ms 0]

Prints its port. Counts the messages; on SIGTERM it writes the count to its standard error and ends.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from typing import cast

import uvloop

_ANSWERS = {
    b"EHLO": b"250-sink.localhost\r\n250-8BITMIME\r\n250 SIZE 100000\r\n",
    b"MAIL": b"250 OK\r\n",
    b"RCPT": b"250 OK\r\n",
    b"DATA": b"354 Go on\r\n",
    b"QUIT": b"221 Bye\r\n",
}
_END = b"\r\n.\r\n"


class _Sink(asyncio.Protocol):
    messages = 0
    delay_seconds = 0.0

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._pending = b""
        self._in_message = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(b"220 sink.localhost ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while True:
            end = self._pending.find(_END if self._in_message else b"\r\n")
            if end < 0:
                return
            line, self._pending = self._pending[:end], self._pending[end + (5 if self._in_message else 2) :]
            if self._in_message:
                _Sink.messages += 1
                self._in_message = False
                asyncio.get_running_loop().call_later(_Sink.delay_seconds, self._transport.write, b"250 Taken\r\n")
                continue
            verb = line[:4].upper()
            self._in_message = verb == b"DATA"
            self._transport.write(_ANSWERS.get(verb, b"502 No\r\n"))


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Sink, "127.0.0.1", 0)
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()
    print(_Sink.messages, file=sys.stderr, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delay-ms", type=float, default=0.0, help="how long a message is thought about")
    _Sink.delay_seconds = parser.parse_args().delay_ms / 1000
    uvloop.run(_serve())
