"""What HTTP/1.1 allows an app to do with its answer: at once, in pieces, early, in the old way; in flat memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.forwarding.stage import StageMaker, get
from tests.support.eventually import eventually, settled
from tests.support.upstreams import OK, UpstreamSide, answer

LARGE = 200 * 1024 * 1024
PIECE = bytes(256 * 1024)
FLAT = 32 * 1024 * 1024


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def test_events_arrive_as_they_are_sent(staged: StageMaker) -> None:
    seen = asyncio.Semaphore(0)

    async def events(side: UpstreamSide) -> None:
        await side.request()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(5):
            event = b"data: %d\n\n" % number
            await side.send(b"%x\r\n%b\r\n" % (len(event), event))
            await seen.acquire()  # the next one is sent only after this one has arrived
        await side.send(b"0\r\n\r\n")

    async with staged(events) as stage, stage.client() as client:
        await client.send(get(lines="Accept: text/event-stream\r\n"))
        async with asyncio.timeout(5):
            for number in range(5):
                await client.reader.readuntil(b"data: %d\n\n" % number)
                seen.release()
            await client.reader.readuntil(b"0\r\n\r\n")


async def test_a_head_arrives_before_its_body_begins(staged: StageMaker) -> None:
    go = asyncio.Event()

    async def slow(side: UpstreamSide) -> None:
        await side.request()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await go.wait()
        await side.send(b"ok")

    async with staged(slow) as stage, stage.client() as client:
        await client.send(get())
        async with asyncio.timeout(5):
            assert b"200 OK" in await client.reader.readuntil(b"\r\n\r\n")
            go.set()
            assert await client.reader.readexactly(2) == b"ok"


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.0 204 No Content\r\n\r\n", b""),
    ],
)
async def test_an_http_1_0_upstream_is_understood(staged: StageMaker, raw: bytes, body: bytes) -> None:
    async with staged(answer(raw)) as stage, stage.client() as client:
        for _ in range(2):
            response = await client.ask(get())
            assert response.start.startswith(b"HTTP/1.1 2")
            assert response.body == body
    assert stage.upstream.connections == 2  # such a connection is not used again


@pytest.mark.parametrize("status", [b"417 Expectation Failed", b"413 Content Too Large", b"200 OK"])
async def test_an_upstream_may_answer_instead_of_asking_for_the_body(staged: StageMaker, status: bytes) -> None:
    async def refuse(side: UpstreamSide) -> None:
        await side.reader.readuntil(b"\r\n\r\n")
        await side.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nno")
        await side.reader.read()

    async with staged(refuse) as stage, stage.client() as client:
        response = await client.ask(get(method="PUT", lines="Content-Length: 5\r\nExpect: 100-continue\r\n"))
        assert response.start == b"HTTP/1.1 " + status
        assert response.get("connection") == b"close"
        assert await client.is_closed()
        await asyncio.wait_for(stage.upstream.lost.wait(), 5)


async def test_a_client_need_not_wait_to_be_told_to_continue(staged: StageMaker) -> None:
    async def tells(side: UpstreamSide) -> None:
        await side.reader.readuntil(b"\r\n\r\n")
        await side.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await side.reader.readexactly(5) == b"hello"
        await side.send(OK)

    async with staged(tells) as stage, stage.client() as client:
        await client.send(get(method="PUT", lines="Content-Length: 5\r\nExpect: 100-continue\r\n") + b"hello")
        assert (await client.response()).status == 100
        assert (await client.response()).body == b"ok"


async def test_an_answer_may_flow_while_the_body_still_does(staged: StageMaker) -> None:
    async def upper(side: UpstreamSide) -> None:
        await side.reader.readuntil(b"\r\n\r\n")
        await side.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            data = await side.reader.readexactly(4)
            await side.send(b"4\r\n" + data.upper() + b"\r\n")
        await side.send(b"0\r\n\r\n")

    async with staged(upper) as stage, stage.client() as client, asyncio.timeout(5):
        await client.send(get(method="POST", lines="Content-Length: 12\r\n"))
        await client.reader.readuntil(b"\r\n\r\n")
        for data in (b"abcd", b"efgh", b"ijkl"):
            await client.send(data)
            await client.reader.readuntil(data.upper())
        await client.reader.readuntil(b"0\r\n\r\n")


async def test_the_client_is_told_when_the_upstream_goes_away(staged: StageMaker) -> None:
    async def vanishes(side: UpstreamSide) -> None:
        await side.reader.readuntil(b"\r\n\r\n")
        side.writer.transport.abort()

    async with staged(vanishes) as stage, stage.client() as client:
        await client.send(get(method="POST", lines="Content-Length: 1000000\r\n") + b"x" * 1000)
        assert (await client.response()).status == 502
        assert await client.is_closed()


async def test_an_upstream_that_ends_without_an_answer_or_reading_on_ends_the_upload(staged: StageMaker) -> None:
    async def turns_away(side: UpstreamSide) -> None:
        await side.reader.readuntil(b"\r\n\r\n")
        side.writer.transport.pause_reading()
        await are_full.wait()
        side.writer.write_eof()
        await asyncio.Event().wait()

    are_full = asyncio.Event()
    async with staged(turns_away) as stage, stage.client() as client:
        sent = 0

        async def upload() -> None:
            nonlocal sent
            await client.send(get(method="POST", lines=f"Content-Length: {LARGE}\r\n"))
            while True:
                await client.send(PIECE)
                sent += 1

        task = asyncio.create_task(upload())
        await eventually(lambda: sent)
        (connection,) = stage.plane.connections
        await eventually(lambda: not connection.transport.is_reading())
        await settled(lambda: sent)
        are_full.set()
        async with asyncio.timeout(8):
            assert (await client.response()).status == 502
        task.cancel()


async def test_an_upload_stops_when_the_client_goes_away(staged: StageMaker) -> None:
    async with staged() as stage:
        async with stage.client() as client:
            await client.send(get(method="POST", lines="Content-Length: 1000000\r\n") + b"x" * 1000)
            await eventually(lambda: stage.upstream.connections)
            client.abort()
        await asyncio.wait_for(stage.upstream.lost.wait(), 5)
        await eventually(lambda: not stage.plane.connections)
        assert not stage.upstream.requests


async def test_a_connection_that_is_being_made_ends_with_its_client(staged: StageMaker) -> None:
    async with staged(app={"upstream": "http://192.0.2.1:9", "connect_timeout": 30.0}) as stage:
        (server,) = stage.plane.context.pools["Wiki"].servers
        async with stage.client() as client:
            await client.send(get())
            await eventually(lambda: server.in_flight or stage.log.of("request.refused"))
        await eventually(lambda: not stage.plane.connections)
        await eventually(lambda: not server.in_flight)


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_large_download_costs_no_memory(staged: StageMaker, is_chunked: bool) -> None:
    async def flood(side: UpstreamSide) -> None:
        await side.request()
        framing = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % LARGE
        await side.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
        piece = b"40000\r\n" + PIECE + b"\r\n" if is_chunked else PIECE
        for _ in range(LARGE // len(PIECE)):
            await side.send(piece)
        if is_chunked:
            await side.send(b"0\r\n\r\n")

    async with staged(flood) as stage, stage.client() as client:
        before = most = resident_bytes()
        await client.send(get())
        left = LARGE
        async with asyncio.timeout(20):
            while left > 0:
                left -= len(await client.reader.read(2**20))
                most = max(most, resident_bytes())
        assert most - before < FLAT


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_large_upload_costs_no_memory(staged: StageMaker, is_chunked: bool) -> None:
    async def swallow(side: UpstreamSide) -> None:
        await side.reader.readuntil(b"\r\n\r\n")
        left, tail = LARGE, b""
        while left > 0 or (is_chunked and not tail.endswith(b"0\r\n\r\n")):
            data = await side.reader.read(2**20)
            left -= len(data)
            tail = (tail + data)[-5:]
        await side.send(OK)

    async with staged(swallow) as stage, stage.client() as client:
        before = most = resident_bytes()
        framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {LARGE}"
        await client.send(get(method="POST", lines=framing + "\r\n"))
        piece = b"40000\r\n" + PIECE + b"\r\n" if is_chunked else PIECE
        async with asyncio.timeout(20):
            for _ in range(LARGE // len(PIECE)):
                await client.send(piece)
                most = max(most, resident_bytes())
            if is_chunked:
                await client.send(b"0\r\n\r\n")
            assert (await client.response()).status == 200
        assert most - before < FLAT
