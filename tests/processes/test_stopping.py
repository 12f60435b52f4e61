"""The end: SIGTERM finishes what is in flight, and nothing outlives the supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from pathlib import Path

from tests.forwarding.test_upstreams_tunnels import GOING_AWAY, HELLO, SWITCHED, WEBSOCKET
from tests.processes.house import AUDIT, children_of, workers_house
from tests.support.eventually import eventually
from tests.support.raw_http import raw_client
from tests.support.upstreams import UpstreamSide, recording_upstream


def get(lines: str = "") -> bytes:
    return f"GET / HTTP/1.1\r\nHost: wiki.localhost\r\n{lines}\r\n".encode()


async def test_sigterm_finishes_what_is_in_flight(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def answer(side: UpstreamSide) -> None:
        request = await side.request()
        if request.get("upgrade"):
            await side.send(SWITCHED + HELLO)
            await side.reader.read()
        else:
            await go_on.wait()
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")

    async with recording_upstream(answer) as upstream:
        with workers_house(tmp_path, upstream.url, more=AUDIT) as house:
            async with raw_client(house.address) as busy, raw_client(house.address) as tunnel:
                assert (await tunnel.ask(get(WEBSOCKET))).status == 101
                assert await tunnel.reader.readexactly(len(HELLO)) == HELLO
                await busy.send(get())
                await eventually(lambda: len(upstream.requests) == 2)
                os.kill(house.process.pid, signal.SIGTERM)
                assert await tunnel.reader.readexactly(len(GOING_AWAY)) == GOING_AWAY
                await eventually(lambda: is_refused(house.address))
                go_on.set()
                last = await busy.response()
                assert (last.body, last.get("connection")) == (b"done", b"close")
            tunnel.abort()
            assert await asyncio.to_thread(house.process.wait) == 0
            assert house.events()[-1] == "server.stopped"
    chains = house.audited()
    assert sorted("server.stopping" in [each["event"] for each in lines] for lines in chains) == [False, True]
    assert [[each["event"] for each in lines[-2:]] for lines in chains] == [["worker.left", "audit.anchor"]] * 2
    assert [lines[-1]["facts"]["reason"] for lines in chains] == ["end"] * 2, "signed to the last line"


async def test_what_takes_longer_than_the_limit_is_ended(tmp_path: Path) -> None:
    async def never(side: UpstreamSide) -> None:
        await side.request()
        await side.reader.read()

    async with recording_upstream(never) as upstream:
        with workers_house(tmp_path, upstream.url, drain="1s", workers=1) as house:
            async with raw_client(house.address) as client:
                await client.send(get())
                await asyncio.wait_for(upstream.arrived.wait(), 5)
                os.kill(house.process.pid, signal.SIGTERM)
                assert await client.is_closed()
            assert await asyncio.to_thread(house.process.wait) == 0


def test_nobody_waits_for_idle_connections_of_workers_that_were_replaced(tmp_path: Path) -> None:
    with (
        workers_house(tmp_path, drain="60s", workers=1) as house,
        socket.create_connection(house.address, timeout=10) as idle,
    ):
        idle.sendall(get())
        assert idle.recv(65536).startswith(b"HTTP/1.1 502")
        house.hang_up()
        house.wait_for("server.reloaded")
        asked_at = time.monotonic()
        os.kill(house.process.pid, signal.SIGTERM)
        assert house.process.wait() == 0
        assert time.monotonic() - asked_at < 50


async def test_workers_end_with_their_supervisor(tmp_path: Path) -> None:
    with workers_house(tmp_path) as house:
        workers = children_of(house.process.pid)
        assert workers == set(house.workers)
        await asyncio.to_thread(house.process.kill)  # which waits until nobody holds the log any more
        assert not any(map(has_files, workers))
        socket.create_server(house.address).close()


def has_files(process_id: int) -> bool:
    """Not even one that nobody has reaped yet."""
    return Path(f"/proc/{process_id}/fd/0").exists()


def is_refused(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, 5).close()
    except ConnectionRefusedError:
        return True
    return False
