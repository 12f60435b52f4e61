"""Somebody who is signed in at both workers of a Gatepost, with a password alone and an app of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector
from argon2 import PasswordHasher

from tests.processes.house import WorkersHouse
from tests.support.echo_app import running_app
from tests.support.eventually import eventually_told
from tests.support.plain_browser import PlainBrowser

PASSWORD = "correct horse 7"
SIGN_IN, APP = "http://signin.localhost:8080", "http://intranet.localhost:8080"
MORE = """
[[schemes]]
name = "here"
factors = ["password"]
networks = ["127.0.0.0/8"]
[[apps]]
name = "Intranet"
host = "intranet.localhost"
upstream = "{upstream}"
"""
AT_ONCE = 16
"""Connections that are opened together: whichever worker is free takes the next."""
WITHIN_SECONDS = 60.0
"""For whatever has to happen in the end, on a machine that does other things too."""


@dataclass(slots=True, kw_only=True)
class Signed:
    """Somebody who is signed in, and whose session all workers have in memory."""

    house: WorkersHouse
    browser: PlainBrowser

    async def statuses(self) -> set[int]:
        pages = await asyncio.gather(*(self.browser.copy().get(APP + "/") for _ in range(AT_ONCE)))
        return {page.status for page in pages}

    async def until_statuses(self, expected: set[int]) -> None:
        async def is_so() -> bool:
            return await self.statuses() == expected

        await eventually_told(is_so, seconds=WITHIN_SECONDS)

    async def by_worker(self, metric: str) -> list[int]:
        """What each worker says of itself, in order of size."""
        async with (
            ClientSession() as client,
            client.get("http://{}:{}/metrics".format(*self.house.admin)) as answer,
        ):
            lines = (await answer.text()).splitlines()
        return sorted(int(float(line.split()[1])) for line in lines if line.startswith(metric + "{"))

    async def until_live_sessions(self, expected: list[int]) -> None:
        """So many are in memory at the workers."""

        async def is_so() -> bool:
            return await self.by_worker("gatepost_live_sessions") == expected

        await eventually_told(is_so, seconds=WITHIN_SECONDS)


async def sign_in(address: tuple[str, int]) -> PlainBrowser:
    browser = PlainBrowser(address)
    page = await browser.get(APP + "/")
    page = await browser.get(page.next_url)
    fields = {**page.form, "username": "alice", "password": PASSWORD}
    page = await browser.post(SIGN_IN + "/.gatepost/sign-in", fields)
    page = await browser.get(page.next_url)
    assert page.next_url == APP + "/", page.status
    return browser


async def sign_out(browser: PlainBrowser) -> int:
    """The status that it was answered with."""
    page = await browser.get(SIGN_IN + "/.gatepost/sign-out")
    return (await browser.post(SIGN_IN + "/.gatepost/sign-out", page.form)).status


async def readiness(house: WorkersHouse, path: str = "/readyz") -> tuple[int, str]:
    """The status, and what is told."""
    async with ClientSession() as client, client.get("http://{}:{}".format(*house.admin) + path) as answer:
        return answer.status, await answer.text()


@asynccontextmanager
async def signed_in(
    folder: Path, *, more: str = "", environ: dict[str, str] | None = None, workers: int = 2
) -> AsyncIterator[Signed]:
    async with AsyncExitStack() as stack:
        upstream = f"http://127.0.0.1:{await stack.enter_async_context(running_app())}"
        house = WorkersHouse(folder, upstream, workers=workers, more=MORE.format(upstream=upstream) + more)
        password_hash = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        (folder / "users.toml").write_text(f'[[users]]\nusername = "alice"\npassword_hash = "{password_hash}"\n')
        stack.push_async_callback(asyncio.to_thread, lambda: house.process.__exit__())
        await asyncio.to_thread(lambda: house.start(environ=environ))
        browser = await sign_in(house.address)
        signed = Signed(house=house, browser=browser)
        async with asyncio.timeout(WITHIN_SECONDS):
            while await signed.by_worker("gatepost_live_sessions") != [1] * workers:
                assert await signed.statuses() == {200}
        yield signed


async def open_sockets(signed: Signed, stack: AsyncExitStack) -> list[ClientWebSocketResponse]:
    """So many that each worker has some: whichever is quicker may take all of the first."""
    headers = {
        "Host": "intranet.localhost:8080",
        "Origin": APP,
        "Cookie": f"gatepost={signed.browser.cookies['intranet.localhost']['gatepost']}",
    }
    client = await stack.enter_async_context(ClientSession(connector=TCPConnector(limit=0)))
    url = "ws://{}:{}/socket".format(*signed.house.address)
    sockets: list[ClientWebSocketResponse] = []
    async with asyncio.timeout(WITHIN_SECONDS):
        while True:
            opening = [stack.enter_async_context(client.ws_connect(url, headers=headers)) for _ in range(AT_ONCE)]
            sockets += await asyncio.gather(*opening)
            # The workers have yet to see that others were closed.
            while sum(held := await signed.by_worker("gatepost_client_connections")) != len(sockets):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            if all(held):
                return sockets
