"""A store that is away: who is known goes on for the grace and no longer, and all is well when it is back."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import ClientSession

from proxy.operations.health import INTERVAL_SECONDS
from tests.processes.signed_in import APP, PASSWORD, SIGN_IN, Signed, open_sockets, signed_in
from tests.support.plain_browser import PlainBrowser
from tests.support.redis_server import running_redis

GRACE_SECONDS = 8.0
"""Long enough for a busy machine to ask a few things meanwhile."""
STORE = """
[store]
url = "{url}"
[sessions]
store_grace = "8s"
"""


async def until(signed: Signed, status: int) -> float:
    """When every answer was this one, by the monotonic clock."""
    async with asyncio.timeout(60):
        while await signed.statuses() != {status}:
            pass
    return time.monotonic()


async def readiness(signed: Signed, path: str = "/readyz") -> int:
    url = "http://{}:{}".format(*signed.house.admin) + path
    async with ClientSession() as client, client.get(url) as answer:
        return answer.status


@pytest.mark.parametrize("away", ["killed", "stopped"])
async def test_sessions_go_on_for_the_grace_and_after_the_store_is_back(tmp_path: Path, away: str) -> None:
    with running_redis("--appendonly", "yes", "--appendfsync", "always") as redis:
        async with signed_in(tmp_path, more=STORE.format(url=redis.url)) as signed, AsyncExitStack() as stack:
            sockets = await open_sockets(signed, stack)
            closing = [asyncio.create_task(each.receive(timeout=60)) for each in sockets]
            (redis.kill if away == "killed" else redis.pause)()
            away_at = time.monotonic()
            assert await signed.statuses() == {200}
            newcomer = PlainBrowser(signed.house.address)
            page = await newcomer.get(SIGN_IN + "/.gatepost/sign-in")
            fields = {**page.form, "username": "alice", "password": PASSWORD}
            assert (await newcomer.post(SIGN_IN + "/.gatepost/sign-in", fields)).status == 503
            assert time.monotonic() - away_at < GRACE_SECONDS, "nobody waited for the store"
            await until(signed, 503)
            assert time.monotonic() - away_at >= GRACE_SECONDS - 1
            await asyncio.gather(*closing)
            assert {each.close_code for each in sockets} == {4401}
            async with asyncio.timeout(INTERVAL_SECONDS + 10):
                while await readiness(signed) != 503:
                    pass
            assert await readiness(signed, "/readyz/traffic") == 200, "no load balancer takes who is signed in away"
            await asyncio.to_thread(redis.start if away == "killed" else redis.resume)
            await until(signed, 200)
            assert (await signed.browser.get(APP + "/")).text == "alice"
