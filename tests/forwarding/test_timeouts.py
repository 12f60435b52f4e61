"""Every wait has an end that the settings name, and only the waits that are over end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from proxy.forwarding.tunnel import FLUSH_SECONDS, HALF_CLOSED_SECONDS
from proxy.upstreams.connection import WRITE_BUFFER_BYTES
from tests.forwarding.stage import Stage, StageMaker, get
from tests.support.eventually import eventually, settled
from tests.support.raw_http import RawClient, read_head
from tests.support.upstreams import OK, UpstreamSide

UPGRADE = "Upgrade: x\r\nConnection: upgrade\r\n"
SWITCHED = b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"


async def echo(side: UpstreamSide) -> None:
    await side.request()
    await side.send(SWITCHED)
    while data := await side.reader.read(1000):
        await side.send(data)


async def send_on(send: Callable[[bytes], Awaitable[None]]) -> None:
    """For as long as something fits on the way."""
    while True:
        await send(bytes(100_000))


# Clients.


async def test_a_slow_head_is_cut_short_however_it_trickles(staged: StageMaker) -> None:
    async with staged(server={"head_timeout": 0.5}) as stage, stage.client() as client:

        async def trickle() -> None:
            for byte in get(lines="X: " + "y" * 1000 + "\r\n"):
                await client.send(bytes((byte,)))
                await asyncio.sleep(0.05)  # what this client does: it dribbles

        task = asyncio.create_task(trickle())
        assert (await client.response()).status == 408
        task.cancel()
        assert await client.is_closed()


async def test_an_idle_connection_is_closed(staged: StageMaker) -> None:
    async with staged(server={"keep_alive_timeout": 60.0}) as stage, stage.client() as client:
        for _ in range(2):
            assert (await client.ask(get())).status == 200
            stage.pass_seconds(50)
        stage.pass_seconds(11)
        assert await client.is_closed()
        async with stage.client() as silent:
            await eventually(lambda: len(stage.plane.connections) == 1)
            stage.pass_seconds(50)
            assert len(stage.plane.connections) == 1
            stage.pass_seconds(11)
            assert await silent.is_closed()


async def test_a_body_that_trickles_is_cut_short(staged: StageMaker) -> None:
    async with staged(server={"min_body_rate": 1000}, app={"idle_timeout": 0.5}) as stage, stage.client() as client:
        await client.send(get(method="POST", lines="Content-Length: 100000\r\n"))

        async def trickle() -> None:
            while True:
                await client.send(b"x")
                await asyncio.sleep(0.05)  # what this client does: it dribbles

        task = asyncio.create_task(trickle())
        assert (await client.response()).status == 408
        task.cancel()


@pytest.mark.parametrize("rate", [0, 1000])
async def test_a_body_that_keeps_its_rate_goes_through(staged: StageMaker, rate: int) -> None:
    piece = b"x" * (40_000 if rate else 1)
    here = asyncio.Semaphore(0)

    async def reads_in_pieces(side: UpstreamSide) -> None:
        await side.reader.readuntil(b"\r\n\r\n")
        for _ in range(10):
            await side.reader.readexactly(len(piece))
            here.release()
        await side.send(OK)

    server, app = {"min_body_rate": rate}, {"idle_timeout": 60.0}
    async with staged(reads_in_pieces, server=server, app=app) as stage, stage.client() as client, asyncio.timeout(5):
        await client.send(get(method="POST", lines=f"Content-Length: {len(piece) * 10}\r\n"))
        for _ in range(9):
            await client.send(piece)
            await here.acquire()
            stage.pass_seconds(15)
        await client.send(piece)
        assert (await client.response()).status == 200


async def test_a_body_below_its_rate_is_cut_short_however_it_moves(staged: StageMaker) -> None:
    here = asyncio.Semaphore(0)

    async def reads_all(side: UpstreamSide) -> None:
        while await side.reader.read(100_000):
            here.release()

    server, app = {"min_body_rate": 1000}, {"idle_timeout": 60.0}
    async with staged(reads_all, server=server, app=app) as stage, stage.client() as client, asyncio.timeout(5):
        await client.send(get(method="POST", lines="Content-Length: 1000000\r\n"))
        await here.acquire()
        for _ in range(4):
            await client.send(bytes(14_000))
            await here.acquire()
            stage.pass_seconds(15)
        assert (await client.response()).status == 408


async def test_a_body_that_the_upstream_does_not_read_is_the_upstreams_fault(staged: StageMaker) -> None:
    async def deaf(side: UpstreamSide) -> None:
        side.writer.transport.pause_reading()
        await asyncio.Event().wait()

    async with staged(deaf, app={"idle_timeout": 0.5, "first_byte_timeout": 0.5}) as stage, stage.client() as client:
        size = 64 * 1024 * 1024

        async def upload() -> None:
            await client.send(get(method="POST", lines=f"Content-Length: {size}\r\n"))
            while True:
                await client.send(bytes(64 * 1024))

        task = asyncio.create_task(upload())
        assert (await client.response()).status == 504
        task.cancel()


# Upstreams.


async def test_a_server_that_does_not_accept_is_given_up_in_time(staged: StageMaker) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        host, port = full.getsockname()
        with socket.create_connection((host, port)), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex((host, port))
            url = f"http://{host}:{port}"
            async with staged(app={"upstream": url, "connect_timeout": 0.3}) as stage:
                async with asyncio.timeout(5):
                    assert (await stage.ask(get())).status == 502
                assert "in time" in stage.log.of("request.refused")[0]["reason"]


async def test_an_unused_connection_to_an_upstream_is_closed_in_time(staged: StageMaker) -> None:
    async with staged(app={"keep_alive_timeout": 30.0}) as stage, stage.client() as client:
        assert (await client.ask(get())).status == 200
        stage.pass_seconds(29)
        assert len(stage.plane.context.pools["Wiki"].idle) == 1
        stage.pass_seconds(2)
        assert not stage.plane.context.pools["Wiki"].idle
        assert (await client.ask(get())).status == 200
        assert stage.upstream.connections == 2


async def test_a_slow_answer_that_moves_is_not_cut(staged: StageMaker) -> None:
    async def slow(side: UpstreamSide) -> None:
        await side.request()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        for _ in range(10):
            await go_on.acquire()
            await side.send(b"x")

    go_on = asyncio.Semaphore(0)
    async with staged(slow, app={"idle_timeout": 60.0}) as stage, stage.client() as client, asyncio.timeout(5):
        await client.send(get())
        assert (await read_head(client.reader)).status == 200
        for _ in range(10):
            stage.pass_seconds(15)
            go_on.release()
            assert await client.reader.readexactly(1) == b"x"


# Tunnels.


async def test_a_tunnel_may_be_silent_for_as_long_as_its_app_allows(staged: StageMaker) -> None:
    async with staged(echo, app={"tunnel_idle_timeout": 60.0}) as stage, stage.client() as client:
        assert (await client.ask(get(lines=UPGRADE))).status == 101
        for _ in range(6):
            stage.pass_seconds(40)
            await client.send(b"x")
            assert await client.reader.readexactly(1) == b"x"
        stage.pass_seconds(40)
        assert len(stage.plane.tunnels) == 1
        stage.pass_seconds(61)
        assert await client.is_closed()
        await asyncio.wait_for(stage.upstream.lost.wait(), 5)
    assert not stage.plane.tunnels


async def test_a_tunnel_has_no_idle_limit_unless_one_is_set(staged: StageMaker) -> None:
    async with staged(echo) as stage, stage.client() as client:
        assert (await client.ask(get(lines=UPGRADE))).status == 101
        stage.pass_seconds(1_000_000)
        await client.send(b"x")
        assert await client.reader.readexactly(1) == b"x"


async def test_a_half_closed_tunnel_in_which_nothing_moves_ends(staged: StageMaker) -> None:
    has_heard_the_end = asyncio.Event()

    async def silent(side: UpstreamSide) -> None:
        await side.request()
        await side.send(SWITCHED)
        assert await side.reader.read() == b""
        has_heard_the_end.set()
        await asyncio.Event().wait()

    async with staged(silent) as stage, stage.client() as client:
        assert (await client.ask(get(lines=UPGRADE))).status == 101
        client.writer.write_eof()
        await asyncio.wait_for(has_heard_the_end.wait(), 5)
        stage.pass_seconds(HALF_CLOSED_SECONDS - 2)
        assert len(stage.plane.tunnels) == 1
        stage.pass_seconds(4)
        assert await client.is_closed()
        await eventually(lambda: not stage.plane.tunnels)


@pytest.mark.parametrize("deaf", ["client", "upstream"])
async def test_a_tunnel_whose_remaining_side_never_reads_does_not_stay(staged: StageMaker, deaf: str) -> None:
    leaves = asyncio.Event()

    async def send_and_leave(side: UpstreamSide | RawClient) -> None:
        side.writer.transport.set_write_buffer_limits(0)
        sending = asyncio.create_task(send_on(side.send))
        await leaves.wait()
        sending.cancel()
        side.writer.transport.abort()

    async def upstream(side: UpstreamSide) -> None:
        await side.request()
        await side.send(SWITCHED)
        if deaf == "client":
            await send_and_leave(side)
        else:
            side.writer.transport.pause_reading()
            await asyncio.Event().wait()

    async with staged(upstream) as stage, stage.client() as client:
        assert (await client.ask(get(lines=UPGRADE))).status == 101
        client.writer.transport.pause_reading()
        leaving = asyncio.create_task(send_and_leave(client)) if deaf == "upstream" else None
        (tunnel,) = stage.plane.tunnels
        await eventually(lambda: tunnel.unsent_bytes > WRITE_BUFFER_BYTES)
        assert await settled(lambda: tunnel.unsent_bytes) > WRITE_BUFFER_BYTES / 2
        leaves.set()
        if leaving is not None:
            await leaving
        stage.pass_seconds(FLUSH_SECONDS - 5)
        assert len(stage.plane.tunnels) == 1
        stage.pass_seconds(10)
        await eventually(lambda: not stage.plane.tunnels)
        assert stage.plane.context.pools["Wiki"].servers[0].in_flight == 0


async def test_what_a_client_sends_through_a_tunnel_uses_its_session(staged: StageMaker) -> None:
    async def chatty(side: UpstreamSide) -> None:
        await side.request()
        await side.send(SWITCHED + b"unasked")
        await side.reader.read(1)
        has_come.set()
        await asyncio.Event().wait()

    has_come = asyncio.Event()
    async with staged(chatty) as stage, stage.client() as client:
        assert (await client.ask(get(lines=UPGRADE))).status == 101
        assert await client.reader.readexactly(7) == b"unasked"
        stage.pass_seconds(2)
        assert not stage.sessions.used
        await client.send(b"x")
        await asyncio.wait_for(has_come.wait(), 5)
        stage.pass_seconds(2)
        assert stage.sessions.used == ["id-of-alice"]


_LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf"
_STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"


@pytest.mark.parametrize(
    ("asked", "answered", "is_use"),
    [
        (get(method="PUT", lines="Content-Length: 20\r\n"), b"", True),
        (get(), _LONG, True),
        (get(), _STREAM, False),
        (get(), b"", False),
    ],
    ids=["an upload", "a download", "a stream of events", "a long poll"],
)
async def test_a_body_that_takes_long_uses_its_session(
    staged: StageMaker, asked: bytes, answered: bytes, is_use: bool
) -> None:
    """Or it would be cut where the person's idle time ends."""

    async def slow(side: UpstreamSide) -> None:
        await side.reader.readuntil(b"\r\n\r\n")
        await side.send(answered)
        has_come.set()
        await asyncio.Event().wait()

    has_come = asyncio.Event()
    async with staged(slow) as stage, stage.client() as client:
        await client.send(asked)
        await asyncio.wait_for(has_come.wait(), 5)
        if answered:
            await client.reader.readuntil(b"half")
        for _ in range(3):
            stage.pass_seconds(1.5)
        assert set(stage.sessions.used) == ({"id-of-alice"} if is_use else set())


async def test_closing_cuts_what_is_in_flight_after_its_grace(staged: StageMaker) -> None:
    async def never(side: UpstreamSide) -> None:
        request = await side.request()
        if request.get("upgrade"):
            await side.send(SWITCHED)
        await side.reader.read()

    async with staged(never) as stage, stage.client() as busy, stage.client() as tunnel:
        await busy.send(get())
        assert (await tunnel.ask(get(lines=UPGRADE))).status == 101
        await asyncio.wait_for(stage.upstream.arrived.wait(), 5)
        async with asyncio.timeout(5):
            await stage.plane.close(0.3)
        assert await busy.is_closed()
        assert await tunnel.is_closed()


async def test_an_answer_in_flight_and_its_ok_survive_the_drain(stage: Stage) -> None:
    async with stage.client() as client:
        assert (await client.ask(get())).body == OK[-2:]
        await stage.plane.close(1)
        assert await client.is_closed()
