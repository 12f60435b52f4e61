"""A store that is away: who is known goes on for the grace and no longer, and all is well when it is back."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from proxy.operations.health import INTERVAL_SECONDS
from tests.processes.signed_in import APP, PASSWORD, SIGN_IN, open_sockets, readiness, signed_in
from tests.support.eventually import eventually_told
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


@pytest.mark.parametrize("away", ["killed", "stopped"])
async def test_sessions_go_on_for_the_grace_and_after_the_store_is_back(tmp_path: Path, away: str) -> None:
    with running_redis("--appendonly", "yes", "--appendfsync", "always") as redis:
        async with signed_in(tmp_path, more=STORE.format(url=redis.url)) as signed, AsyncExitStack() as stack:

            async def is_unready() -> bool:
                return (await readiness(signed.house))[0] == 503

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
            await signed.until_statuses({503})
            assert time.monotonic() - away_at >= GRACE_SECONDS - 1
            await asyncio.gather(*closing)
            assert {each.close_code for each in sockets} == {4401}
            await eventually_told(is_unready, seconds=INTERVAL_SECONDS + 10)
            assert (await readiness(signed.house, "/readyz/traffic"))[0] == 200, (
                "no load balancer takes who is signed in away"
            )
            await asyncio.to_thread(redis.start if away == "killed" else redis.resume)
            await signed.until_statuses({200})
            assert (await signed.browser.get(APP + "/")).text == "alice"
