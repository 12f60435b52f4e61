"""A low limit of open files: clients get what it carries, and Gatepost itself always has what it needs."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from aiohttp import ClientSession
from argon2 import PasswordHasher

from tests.processes.house import WorkersHouse, workers_house
from tests.processes.signed_in import MORE, PASSWORD, sign_in, sign_out
from tests.support.raw_http import raw_client
from tests.support.upstreams import recording_upstream

OPEN_FILES = 256
PAGE = b"GET / HTTP/1.1\r\nHost: wiki.localhost\r\n\r\n"
FIRST, SECOND = "127.0.0.1", "127.0.0.2"


@pytest.fixture(autouse=True)
def _many_open_files_here() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@asynccontextmanager
async def low_house(folder: Path) -> AsyncIterator[WorkersHouse]:
    async with recording_upstream() as upstream:
        values = {"workers": 1, "more": MORE.format(upstream=upstream.url)}
        with workers_house(folder, upstream.url, open_files=OPEN_FILES, **values) as house:
            yield house


def silent_from(source: str, house: WorkersHouse, stack: AsyncExitStack) -> None:
    """A connection on which nothing is ever said."""
    stack.enter_context(socket.create_connection(house.address, timeout=10, source_address=(source, 0)))


async def is_alive(house: WorkersHouse) -> bool:
    async with ClientSession() as client, client.get("http://{}:{}/livez".format(*house.admin)) as answer:
        return answer.status == 200


def capacity_of(house: WorkersHouse) -> dict[str, int]:
    lines = [json.loads(line) for line in house.process.log if '"connections.capacity"' in line]
    found: dict[str, int] = lines[0]
    return found


async def test_silent_connections_from_one_address_shut_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    async with low_house(tmp_path) as house:
        told = capacity_of(house)
        assert (told["open_files"], told["level"]) == (OPEN_FILES, "warning")
        assert told["per_address"] < told["connections"] < OPEN_FILES
        (tmp_path / "users.toml").write_text(f'[[users]]\nusername = "alice"\npassword_hash = "{hashed}"\n')
        async with AsyncExitStack() as stack:
            for _ in range(700):
                silent_from(FIRST, house, stack)
            assert await is_alive(house)
            for _ in range(3):
                async with raw_client(house.address, source=SECOND) as client:
                    assert (await client.ask(PAGE)).status == 200
            with monkeypatch.context() as patched:
                patched.setattr(asyncio, "open_connection", partial(asyncio.open_connection, local_addr=(SECOND, 0)))
                assert await sign_out(await sign_in(house.address)) == 200
        assert "listener.pauses" not in house.events()


async def test_clients_from_everywhere_leave_what_gatepost_needs(tmp_path: Path) -> None:
    # An answer of the portal is the dearest that there is: three descriptors.
    portal_page = PAGE.replace(b"wiki", b"signin").replace(b"GET /", b"GET /.gatepost/sign-in")
    async with low_house(tmp_path) as house:
        most = capacity_of(house)["connections"]
        async with AsyncExitStack() as stack:
            inside = await stack.enter_async_context(raw_client(house.address, source=FIRST))
            assert (await inside.ask(PAGE)).status == 200
            clients = [
                await stack.enter_async_context(raw_client(house.address, source=f"127.0.1.{number}"))
                for number in range(1, most)
            ]
            for client in clients:
                await client.send(portal_page)
            assert {(await client.response()).status for client in clients} == {200}
            for number in range(300):
                silent_from(f"127.0.2.{number // 8 + 1}", house, stack)
            async with raw_client(house.address, source=SECOND) as late:
                assert (await late.response()).status == 503
            assert await is_alive(house)
            assert (await inside.ask(PAGE)).status == (await inside.ask(portal_page)).status == 200
        assert "listener.pauses" not in house.events()
