"""The sockets of RADIUS: one worker of several serves them, and hands them over."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from config.addresses import ListenAddress
from config.settings import RADIUSClientSettings
from proxy.operations.listening import bind_udp
from proxy.radius.duplicates import Source
from proxy.radius.packets import Code, RADIUSRequest
from proxy.radius.radius_answer import RADIUSAnswer
from proxy.radius.radius_server import MOST_AT_ONCE, RADIUSServer
from tests.support.eventually import eventually
from tests.support.radius import ACCEPT, SECRET, Gateway, access_request, checked_answer

CLIENTS = (RADIUSClientSettings.model_validate({"name": "VPN", "address": "127.0.0.1", "secret": SECRET.decode()}),)


class OneWorker:
    """Lets everybody in, once it may."""

    def __init__(self, port: int, lock_file: Path | None) -> None:
        self.counts: list[str] = []
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.is_draining = False
        self.server = RADIUSServer(
            listen=(ListenAddress("127.0.0.1", port),),
            clients=CLIENTS,
            answer=self._answer,
            count=self.counts.append,
            log=structlog.get_logger(),
            lock_file=lock_file,
        )

    async def _answer(
        self, client: RADIUSClientSettings, request: RADIUSRequest, source: Source, incident: str
    ) -> RADIUSAnswer:
        self.asked += 1
        await self.may_answer.wait()
        return RADIUSAnswer(code=Code.ACCESS_ACCEPT)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.server.run(lambda: self.is_draining))
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def port() -> int:
    (probe,) = bind_udp("127.0.0.1", 0)
    with probe:
        number: int = probe.getsockname()[1]
        return number


async def test_one_of_two_workers_serves_and_the_other_takes_over_without_a_gap(tmp_path: Path, port: int) -> None:
    lock = tmp_path / "radius.lock"
    first, second = OneWorker(port, lock), OneWorker(port, lock)
    with capture_logs() as logs:
        await _handed_over(first, second, port)
    # Who waits does not take it for trouble.
    assert "radius.cannot_listen" not in [each["event"] for each in logs]


async def _handed_over(first: OneWorker, second: OneWorker, port: int) -> None:
    async with first.running():
        await eventually(lambda: first.server.addresses)
        async with second.running():
            gateway = await Gateway.to(("127.0.0.1", port))
            assert (await gateway.ask("alice", "x", identifier=1)).code == ACCEPT
            assert (first.asked, second.asked) == (1, 0)
            # What it has begun it ends, and nobody else begins it meanwhile.
            first.may_answer.clear()
            request, data = access_request("alice", "x", identifier=2)
            gateway.send(data)
            await eventually(lambda: first.asked == 2)
            first.is_draining = True
            await eventually(lambda: first.server.is_closing)
            gateway.send(data)
            assert not second.server.addresses
            first.may_answer.set()
            assert checked_answer(request, await gateway.answer()).code == ACCEPT
            await eventually(lambda: second.server.addresses)
            assert (await gateway.ask("alice", "x", identifier=3)).code == ACCEPT
            assert (first.asked, second.asked) == (2, 1)
            gateway.close()


async def test_an_address_that_is_taken_is_told_and_tried_again(port: int) -> None:
    worker = OneWorker(port, None)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))
        with capture_logs() as logs:
            async with worker.running():
                await eventually(lambda: [each for each in logs if each["event"] == "radius.cannot_listen"])
                trouble = await worker.server.check()
                assert trouble is not None
                assert "cannot listen" in trouble
                assert "ss -lunp" in trouble
                other.close()
                await eventually(lambda: worker.server.addresses)
                assert await worker.server.check() is None


async def test_work_that_piles_up_is_bounded(port: int) -> None:
    worker = OneWorker(port, None)
    worker.may_answer.clear()
    async with worker.running():
        await eventually(lambda: worker.server.addresses)
        gateways = [await Gateway.to(("127.0.0.1", port)) for _ in range(2)]
        for gateway in gateways:
            for identifier in range(200):
                gateway.send(access_request("alice", "x", identifier=identifier)[1])
                await asyncio.sleep(0)
        await eventually(lambda: worker.counts.count("busy") == 400 - MOST_AT_ONCE)
        assert worker.asked == MOST_AT_ONCE
        worker.may_answer.set()
        await eventually(lambda: worker.counts.count("access_accept") == MOST_AT_ONCE)
        for gateway in gateways:
            gateway.close()
