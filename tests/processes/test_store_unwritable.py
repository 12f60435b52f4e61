"""A store that can be read and not written: nobody can sign in or out, `/readyz` says so, and sessions go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.operations.health import INTERVAL_SECONDS
from tests.processes.house import WorkersHouse, workers_house
from tests.processes.signed_in import APP, SIGN_IN, readiness, sign_in, sign_out, signed_in
from tests.support.eventually import eventually_told
from tests.support.plain_browser import PlainBrowser
from tests.support.redis_server import running_redis
from tests.support.small_disk import can_mount, small_disk

ON_DISK = '\n[store]\nurl = "sqlite:{folder}/state.db"\n'
IN_REDIS = '\n[store]\nurl = "{url}"\nwait_replicas = 1\n'


async def until_told(house: WorkersHouse, reason: str) -> None:
    """`/readyz` is 503, since it is so for all workers, and says so."""

    async def is_told() -> bool:
        status, text = await readiness(house)
        return status == 503 and reason in text

    await eventually_told(is_told, seconds=2 * INTERVAL_SECONDS + 20)


@pytest.mark.skipif(not can_mount(), reason="only root mounts file systems")
async def test_a_full_disk_is_told_and_signs_nobody_out(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        async with signed_in(tmp_path, more=ON_DISK.format(folder=disk.folder)) as signed:
            other = await sign_in(signed.house.address)
            assert (await readiness(signed.house))[0] == 200
            disk.fill()
            await until_told(signed.house, "disk is full")
            assert (await readiness(signed.house, "/readyz/traffic"))[0] == 200
            newcomer = PlainBrowser(signed.house.address)
            page = await newcomer.get(SIGN_IN + "/.gatepost/sign-in")
            fields = {**page.form, "username": "alice", "password": "wrong"}
            assert (await newcomer.post(SIGN_IN + "/.gatepost/sign-in", fields)).status == 503
            assert await sign_out(other) == 503
            assert (await other.get(APP + "/")).status == 200
            assert await signed.statuses() == {200}
            disk.empty()
            assert await sign_out(other) in (200, 303)
            assert (await other.get(APP + "/")).status == 302


async def test_replicas_that_are_missing_are_told(tmp_path: Path) -> None:
    with running_redis() as redis, workers_house(tmp_path, more=IN_REDIS.format(url=redis.url)) as house:
        await until_told(house, "only 0 of 1 replicas")
        assert (await readiness(house, "/readyz/traffic"))[0] == 200
