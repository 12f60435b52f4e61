"""Upstreams that record what reached them, and answer what a test wants answered."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.support.raw_http import Message, read_message

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class UpstreamSide:
    """One connection that the server under test made."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: RecordingUpstream) -> None:
        self.reader = reader
        self.writer = writer
        self._upstream = upstream

    async def request(self) -> Message:
        """The next whole request, strictly read; also recorded."""
        message = await read_message(self.reader, is_response=False)
        self._upstream.requests.append(message)
        self._upstream.arrived.set()
        return message

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


Handler = Callable[[UpstreamSide], Awaitable[None]]


class RecordingUpstream:
    """`requests` as they came, over all `connections`; `address` is where it listens."""

    def __init__(self) -> None:
        self.requests: list[Message] = []
        self.connections = 0
        self.lost = asyncio.Event()
        """Set when a connection ended from the other side, or a handler was done."""
        self.arrived = asyncio.Event()
        self.address: tuple[str, int] = ("", 0)
        self.errors: list[BaseException] = []

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"


async def answer_ok(side: UpstreamSide) -> None:
    """Answers every request with `OK`, for as long as the connection lasts."""
    while True:
        await side.request()
        await side.send(OK)


def answer(*answers: bytes) -> Handler:
    """Answers one request after the other with these bytes, then closes."""

    async def handle(side: UpstreamSide) -> None:
        for data in answers:
            await side.request()
            await side.send(data)

    return handle


@asynccontextmanager
async def recording_upstream(
    handler: Handler = answer_ok, *, path: str | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[RecordingUpstream]:
    """A real server on a port of the system's choice (or a Unix socket at `path`)."""
    upstream = RecordingUpstream()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        upstream.connections += 1
        try:
            await handler(UpstreamSide(reader, writer, upstream))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except asyncio.CancelledError:
            pass
        except Exception as exc:  # noqa: BLE001  # told to the test when the upstream is left
            upstream.errors.append(exc)
        finally:
            tasks.discard(task)
            upstream.lost.set()
            writer.close()

    if path is not None:
        server = await asyncio.start_unix_server(serve, path)
    else:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
        upstream.address = server.sockets[0].getsockname()
    try:
        yield upstream
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert not upstream.errors, upstream.errors
