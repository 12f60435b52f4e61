"""A plane that drains: nobody is cut off in the middle, and who could not know of it gets one more answer."""

from __future__ import annotations

import asyncio
import socket

from proxy.forwarding.unread import has_unread
from tests.forwarding.stage import Stage, StageMaker, get
from tests.forwarding.test_upstreams_tunnels import GOING_AWAY, HELLO, SWITCHED, WEBSOCKET
from tests.support.raw_http import read_message
from tests.support.upstreams import UpstreamSide


async def draining(stage: Stage, idle_grace: float = 20.0) -> asyncio.Task[None]:
    task = asyncio.create_task(stage.plane.drain(20, idle_grace=idle_grace))
    await asyncio.sleep(0)
    return task


async def test_a_connection_without_a_request_may_bring_one_more(stage: Stage) -> None:
    async with stage.client() as used, stage.client() as silent:
        assert (await used.ask(get())).get("connection") is None
        await silent.send(b"")
        await stage.ask(get())  # so the one that says nothing was accepted
        drain = await draining(stage)
        for client in (used, silent):
            answer = await client.ask(get())
            assert (answer.status, answer.get("connection")) == (200, b"close")
            assert await client.is_closed()
    await drain


async def test_a_connection_that_brings_none_is_closed_after_the_grace(stage: Stage) -> None:
    async with stage.client() as client:
        await client.ask(get())
        drain = await draining(stage, idle_grace=0.1)
        assert await client.is_closed()
    await drain


async def test_an_answer_that_promised_another_keeps_its_promise(staged: StageMaker) -> None:
    go_on = asyncio.Event()

    async def in_two_parts(side: UpstreamSide) -> None:
        while True:
            await side.request()
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
            await go_on.wait()
            await side.send(b"lf")

    async with staged(in_two_parts) as stage, stage.client() as client:
        await client.send(get())
        begun = await client.reader.readuntil(b"ha")
        assert b"Connection" not in begun
        drain = await draining(stage)
        go_on.set()
        assert await client.reader.readexactly(2) == b"lf"
        last = await client.ask(get())
        assert (last.body, last.get("connection")) == (b"half", b"close")
        await drain


async def test_a_head_that_has_begun_is_waited_for(stage: Stage) -> None:
    async with stage.client() as client:
        head = get()
        await client.send(head[:20])
        await stage.ask(get())  # what was sent before has been read
        drain = await draining(stage, idle_grace=0.01)
        await asyncio.wait((drain,), timeout=0.6)  # two ticks of the plane's timer
        answer = await client.ask(head[20:])
        assert (answer.status, answer.get("connection")) == (200, b"close")
    await drain


async def test_who_waits_to_be_accepted_is_served(staged: StageMaker) -> None:
    async with staged(server={"workers": 2}) as stage:  # so connections are taken one at a time
        waiting = [socket.create_connection(stage.address) for _ in range(5)]
        for each in waiting:
            each.sendall(get())  # the event loop has had no turn since
        drain = await draining(stage)
        for each in waiting:
            each.setblocking(False)
            reader, writer = await asyncio.open_connection(sock=each)
            answer = await read_message(reader, is_response=True)
            assert (answer.status, answer.get("connection")) == (200, b"close")
            writer.close()
            await writer.wait_closed()
        await drain


async def test_who_is_arriving_arrives(staged: StageMaker) -> None:
    server = {"proxy_protocol": True, "trusted_proxies": ("127.0.0.0/8",)}
    async with staged(server=server) as stage, stage.client() as client:
        await client.send(b"PROXY TCP4 192.0.2.9 ")
        async with stage.client() as other:
            await other.ask(b"PROXY UNKNOWN\r\n" + get())  # so the first one was accepted
            drain = await draining(stage)
            answer = await client.ask(b"198.51.100.1 1 2\r\n" + get())
            assert (answer.status, answer.get("connection")) == (200, b"close")
            assert (await other.ask(get())).get("connection") == b"close"
        await drain


async def test_a_websocket_in_the_middle_of_a_frame_is_told_behind_it(staged: StageMaker) -> None:
    go_on = asyncio.Event()

    async def switches(side: UpstreamSide) -> None:
        await side.request()
        await side.send(SWITCHED + HELLO[:4])
        await go_on.wait()
        await side.send(HELLO[4:])
        await side.reader.read()

    async with staged(switches) as stage, stage.client() as client:
        assert (await client.ask(get(lines=WEBSOCKET))).status == 101
        assert await client.reader.readexactly(4) == HELLO[:4]
        drain = await draining(stage)
        go_on.set()
        assert await client.reader.readexactly(len(HELLO) - 4) == HELLO[4:]
        async with asyncio.timeout(10):
            assert await client.reader.readexactly(len(GOING_AWAY)) == GOING_AWAY
            client.writer.close()
            await drain


async def test_bytes_that_nobody_read_are_noticed() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
        assert not has_unread(transport)
        theirs.send(b"GET")
        assert has_unread(transport)
        transport.abort()
