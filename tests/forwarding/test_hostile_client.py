"""Clients that never read, read slowly or send out of turn: each costs a bounded amount, and nobody else anything."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from proxy.forwarding.exchange import Exchange
from proxy.forwarding.lingering import FLUSH_SECONDS, LINGER_SECONDS
from proxy.upstreams.connection import CLOSED, UpstreamConnection
from proxy.upstreams.pool import UpstreamPool
from tests.forwarding.stage import Stage, StageMaker, get
from tests.support.eventually import eventually, settled
from tests.support.raw_http import RawClient
from tests.support.upstreams import OK, UpstreamSide

SMALL = 4096
MEGABYTE = 2**20


@asynccontextmanager
async def narrow_client(stage: Stage) -> AsyncIterator[RawClient]:
    """A client whose kernel buffers hold next to nothing, on its own side and on the server's."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    sock.setblocking(False)
    before = set(stage.plane.connections)
    await asyncio.get_running_loop().sock_connect(sock, stage.address)
    reader, writer = await asyncio.open_connection(sock=sock, limit=SMALL)
    await eventually(lambda: set(stage.plane.connections) - before)
    for connection in set(stage.plane.connections) - before:
        narrow(connection.transport)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.transport.abort()


def narrow(transport: asyncio.BaseTransport) -> None:
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)


def buffered(stage: Stage) -> int:
    """What waits in the plane for clients to read it."""
    return sum(connection.transport.get_write_buffer_size() for connection in stage.plane.connections)


@pytest.mark.parametrize("host", ["unknown.example", "wiki.corp.example"])
async def test_refusals_that_nobody_reads_are_not_piled_up(stage: Stage, host: str) -> None:
    raw = get(host=host, token=None) * 2000
    async with narrow_client(stage) as client:
        client.writer.write(raw * 10)
        (connection,) = stage.plane.connections
        await eventually(lambda: connection.is_full and not connection.transport.is_reading())
        assert await settled(lambda: len(stage.log.events)) < 20_000
        assert buffered(stage) < MEGABYTE


async def test_pipelined_answers_that_nobody_reads_are_not_piled_up(staged: StageMaker) -> None:
    body = bytes(200_000)

    async def large(side: UpstreamSide) -> None:
        while True:
            await side.request()
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async with staged(large) as stage, narrow_client(stage) as client:
        client.writer.write(get() * 100)
        (connection,) = stage.plane.connections
        await eventually(lambda: connection.is_full)
        assert await settled(lambda: len(stage.upstream.requests)) < 10
        assert buffered(stage) < MEGABYTE
        for _ in range(100):
            assert (await client.response()).body == body


async def test_a_slow_reader_leaves_no_deaf_connection_in_the_pool(staged: StageMaker) -> None:
    """The last piece of an answer is what fills the client's buffer: nobody is left to resume the upstream."""

    async def in_two_pieces(side: UpstreamSide) -> None:
        while True:
            await side.request()
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + bytes(120_000))
            await go.wait()
            await side.send(bytes(80_000))

    go = asyncio.Event()
    async with staged(in_two_pieces) as stage, narrow_client(stage) as slow:
        await slow.send(get())
        await eventually(lambda: buffered(stage) > 80_000)
        go.set()
        (connection,) = stage.plane.connections
        await eventually(lambda: connection.served is None)
        assert connection.is_full
        async with stage.client() as other:
            assert len((await other.ask(get())).body) == 200_000
        assert stage.upstream.connections == 1


async def test_a_slow_reader_gets_the_whole_last_answer(staged: StageMaker) -> None:
    body = bytes(100_000)

    async def large(side: UpstreamSide) -> None:
        await side.request()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async with staged(large) as stage, narrow_client(stage) as client:
        await client.send(get(lines="Connection: close\r\n"))
        await eventually(lambda: stage.upstream.lost.is_set())
        (connection,) = stage.plane.connections
        await eventually(lambda: connection.lingering is not None)
        stage.pass_seconds(FLUSH_SECONDS - 5)
        assert (await client.response()).body == body
        assert await client.is_closed()


async def test_an_idle_client_that_reads_nothing_is_gone_after_all(staged: StageMaker) -> None:
    body = bytes(100_000)

    async def large(side: UpstreamSide) -> None:
        await side.request()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async with staged(large, server={"keep_alive_timeout": 60.0}) as stage, narrow_client(stage) as client:
        await client.send(get())
        await eventually(lambda: stage.upstream.lost.is_set())
        (connection,) = stage.plane.connections
        await eventually(lambda: connection.served is None)
        stage.pass_seconds(61)
        assert connection.lingering is not None
        stage.pass_seconds(FLUSH_SECONDS - 5)
        assert await settled(lambda: len(stage.plane.connections)) == 1
        stage.pass_seconds(10)
        await eventually(lambda: not stage.plane.connections)


EARLY = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"


async def test_an_early_answer_ends_the_upstream_connection_although_the_body_went_through(
    staged: StageMaker,
) -> None:
    rest = asyncio.Event()

    async def early(side: UpstreamSide) -> None:
        head = await side.reader.readuntil(b"\r\n\r\n")
        assert head
        await side.send(EARLY + b"ea")
        await rest.wait()
        await side.reader.readexactly(10)
        await side.send(b"rl")
        await side.reader.read()

    async with staged(early) as stage:
        async with stage.client() as client:
            await client.send(get(method="POST", lines="Content-Length: 10\r\n"))
            await client.reader.readuntil(b"ea")
            await client.send(b"0123456789")
            rest.set()
            assert await client.reader.readexactly(2) == b"rl"
        stage.pass_seconds(LINGER_SECONDS + 0.1)
        await asyncio.wait_for(stage.upstream.lost.wait(), 5)
        assert not stage.plane.context.pools["Wiki"].idle


async def test_an_answer_before_the_body_was_taken_ends_the_upstream_connection(staged: StageMaker) -> None:
    """CL.0: an upstream that answers without reading would read the body as the next request."""

    async def deaf(side: UpstreamSide) -> None:
        side.writer.transport.pause_reading()
        await go.wait()
        await side.send(OK)
        await answered.wait()
        side.writer.transport.resume_reading()
        await side.reader.read()

    go, answered = asyncio.Event(), asyncio.Event()
    async with staged(deaf, app={"reuse_after_body": True}) as stage, stage.client() as client:
        await client.send(get(method="POST", lines="Transfer-Encoding: chunked\r\n"))
        (connection,) = stage.plane.connections
        await eventually(lambda: isinstance(connection.served, Exchange) and connection.served.connection)
        exchange = connection.served
        assert isinstance(exchange, Exchange)
        upstream = exchange.connection
        assert upstream is not None
        # Until a chunk waits in the plane: then all of the request is in, and only the upstream lags behind.
        while not await settled(upstream.transport.get_write_buffer_size, turns=10):
            await client.send(b"8000\r\n" + bytes(0x8000) + b"\r\n")
        await client.send(b"0\r\n\r\n")
        await eventually(lambda: exchange.is_request_over)
        assert upstream.transport.get_write_buffer_size()
        go.set()
        assert (await client.response()).status == 200
        answered.set()
        await eventually(lambda: upstream.state is CLOSED)
        assert not stage.plane.context.pools["Wiki"].idle


async def test_whatever_goes_wrong_while_connecting_denies(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(UpstreamPool):
        async def connect(self, **_: object) -> UpstreamConnection:
            raise RuntimeError("anything")

    context = stage.plane.context
    pools = {name: Broken(pool.upstream, log=context.log) for name, pool in context.pools.items()}
    monkeypatch.setattr(stage.plane, "context", replace(context, pools=pools))
    async with stage.client() as client:
        assert (await client.ask(get())).status == 500
        assert await client.is_closed()
    assert len(stage.log.of("forwarding.failed")) == 1
    stage.log.events.clear()


async def test_nothing_behind_a_last_request_is_heard(stage: Stage) -> None:
    async with stage.client() as client:
        await client.ask(get("/last", lines="Connection: close\r\n") + get("/smuggled"))
        assert await client.is_closed()
    assert [request.start for request in stage.upstream.requests] == [b"GET /last HTTP/1.1"]
