"""A side that does not read holds back the other: what waits does not grow, whatever windows a client gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.ssh.stage import jump_stage
from tests.support.eventually import settled
from tests.support.tcp_relay import TCPRelay

MOST_WAITING = 24 * 1024 * 1024
"""Of all that may be under way: the system's buffers on the way, and a little in the process."""
FAR_TOO_MUCH = 4 * MOST_WAITING
WIDE_WINDOW = 2**31
BLOCK = bytes(65536)


class Fountain:
    """A target that sends as long as it is read from, and another that never reads."""

    def __init__(self) -> None:
        self.sent = 0
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def pour(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while self.sent < FAR_TOO_MUCH:
                writer.write(BLOCK)
                await writer.drain()
                self.sent += len(BLOCK)
        except ConnectionError:
            pass

    async def ignore(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        writer.transport.pause_reading()  # type: ignore[attr-defined]


@asynccontextmanager
async def fountain(*, pours: bool) -> AsyncIterator[Fountain]:
    made = Fountain()
    server = await asyncio.start_server(made.pour if pours else made.ignore, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for writer in made.writers:
            writer.transport.abort()


@pytest.mark.parametrize("is_gone", [False, True])
async def test_a_client_that_stops_reading_holds_back_the_target(tmp_path: Path, is_gone: bool) -> None:
    """`is_gone`: it reads nothing at all any more, and else only this channel. It has given leave for two gigabytes."""
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(fountain(pours=True))
        stage = await stack.enter_async_context(
            jump_stage(tmp_path, targets=({"host": "127.0.0.1", "ports": (target.port,)},))
        )
        relay = stack.enter_context(TCPRelay(stage.address).running())
        stage.address = (relay.host, relay.port)
        conn, _ = await stage.person(stack)
        window = WIDE_WINDOW if is_gone else 2 * 1024 * 1024
        reader, _ = await conn.open_connection("127.0.0.1", target.port, encoding=None, window=window)
        await reader.readexactly(1)
        if is_gone:
            relay.hang()
        assert await settled(lambda: target.sent) < MOST_WAITING
        if not is_gone:
            assert len(await reader.readexactly(MOST_WAITING)) == MOST_WAITING


async def test_a_target_that_does_not_read_holds_back_the_client(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(fountain(pours=False))
        stage = await stack.enter_async_context(
            jump_stage(tmp_path, targets=({"host": "127.0.0.1", "ports": (target.port,)},))
        )
        conn, _ = await stage.person(stack)
        _, writer = await conn.open_connection("127.0.0.1", target.port, encoding=None)
        sent = 0

        async def send() -> None:
            nonlocal sent
            while sent < FAR_TOO_MUCH:
                writer.write(BLOCK)
                await writer.drain()
                sent += len(BLOCK)

        sending = asyncio.create_task(send())
        assert await settled(lambda: sent) < MOST_WAITING
        sending.cancel()
