"""Clients that go on asking, on connections they keep and on new ones, and repeat nothing: each failure counts.

Strict HTTP/1.1: a connection is used again unless its last answer said ``Connection: close``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.support.raw_http import read_message
from tests.support.upstreams import UpstreamSide

PAUSE_SECONDS = 0.004
"""Between two requests of one client: the load is steady, not all that the machine can bear."""
BODY_BYTES = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    port: int
    """The client's port; 0 if there was no connection."""
    what: str


@dataclass(slots=True)
class SteadyLoad:
    address: tuple[str, int]
    host: str
    answered: int = 0
    closes: int = 0
    """How many answers said that their connection ends."""
    failures: list[Failure] = field(default_factory=list)
    _asked: int = 0
    _stopping: bool = False
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def more(self, count: int) -> None:
        """Wait until so many more were answered."""
        wanted = self.answered + count
        async with self._changed, asyncio.timeout(30):
            await self._changed.wait_for(lambda: self.answered >= wanted)

    async def run(self, *, keeps: bool) -> None:
        reader: asyncio.StreamReader | None = None
        writer: asyncio.StreamWriter | None = None
        while not self._stopping:
            self._asked += 1
            number, port = self._asked, 0
            try:
                async with asyncio.timeout(10):
                    if reader is None or writer is None:
                        reader, writer = await asyncio.open_connection(*self.address)
                    port = writer.get_extra_info("sockname")[1]
                    is_last = await self._ask(reader, writer, number)
            except (OSError, asyncio.IncompleteReadError, AssertionError) as exc:
                self.failures.append(Failure(port=port, what=f"{type(exc).__name__}: {exc}"))
                is_last = True
            else:
                async with self._changed:
                    self.answered += 1
                    self.closes += is_last
                    self._changed.notify_all()
            if writer is not None and (is_last or not keeps):
                await _close(writer)
                reader = writer = None
            await asyncio.sleep(PAUSE_SECONDS)
        if writer is not None:
            await _close(writer)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        """GET and POST in turn; whether the answer was the connection's last."""
        has_body = number % 2 == 1
        method = b"POST" if has_body else b"GET"
        writer.write(b"%s /%d HTTP/1.1\r\nHost: %s\r\n" % (method, number, self.host.encode()))
        if has_body:
            writer.write(b"Content-Length: %d\r\n\r\n" % BODY_BYTES)
            writer.write(b"x" * BODY_BYTES)
        else:
            writer.write(b"\r\n")
        await writer.drain()
        answer = await read_message(reader, is_response=True, method=method)
        assert answer.status == 200, answer
        assert answer.body == b"%s /%d %d" % (method, number, BODY_BYTES if has_body else 0), answer.body
        return answer.get("connection") == b"close"

    def stop(self) -> None:
        self._stopping = True


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def echo(side: UpstreamSide) -> None:
    """An upstream that says what it was asked."""
    while True:
        request = await side.request()
        body = b"%s %d" % (request.start.removesuffix(b" HTTP/1.1"), len(request.body))
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


@asynccontextmanager
async def steady_load(
    address: tuple[str, int], host: str, *, keeping: int = 6, fresh: int = 2
) -> AsyncIterator[SteadyLoad]:
    load = SteadyLoad(address, host)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(keeping):
            tasks.create_task(load.run(keeps=True))
        for _ in range(fresh):
            tasks.create_task(load.run(keeps=False))
        try:
            yield load
        finally:
            load.stop()
