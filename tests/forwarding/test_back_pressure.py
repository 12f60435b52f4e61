"""A slow side costs a bounded buffer, never a body's size; slow and crowding clients are bounded, too."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from ipaddress import ip_network
from pathlib import Path

import pytest

from proxy.forwarding.client_connection import HALF_CLOSED_SECONDS
from tests.forwarding.stage import StageMaker, get
from tests.support.eventually import eventually, settled
from tests.support.upstreams import UpstreamSide

BODY = 64 * 1024 * 1024
BOUND = 24 * 1024 * 1024
"""Kernel buffers on both hops, stream buffers of the test's own sides and the plane's; far below the body."""


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_slow_reader_holds_the_upstream_back(staged: StageMaker, is_chunked: bool) -> None:
    sent = [0]

    async def flood(side: UpstreamSide) -> None:
        await side.request()
        framing = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % BODY
        await side.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
        piece = bytes(64 * 1024)
        while sent[0] < BODY:
            await side.send(b"10000\r\n" + piece + b"\r\n" if is_chunked else piece)
            sent[0] += len(piece)
        if is_chunked:
            await side.send(b"0\r\n\r\n")

    async with staged(flood) as stage, stage.client() as client:
        before = resident_bytes()
        await client.send(get())
        assert await settled(lambda: sent[0]) < BOUND
        (connection,) = stage.plane.connections
        assert connection.transport.get_write_buffer_size() < 1024 * 1024
        assert resident_bytes() - before < 16 * 1024 * 1024
        response = await client.response()
        assert len(response.body) == BODY


async def test_a_slow_upstream_holds_the_client_back(staged: StageMaker) -> None:
    go = asyncio.Event()

    async def sleepy(side: UpstreamSide) -> None:
        await go.wait()
        request = await side.request()
        assert len(request.body) == BODY
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with staged(sleepy) as stage, stage.client() as client:
        sent = [0]

        async def upload() -> None:
            piece = bytes(64 * 1024)
            await client.send(get(method="POST", lines=f"Content-Length: {BODY}\r\n"))
            while sent[0] < BODY:
                await client.send(piece)
                sent[0] += len(piece)

        task = asyncio.create_task(upload())
        assert await settled(lambda: sent[0]) < BOUND
        go.set()
        await task
        assert (await client.response()).status == 200


async def test_a_slow_tunnel_is_held_back(staged: StageMaker) -> None:
    sent = [0]

    async def flood(side: UpstreamSide) -> None:
        await side.request()
        await side.send(b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
        piece = bytes(64 * 1024)
        while sent[0] < BODY:
            await side.send(piece)
            sent[0] += len(piece)

    async with staged(flood) as stage, stage.client() as client:
        assert (await client.ask(get(lines="Upgrade: x\r\nConnection: upgrade\r\n"))).status == 101
        assert await settled(lambda: sent[0]) < BOUND
        left = BODY
        while left:
            left -= len(await client.reader.read(2**20))


async def test_a_tunnel_passes_half_close_on(staged: StageMaker) -> None:
    async def answers_at_the_end(side: UpstreamSide) -> None:
        await side.request()
        await side.send(b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
        data = await side.reader.read()
        await side.send(data[::-1])

    async with staged(answers_at_the_end) as stage, stage.client() as client:
        assert (await client.ask(get(lines="Upgrade: x\r\nConnection: upgrade\r\n"))).status == 101
        await client.send(b"abc")
        client.writer.write_eof()
        assert await client.reader.read() == b"cba"
    assert not stage.plane.tunnels


async def test_pipelined_requests_are_read_within_a_bound(staged: StageMaker) -> None:
    go = asyncio.Event()

    async def sleepy(side: UpstreamSide) -> None:
        await side.request()
        await go.wait()

    async with staged(sleepy) as stage, stage.client() as client:
        sent = [0]

        async def pipeline() -> None:
            while sent[0] < BODY:
                await client.send(get() * 500)
                sent[0] += len(get()) * 500

        task = asyncio.create_task(pipeline())
        assert await settled(lambda: sent[0]) < BOUND
        task.cancel()
        go.set()


async def test_one_address_has_a_bounded_number_of_connections(staged: StageMaker) -> None:
    async with staged(server={"max_connections_per_address": 2}) as stage:
        async with stage.client() as first, stage.client() as second:
            assert (await first.ask(get())).status == 200
            assert (await second.ask(get())).status == 200
            async with stage.client() as third:
                assert (await third.response()).status == 503
                assert await third.is_closed()
        async with stage.client() as fourth:
            assert (await fourth.ask(get())).status == 200


@pytest.mark.parametrize(("here", "more"), [("2001:db8:1:2::%d", 0), ("2001:db8:1:%d::1", 4), ("192.0.2.%d", 4)])
async def test_the_addresses_of_one_ipv6_network_count_as_one(staged: StageMaker, here: str, more: int) -> None:
    """A client with one address of a /64 has all of them. The load balancer's header tells the addresses."""
    server = {
        "max_connections_per_address": 2, "proxy_protocol": True, "trusted_proxies": (ip_network("127.0.0.0/8"),),
    }  # fmt: skip
    async with staged(server=server) as stage, AsyncExitStack() as stack:
        let_in = 0
        for number in range(6):
            client = await stack.enter_async_context(stage.client())
            source = here % (number + 1)
            there = "2001:db8::1" if ":" in source else "192.0.2.99"
            kind = "TCP6" if ":" in source else "TCP4"
            line = f"PROXY {kind} {source} {there} 1 2\r\n".encode()
            response = await client.ask(line + get())
            let_in += response.status == 200
    assert let_in == 2 + more


async def test_tunnels_count_among_the_connections_of_their_address(staged: StageMaker) -> None:
    async def switches(side: UpstreamSide) -> None:
        await side.request()
        await side.send(b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
        await side.reader.read()

    upgrade = get(lines="Upgrade: x\r\nConnection: upgrade\r\n")
    async with staged(switches, server={"max_connections_per_address": 2}) as stage:
        async with stage.client() as first, stage.client() as second:
            assert (await first.ask(upgrade)).status == 101
            assert (await second.ask(upgrade)).status == 101
            async with stage.client() as third:
                assert (await third.response()).status == 503
            second.abort()
            await eventually(lambda: len(stage.plane.tunnels) == 1)
            async with stage.client() as fourth:
                assert (await fourth.ask(upgrade)).status == 101
        await eventually(lambda: not stage.plane.listeners.per_network)


async def test_closing_lets_what_is_in_flight_end(staged: StageMaker) -> None:
    go = asyncio.Event()

    async def slow(side: UpstreamSide) -> None:
        await side.request()
        await go.wait()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with staged(slow) as stage, stage.client() as busy, stage.client() as idle:
        await busy.send(get())
        await asyncio.wait_for(stage.upstream.arrived.wait(), 5)
        closing = asyncio.create_task(stage.plane.close(5))
        assert await idle.is_closed()
        go.set()
        assert (await busy.response()).get("connection") == b"close"
        await closing
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(stage.address, timeout=2)


async def test_clients_that_vanish_leave_nothing_behind(staged: StageMaker) -> None:
    async def slow(side: UpstreamSide) -> None:
        while True:
            await side.request()
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + bytes(50_000))
            await side.reader.read(1)

    async with staged(slow) as stage:
        for raw in (get(), get()[:20], get(method="POST", lines="Content-Length: 9\r\n"), get() + get()) * 10:
            async with stage.client() as client:
                await client.send(raw)
                client.abort()
        await settled(lambda: stage.plane.open_connections)
        stage.pass_seconds(HALF_CLOSED_SECONDS + 0.1)
        async with asyncio.timeout(10):
            await stage.plane.until_empty()
        assert all(not pool.idle for pool in stage.plane.context.pools.values())
