"""The load: wrk for closed loops, our own blocking and uvloop clients for what wrk cannot do.

All run on the load's cores. Rates are per second, latencies in seconds.
"""

from __future__ import annotations

import asyncio
import gc
import random
import re
import select
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop

from benchmarks.processes import program

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_READ_BYTES = 1024 * 1024


class WrongAnswer(Exception):
    """The answer was not the requested one, so there is nothing to measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one run of a load saw."""

    count: int
    seconds: float
    p50: float | None = None
    p99: float | None = None

    @property
    def rate(self) -> float:
        return self.count / self.seconds


def request_bytes(method: str, target: str, host: str, cookie: str, *fields: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", f"Cookie: {cookie}", "Accept: */*", *fields, "", ""]
    return "\r\n".join(lines).encode()


def wrk(url: str, *, host: str, cookie: str, connections: int, seconds: int, script: Path | None = None) -> Load:
    """A closed loop: each connection asks again as soon as it was answered."""
    command = [
        *(program("wrk") or "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "20s"),
        *("-H", f"Host: {host}", "-H", f"Cookie: {cookie}", *(("-s", str(script)) if script else ()), url),
    ]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise WrongAnswer(output)
    total = re.search(r"([0-9]+) requests in ([0-9.]+)(us|ms|s|m)", output)
    percentiles = {
        name: float(value) * _UNITS[unit]
        for name, value, unit in re.findall(r"^ +(50|99)% +([0-9.]+)(us|ms|s)$", output, re.MULTILINE)
    }
    if total is None or int(total[1]) == 0:
        raise WrongAnswer(output)
    elapsed = float(total[2]) * (60.0 if total[3] == "m" else _UNITS[total[3]])
    return Load(count=int(total[1]), seconds=elapsed, p50=percentiles.get("50"), p99=percentiles.get("99"))


def read_answer(connection: socket.socket) -> tuple[int, int, int]:
    """One answer with a Content-Length: its status, and the bytes of its head and body."""
    data = b""
    while (end := data.find(b"\r\n\r\n") + 4) == 3:
        piece = connection.recv(65536)
        if not piece:
            raise WrongAnswer(f"closed after {data[:200]!r}")
        data += piece
    length = re.search(rb"\r\ncontent-length: *([0-9]+)", data[:end], re.IGNORECASE)
    body = int(length[1]) if length else 0
    left = body - (len(data) - end)
    buffer = bytearray(_READ_BYTES)
    while left > 0:
        count = connection.recv_into(buffer)
        if not count:
            raise WrongAnswer(f"closed {left} bytes before the end")
        left -= count
    return int(data[9:12]), end, body


def transfer(port: int, head: bytes, *, body_bytes: int = 0) -> tuple[float, int]:
    """One large request on one connection: how long it took, and the bytes of the answer's body."""
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        begun = time.perf_counter()
        connection.sendall(head)
        piece = memoryview(bytes(_READ_BYTES))
        left = body_bytes
        while left > 0:
            connection.sendall(piece[:left])
            left -= len(piece)
        status, _, length = read_answer(connection)
        elapsed = time.perf_counter() - begun
    if status != 200:
        raise WrongAnswer(f"status {status}")
    return elapsed, length


def open_loop(port: int, request: bytes, *, rate: float, seconds: float, seed: int, connections: int = 32) -> Load:
    """Requests at random times (Poisson), independent of the answers; latencies count from those times.

    `select` sleeps to the microsecond, which an event loop's timers do not.
    """
    draw = random.Random(seed)
    idle, size = [], 0
    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port), 10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(request)
        status, head, body = read_answer(connection)
        if status != 200:
            raise WrongAnswer(f"status {status}")
        size = head + body
        idle.append(connection)
    everyone = list(idle)
    latencies: list[float] = []
    waiting: dict[socket.socket, tuple[float, int]] = {}
    gc.disable()
    try:
        begun = time.perf_counter()
        due, end = begun + draw.expovariate(rate), begun + seconds
        while due < end or waiting:
            now = time.perf_counter()
            if now > end + 10:
                raise WrongAnswer("answers stay out")
            while due <= now and due < end and idle:
                connection = idle.pop()
                connection.send(request)
                waiting[connection] = due, size
                due += draw.expovariate(rate)
            pause = max(0.0, due - time.perf_counter()) if idle and due < end else 1.0
            for connection in select.select(list(waiting), [], [], pause)[0]:
                due_at, left = waiting[connection]
                left -= len(connection.recv(65536))
                if left > 0:
                    waiting[connection] = due_at, left
                else:
                    latencies.append(time.perf_counter() - due_at)
                    del waiting[connection]
                    idle.append(connection)
        elapsed = time.perf_counter() - begun
    finally:
        gc.enable()
        for connection in everyone:
            connection.close()
    latencies.sort()
    count = len(latencies)
    return Load(count=count, seconds=elapsed, p50=latencies[count // 2], p99=latencies[count * 99 // 100])


class _PingPong(asyncio.Protocol):
    """Sends the next message as soon as the last one's answer, known by its length, is complete."""

    def __init__(self, messages: Iterator[bytes], answer_bytes: int, done: asyncio.Event) -> None:
        self.count = 0
        self._messages = messages
        self._answer_bytes = answer_bytes
        self._left = 0
        self._done = done
        self.transport: asyncio.Transport

    def begin(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        transport.set_protocol(self)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left <= 0:
            self.count += 1
            self._next()

    def _next(self) -> None:
        message = next(self._messages, None)
        if message is None:
            self._done.set()
        else:
            self._left = self._answer_bytes
            self.transport.write(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self._done.set()


class _Opening(asyncio.Protocol):
    """Sends one request and keeps the connection once a first answer of that status came."""

    def __init__(self, request: bytes, status: bytes) -> None:
        self.answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """The length of the first answer."""
        self._request = request
        self._status = status
        self._data = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: *([0-9]+)", head, re.IGNORECASE)
        if self.answer.done() or not end or (length is not None and len(body) < int(length[1])):
            return
        if head[9:12] == self._status:
            self.answer.set_result(len(self._data))
        else:
            self.answer.set_exception(WrongAnswer(head[:200].decode("latin-1")))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(WrongAnswer("closed without an answer"))


async def _open(port: int, request: bytes, status: bytes, count: int) -> list[_Opening]:
    loop, opened = asyncio.get_running_loop(), []
    for start in range(0, count, 100):
        made = [
            loop.create_connection(lambda: _Opening(request, status), "127.0.0.1", port)
            for _ in range(min(100, count - start))
        ]
        protocols = [protocol for _, protocol in await asyncio.gather(*made)]
        async with asyncio.timeout(30):
            await asyncio.gather(*(protocol.answer for protocol in protocols))
        opened += protocols
    return opened


def ping_pong(
    port: int,
    opening: bytes,
    status: bytes,
    messages: Callable[[], Iterator[bytes]],
    *,
    answer_bytes: int | None,
    connections: int,
    seconds: float | None = None,
) -> Load:
    """Messages and answers of fixed length on `connections`, for `seconds` or until there are no more messages.

    `answer_bytes=None`: as long as the answer to `opening`.
    """

    async def run() -> Load:
        done = asyncio.Event()
        opened = await _open(port, opening, status, connections)
        size = opened[0].answer.result() if answer_bytes is None else answer_bytes
        source = messages()
        players = [_PingPong(source, size, done) for _ in opened]
        begun = time.perf_counter()
        for player, connection in zip(players, opened, strict=True):
            player.begin(connection.transport)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await done.wait()
        elapsed = time.perf_counter() - begun
        for player in players:
            player.transport.abort()
        if seconds is not None and done.is_set():
            raise WrongAnswer("a connection was closed")
        return Load(count=sum(player.count for player in players), seconds=elapsed)

    return uvloop.run(run())


def hold_open(port: int, opening: bytes, status: bytes, count: int, look: Callable[[], None]) -> None:
    """Open `count` connections, let them settle, `look`, and close them."""

    async def run() -> None:
        opened = await _open(port, opening, status, count)
        await asyncio.sleep(1.0)  # deferred work is done by then
        look()
        for connection in opened:
            connection.transport.abort()
        await asyncio.sleep(0.5)

    uvloop.run(run())
