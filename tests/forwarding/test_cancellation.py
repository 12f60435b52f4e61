"""Whenever a client leaves or its session ends, nothing of it stays: no task, no connection, nothing in a pool."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest

from proxy.forwarding.client_connection import HALF_CLOSED_SECONDS
from proxy.sessions.session import Session
from tests.forwarding.stage import ALICE_TOKEN, Stage, StageMaker, get
from tests.support.eventually import eventually, settled
from tests.support.raw_http import RawClient
from tests.support.upstreams import OK, UpstreamSide

POST = get(method="POST", lines="Content-Length: 1000000\r\n")
UPGRADE = get(lines="Upgrade: websocket\r\nConnection: upgrade\r\n")
SWITCHING = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"


class Counted:
    """An upstream's handler that knows its open connections."""

    def __init__(self, act: Callable[[UpstreamSide], Awaitable[None]]) -> None:
        self.act = act
        self.open: set[UpstreamSide] = set()

    async def __call__(self, side: UpstreamSide) -> None:
        self.open.add(side)
        try:
            await self.act(side)
            while await side.reader.read(65536):
                pass
        finally:
            self.open.discard(side)

    def read_on(self) -> None:
        """Also where nothing was read: only then can it be seen that the other side has ended."""
        for side in self.open:
            side.writer.transport.resume_reading()


async def silent(side: UpstreamSide) -> None:
    await side.request()


async def reads_nothing(side: UpstreamSide) -> None:
    side.writer.transport.pause_reading()


async def half_an_answer(side: UpstreamSide) -> None:
    await side.request()
    await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")


async def half_a_head(side: UpstreamSide) -> None:
    await side.request()
    await side.send(b"HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 200 O")


async def events(side: UpstreamSide) -> None:
    await side.request()
    await side.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not side.reader.at_eof():
        await side.send(b"9\r\ndata: x\n\n\r\n")
        await asyncio.sleep(0.01)  # what this app does: it has something to tell from time to time


async def floods(side: UpstreamSide) -> None:
    await side.request()
    await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
    while True:
        await side.send(bytes(65536))


async def early(side: UpstreamSide) -> None:
    await side.reader.readuntil(b"\r\n\r\n")
    await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nearly")


async def tunnel(side: UpstreamSide) -> None:
    await side.request()
    await side.send(SWITCHING + b"hello")


PLACES = {
    "no answer yet": (silent, get(), b""),
    "the body is coming": (silent, POST + b"half", b""),
    "the body is not taken": (reads_nothing, POST + bytes(900_000), b""),
    "half an answer's head": (half_a_head, get(), b"102"),
    "half an answer": (half_an_answer, get(), b"half"),
    "an early answer": (early, POST + b"half", b"early"),
    "a stream of events": (events, get(), b"data: x"),
    "the client reads nothing": (floods, get(), b"200 OK"),
    "a tunnel": (tunnel, UPGRADE, b"hello"),
    "an upgrade without an answer": (silent, UPGRADE, b""),
    "pipelined": (silent, get() * 5, b""),
}


def others() -> set[asyncio.Task[object]]:
    return asyncio.all_tasks()


async def until_nothing_is_left(stage: Stage, handler: Counted, tasks: set[asyncio.Task[object]]) -> None:
    async with asyncio.timeout(5):
        await stage.plane.until_empty()
    handler.read_on()
    await eventually(lambda: not handler.open)
    await eventually(lambda: not {task for task in others() - tasks if not task.done()})
    for pool in stage.plane.context.pools.values():
        assert not pool.idle
        assert all(server.in_flight == 0 for server in pool.servers)
    assert not stage.plane.listeners.per_network


def abort(stage: Stage, client: RawClient) -> None:
    """As a process that is killed with unread data leaves: by a reset. Closing alone says half a goodbye."""
    sock = client.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.abort()


def half_close(stage: Stage, client: RawClient) -> None:
    client.writer.write_eof()
    client.abort()


def end_session(stage: Stage, client: RawClient) -> None:
    stage.plane.end_session("id-of-alice")


@pytest.mark.parametrize("leave", [abort, half_close, end_session])
@pytest.mark.parametrize("place", PLACES)
async def test_nothing_stays_of_a_request_that_was_left(
    staged: StageMaker, place: str, leave: Callable[[Stage, RawClient], None]
) -> None:
    act, raw, seen = PLACES[place]
    handler = Counted(act)
    async with staged(handler) as stage:
        tasks = others()
        async with stage.client() as client:
            client.writer.write(raw)
            if seen:
                await client.reader.readuntil(seen)
            else:
                await eventually(lambda: handler.open)
            leave(stage, client)
            await settled(lambda: stage.plane.open_connections)
            if leave is half_close:  # who has ended their stream may still wait for the answer, or be gone
                stage.pass_seconds(HALF_CLOSED_SECONDS + 0.1)
            assert await settled(lambda: stage.plane.open_connections) == 0
            await until_nothing_is_left(stage, handler, tasks)
        assert not stage.log.of("forwarding.failed")


@pytest.mark.parametrize("ticks", range(12))
async def test_a_client_that_leaves_while_connecting_leaves_no_connection(staged: StageMaker, ticks: int) -> None:
    """At each turn of the loop between the request and the upstream's first read."""
    handler = Counted(silent)
    async with staged(handler) as stage:
        stage.sessions.warm.add(ALICE_TOKEN)
        tasks = others()
        async with stage.client() as client:
            client.writer.write(get())
            for _ in range(ticks):
                await asyncio.sleep(0)
            for connection in list(stage.plane.connections):
                connection.transport.abort()
            client.abort()
            await settled(lambda: stage.plane.open_connections + stage.upstream.connections)
            await until_nothing_is_left(stage, handler, tasks)


async def test_a_client_that_leaves_an_upstream_which_never_accepts_leaves_nothing(staged: StageMaker) -> None:
    with socket.socket() as deaf, socket.socket() as filler, socket.socket() as filler_2:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for each in (filler, filler_2):
            each.setblocking(False)
            each.connect_ex(deaf.getsockname())
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        async with staged(app={"upstream": url, "connect_timeout": "30s"}) as stage:
            tasks = others()
            async with stage.client() as client:
                await client.send(get())
                await eventually(lambda: any(each.served for each in stage.plane.connections))
                abort(stage, client)
                await until_nothing_is_left(stage, Counted(silent), tasks)


async def test_a_client_that_leaves_during_the_look_up_leaves_nothing(
    staged: StageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, cancelled = asyncio.Event(), asyncio.Event()

    async def find(token: bytes, host: str, now: float) -> Session | None:
        waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return None

    handler = Counted(silent)
    async with staged(handler) as stage:
        monkeypatch.setattr(stage.sessions, "find", find)
        tasks = others()
        async with stage.client() as client:
            await client.send(get())
            await asyncio.wait_for(waiting.wait(), 5)
            abort(stage, client)
            await until_nothing_is_left(stage, handler, tasks)
            assert cancelled.is_set()
        assert stage.upstream.connections == 0


async def test_a_client_that_leaves_the_portal_leaves_nothing(staged: StageMaker) -> None:
    async with staged() as stage:
        tasks = others()
        async with stage.client() as client:
            await client.send(get("/.gatepost/sign-in", method="POST", lines="Content-Length: 5\r\n") + b"hal")
            await eventually(lambda: stage.portal.connections)
            abort(stage, client)
            await asyncio.wait_for(stage.portal.lost.wait(), 5)
        await eventually(lambda: not stage.plane.connections)
        await eventually(lambda: not {task for task in others() - tasks if not task.done()})
        assert not stage.plane.context.pools[""].idle


async def test_a_client_that_leaves_does_not_disturb_the_next_on_the_same_upstream(staged: StageMaker) -> None:
    async def answers(side: UpstreamSide) -> None:
        while True:
            await side.request()
            await side.send(OK)

    async with staged(answers) as stage:
        for ticks in range(60):
            async with stage.client() as client:
                client.writer.write(get(f"/{ticks}"))
                for _ in range(ticks % 20):
                    await asyncio.sleep(0)
                client.abort()
            async with stage.client() as other:
                assert (await other.ask(get("/other"))).body == b"ok"
