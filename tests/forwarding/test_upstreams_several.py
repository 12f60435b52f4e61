"""Several servers of one app: the least busy is asked, one that fails is left out and comes back, sessions can stay."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from proxy.forwarding.client_connection import HALF_CLOSED_SECONDS
from proxy.upstreams.health import SOUND, Health
from tests.forwarding.stage import BOB_TOKEN, Stage, StageMaker, get
from tests.support.eventually import eventually, settled
from tests.support.upstreams import OK, Handler, RecordingUpstream, UpstreamSide, answer_ok, recording_upstream

MANY = 200
"""Draws of equal chance: of two servers, each has its turn."""
BROKEN = b"hello\r\n\r\n"


def says(name: bytes) -> Handler:
    async def handle(side: UpstreamSide) -> None:
        while True:
            await side.request()
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(name), name))

    return handle


@asynccontextmanager
async def several(
    staged: StageMaker, *handlers: Handler, **app: Any
) -> AsyncIterator[tuple[Stage, list[RecordingUpstream]]]:
    async with AsyncExitStack() as stack:
        upstreams = [await stack.enter_async_context(recording_upstream(each)) for each in handlers]
        options = {"upstream": None, "upstreams": tuple(each.url for each in upstreams), **app}
        yield await stack.enter_async_context(staged(app=options)), upstreams


def unused_url() -> str:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{sock.getsockname()[1]}"


async def test_requests_go_where_the_fewest_are_in_flight(staged: StageMaker) -> None:
    go = asyncio.Event()

    async def slow(side: UpstreamSide) -> None:
        while True:
            await side.request()
            await go.wait()
            await side.send(OK)

    async with several(staged, slow, slow, slow) as (stage, upstreams), AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(stage.client()) for _ in range(9)]
        for client in clients:
            await client.send(get())
        await eventually(lambda: sum(len(each.requests) for each in upstreams) == 9)
        assert [len(each.requests) for each in upstreams] == [3, 3, 3]
        go.set()
        for client in clients:
            assert (await client.response()).status == 200
        assert [server.in_flight for server in stage.plane.context.pools["Wiki"].servers] == [0, 0, 0]


async def test_a_server_that_cannot_be_reached_costs_nobody_an_answer(staged: StageMaker) -> None:
    async with recording_upstream() as good:
        app = {"upstream": None, "upstreams": (unused_url(), good.url)}
        async with staged(app=app) as stage, stage.client() as client:
            for method in ("GET", "POST", "GET", "POST", "GET", "GET", "GET", "GET"):
                lines = "Content-Length: 2\r\n" if method == "POST" else ""
                raw = get(method=method, lines=lines) + (b"hi" if method == "POST" else b"")
                assert (await client.ask(raw)).status == 200
                for connection in stage.plane.context.pools["Wiki"].idle:
                    connection.abort()  # so that the choice is made again
        assert len(good.requests) == 8


async def test_a_server_that_fails_is_left_out_logged_and_comes_back(staged: StageMaker) -> None:
    is_broken = True

    async def moody(side: UpstreamSide) -> None:
        while True:
            await side.request()
            await side.send(BROKEN if is_broken else OK)

    async with several(staged, moody, answer_ok) as (stage, upstreams):
        pool = stage.plane.context.pools["Wiki"]
        statuses = []
        async with stage.client() as client:
            while pool.servers[0].health.is_sound:
                statuses.append((await client.ask(get())).status)
            assert statuses.count(502) == 3
            (event,) = stage.log.of("upstream.ejected")
            assert event["server"] == upstreams[0].url
            assert event["reason"] == "status line"
            before = len(upstreams[0].requests)
            for _ in range(10):
                assert (await client.ask(get())).status == 200
            assert len(upstreams[0].requests) == before
            is_broken = False
            async with asyncio.timeout(10):
                while not stage.log.of("upstream.restored"):
                    stage.pass_seconds(0.2)
                    assert (await client.ask(get())).status == 200
        assert pool.servers[0].health.is_sound


async def test_the_last_server_is_kept_and_fails_fast(staged: StageMaker) -> None:
    app = {"upstream": None, "upstreams": (unused_url(), unused_url())}
    async with staged(app=app) as stage, stage.client() as client:
        async with asyncio.timeout(2):
            for _ in range(20):
                assert (await client.ask(get())).status == 502
        assert [server.health.is_sound for server in stage.plane.context.pools["Wiki"].servers].count(True) == 1
        assert "connection refused" in stage.log.of("request.refused")[-1]["reason"]


async def test_a_post_probes_nothing(staged: StageMaker) -> None:
    async def broken(side: UpstreamSide) -> None:
        await side.request()
        await side.send(BROKEN)

    async with several(staged, broken, answer_ok) as (stage, upstreams), stage.client() as client:
        pool = stage.plane.context.pools["Wiki"]
        while pool.servers[0].health.is_sound:
            await client.ask(get())
        async with asyncio.timeout(5):
            while not pool.servers[0].health.is_probe_due(asyncio.get_running_loop().time()):
                stage.pass_seconds(0.2)
                assert (await client.ask(get(method="POST", lines="Content-Length: 0\r\n"))).status == 200
        before = len(upstreams[0].requests)
        assert (await client.ask(get(method="POST", lines="Content-Length: 0\r\n"))).status == 200
        assert len(upstreams[0].requests) == before


async def test_a_client_that_breaks_its_own_upload_gets_no_server_left_out(staged: StageMaker) -> None:
    async def hangs_up(side: UpstreamSide) -> None:
        await side.reader.readuntil(b"\r\n\r\n")
        side.writer.transport.abort()

    async with several(staged, hangs_up, hangs_up) as (stage, _):
        for _ in range(8):
            assert (await stage.ask(get(method="POST", lines="Content-Length: 100\r\n") + b"part")).status == 502
        assert all(server.health.failures == 0 for server in stage.plane.context.pools["Wiki"].servers)


async def test_a_session_stays_at_its_server_where_asked_for(staged: StageMaker) -> None:
    handlers = [says(b"%d" % n) for n in range(4)]
    async with several(staged, *handlers, sticky=True, groups=None) as (stage, _):
        for token in (None, BOB_TOKEN):
            bodies = set()
            for _ in range(6):
                async with stage.client() as client:
                    raw = get() if token is None else get(token=token)
                    bodies.add((await client.ask(raw)).body)
                    bodies.add((await client.ask(raw)).body)
            assert len(bodies) == 1


async def test_a_session_moves_when_its_server_is_gone(staged: StageMaker) -> None:
    async with recording_upstream() as good:
        app = {"upstream": None, "upstreams": (unused_url(), good.url, unused_url()), "sticky": True}
        async with staged(app=app) as stage, stage.client() as client:
            for _ in range(5):
                assert (await client.ask(get())).status == 200


async def test_each_server_sees_its_own_host_where_asked_for(staged: StageMaker) -> None:
    async with several(staged, answer_ok, answer_ok, preserve_host=False) as (stage, upstreams):
        for _ in range(MANY):  # chance decides between servers that have nothing to do
            async with stage.client() as client:
                body = b"\r\nHost: not-this\r\n"
                raw = get("/x?Host:", method="POST", lines=f"Content-Length: {len(body)}\r\n")
                assert (await client.ask(raw + body)).status == 200
            if all(each.requests for each in upstreams):
                break
        assert all(each.requests for each in upstreams)
        for each in upstreams:
            for request in each.requests:
                assert request.all("host") == [each.url.removeprefix("http://").encode()]
                assert request.body == b"\r\nHost: not-this\r\n"


@pytest.mark.parametrize("first", [0, 1])
async def test_what_is_sent_once_more_elsewhere_names_the_host_of_that_server(staged: StageMaker, first: int) -> None:
    """Requests are written for the first server, and sent with another `Host` to all others."""
    left_out = Health(probe_at=float("inf"))

    async def dies_on_the_second(side: UpstreamSide) -> None:
        if (await side.request()).start == b"GET /again HTTP/1.1":
            return await side.send(OK)
        await side.send(OK)
        await side.request()
        one.health, other.health = left_out, SOUND
        return None

    handlers = (dies_on_the_second, dies_on_the_second)
    async with several(staged, *handlers, preserve_host=False) as (stage, upstreams), stage.client() as client:
        servers = stage.plane.context.pools["Wiki"].servers
        one, other = servers[first], servers[1 - first]
        other.health = left_out
        assert (await client.ask(get("/"))).status == 200
        assert (await client.ask(get("/again"))).status == 200
        hosts = [[request.all("host") for request in each.requests] for each in upstreams]
        own = [[each.url.removeprefix("http://").encode()] for each in upstreams]
        assert hosts[first] == [own[first], own[first]]
        assert hosts[1 - first] == [own[1 - first]]


async def test_an_active_check_leaves_a_server_out_and_takes_it_back(staged: StageMaker) -> None:
    is_well = True
    checks = asyncio.Event()

    async def moody(side: UpstreamSide) -> None:
        while True:
            request = await side.request()
            if request.start == b"GET /healthz HTTP/1.1":
                checks.set()
                await side.send(OK if is_well else b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n")
            else:
                await side.send(OK)

    async with several(staged, moody, answer_ok, health_check="/healthz", health_check_interval=5.0) as (stage, ups):

        def is_well_at_the_next_check() -> bool:
            stage.pass_seconds(5.0)
            return first.health.is_sound

        (first, second) = stage.plane.context.pools["Wiki"].servers
        async with asyncio.timeout(10):
            await checks.wait()
            is_well = False
            await eventually(lambda: not is_well_at_the_next_check())
            assert second.health.is_sound
            for _ in range(5):
                assert (await stage.ask(get())).status == 200
            assert all(request.start != b"GET / HTTP/1.1" for request in ups[0].requests)
            is_well = True
            await eventually(is_well_at_the_next_check)
        assert len(stage.log.of("upstream.ejected")) == len(stage.log.of("upstream.restored")) == 1


# A bound of connections.


@pytest.mark.parametrize("waits", [1, 2])
async def test_requests_beyond_the_limit_wait_in_turn(staged: StageMaker, waits: int) -> None:
    go = asyncio.Queue[None]()

    async def one_by_one(side: UpstreamSide) -> None:
        while True:
            request = await side.request()
            await go.get()
            body = request.start.split()[1]
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async with staged(one_by_one, app={"max_connections": 2}) as stage, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(stage.client()) for _ in range(2 + waits)]
        pool = stage.plane.context.pools["Wiki"]
        for number, client in enumerate(clients):
            await client.send(get(f"/{number}"))
            await eventually(lambda so_far=number: pool.waiting + pool.servers[0].in_flight > so_far)
        for _ in clients:
            go.put_nowait(None)
        for number, client in enumerate(clients):
            assert (await client.response()).body == b"/%d" % number
        assert stage.upstream.connections == 2
        assert [request.start.split()[1] for request in stage.upstream.requests][2:] == [
            b"/%d" % number for number in range(2, 2 + waits)
        ]
        assert pool.servers[0].in_flight == 0
        assert not pool.waiting


async def test_a_full_queue_is_answered_503_at_once(staged: StageMaker) -> None:
    async def never(side: UpstreamSide) -> None:
        await side.request()
        await side.reader.read()

    async with staged(never, app={"max_connections": 1}) as stage, stage.client() as one, stage.client() as two:
        await one.send(get())
        await asyncio.wait_for(stage.upstream.arrived.wait(), 5)
        await two.send(get())
        await eventually(lambda: stage.plane.context.pools["Wiki"].waiting)
        response = await stage.ask(get())
        assert response.status == 503
        assert response.get("retry-after") is not None


async def test_a_request_that_waits_too_long_for_a_connection_is_answered_503(staged: StageMaker) -> None:
    async def never(side: UpstreamSide) -> None:
        await side.request()
        await side.reader.read()

    async with staged(never, app={"max_connections": 1, "connect_timeout": 0.2}) as stage, stage.client() as one:
        await one.send(get())
        await asyncio.wait_for(stage.upstream.arrived.wait(), 5)
        assert (await stage.ask(get())).status == 503
        assert not stage.plane.context.pools["Wiki"].waiting


async def test_a_client_that_leaves_the_queue_leaves_no_gap(staged: StageMaker) -> None:
    go = asyncio.Event()

    async def held(side: UpstreamSide) -> None:
        while True:
            await side.request()
            await go.wait()
            await side.send(OK)

    async with staged(held, app={"max_connections": 2}) as stage, stage.client() as one, stage.client() as two:
        pool = stage.plane.context.pools["Wiki"]
        await one.send(get())
        await two.send(get())
        async with asyncio.timeout(5), stage.client() as leaver, stage.client() as stayer:
            await eventually(lambda: pool.servers[0].in_flight == 2)
            for count, client in ((1, leaver), (2, stayer)):
                await client.send(get())
                await eventually(lambda expected=count: pool.waiting == expected)
            leaver.abort()
            await settled(lambda: pool.waiting)
            stage.pass_seconds(HALF_CLOSED_SECONDS + 0.1)
            await eventually(lambda: pool.waiting == 1)
            go.set()
            for client in (one, two, stayer):
                assert (await client.response()).status == 200
        assert pool.servers[0].in_flight == 0


async def test_a_tunnel_counts_until_it_ends(staged: StageMaker) -> None:
    async def echo(side: UpstreamSide) -> None:
        await side.request()
        await side.send(b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
        await side.reader.read()

    async with staged(echo, app={"max_connections": 1, "connect_timeout": 0.2}) as stage:
        (server,) = stage.plane.context.pools["Wiki"].servers
        async with stage.client() as client:
            assert (await client.ask(get(lines="Upgrade: x\r\nConnection: upgrade\r\n"))).status == 101
            assert server.in_flight == 1
            assert (await stage.ask(get())).status == 503
        await eventually(lambda: not server.in_flight)


async def test_who_leaves_as_it_is_called_calls_the_next(staged: StageMaker) -> None:
    async with staged(app={"max_connections": 2}) as stage:
        pool = stage.plane.context.pools["Wiki"]
        connection, other = await pool.connect(), await pool.connect()
        leaver, stayer = (asyncio.create_task(pool.connect(is_fresh=False)) for _ in range(2))
        await eventually(lambda: pool.waiting == 2)
        pool.give_back(connection, asyncio.get_running_loop().time())
        leaver.cancel()
        async with asyncio.timeout(2):
            assert await stayer is connection
        assert leaver.cancelled()
        connection.abort()
        other.abort()
        assert pool.servers[0].in_flight == 0
