"""What a session has open is found by its id, also where a connection changes hands."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from proxy.sessions.open_by_session import OpenBySession
from tests.forwarding.stage import ALICE_TOKEN, Stage, StageMaker, get, session_of
from tests.support.upstreams import UpstreamSide

CAROL_TOKEN = b"C" * 43
WEBSOCKET = "Upgrade: websocket\r\nConnection: Upgrade\r\n"


def test_what_is_closed_leaves_no_key_behind() -> None:
    opened: OpenBySession[str] = OpenBySession()
    opened.add("one", "a")
    opened.add("one", "b")
    opened.add("two", "c")
    assert set(opened.of("one")) == {"a", "b"}
    opened.discard("one", "a")
    assert opened.of("one") == ("b",)
    opened.discard("one", "b")
    opened.discard("one", "b")
    assert opened.of("one") == ()
    assert len(opened) == 1


async def answer_page_and_begin_stream(side: UpstreamSide) -> None:
    while True:
        request = await side.request()
        if b" /stream " in request.start:
            await side.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
            await side.reader.read()
            return
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


async def test_an_end_finds_a_connection_that_carried_another_session_before(staged: StageMaker) -> None:
    async with staged(answer_page_and_begin_stream) as stage, stage.client() as client:
        stage.sessions.by_token[CAROL_TOKEN] = session_of("carol", principal=session_of("alice").principal)
        assert (await client.ask(get("/page"))).status == 200
        await client.send(get("/stream", token=CAROL_TOKEN))
        await client.reader.readuntil(b"1\r\nx")
        stage.plane.end_session("id-of-alice")
        (connection,) = stage.plane.connections_of.of("id-of-carol")
        assert not connection.transport.is_closing()
        stage.plane.end_session("id-of-carol")
        async with asyncio.timeout(5):
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await client.reader.readuntil(b"0\r\n\r\n")


async def test_an_end_looks_only_at_what_hangs_on_its_session(staged: StageMaker) -> None:
    async def switch(side: UpstreamSide) -> None:
        while (await side.request()).get("upgrade") is None:
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await side.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        await side.reader.read()

    async with staged(switch) as stage:
        stage.sessions.by_token[CAROL_TOKEN] = session_of("carol", principal=session_of("alice").principal)
        async with AsyncExitStack() as stack:
            for token, lines in ((None, ""), (CAROL_TOKEN, ""), (CAROL_TOKEN, WEBSOCKET), (ALICE_TOKEN, WEBSOCKET)):
                client = await stack.enter_async_context(stage.client())
                await client.ask(get(token=token, lines=lines))
            plane = stage.plane
            assert plane.open_connections == 4
            assert len(plane.connections_of.of("id-of-carol")) == 1
            assert len(plane.tunnels_of.of("id-of-carol")) == 1
            assert plane.connections_of.of("id-of-alice") == ()
            assert len(plane.tunnels_of.of("id-of-alice")) == 1
        await is_forgotten(stage)


async def is_forgotten(stage: Stage) -> None:
    async with asyncio.timeout(5):
        await stage.plane.until_empty()
    assert not len(stage.plane.connections_of)
    assert not len(stage.plane.tunnels_of)
