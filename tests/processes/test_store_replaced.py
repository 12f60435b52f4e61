"""The store's file removed, or an older copy put in its place, while workers have it open."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

from tests.processes.signed_in import APP, readiness, sign_in, sign_out, signed_in
from tests.support.eventually import eventually_told
from tests.support.gatepost import gatepost


def remove_store(folder: Path) -> None:
    """As `rm -r state.db*`."""
    for each in folder.glob("state.db*"):
        shutil.rmtree(each) if each.is_dir() else each.unlink()


async def test_sessions_and_sign_ins_go_on_when_the_file_is_removed(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as signed:
        address = signed.house.address
        leaving = await sign_in(address)
        assert await sign_out(leaving) in (200, 303)
        unused = [await sign_in(address) for _ in range(3)]
        for _ in range(2):
            remove_store(tmp_path)
            newcomers = await asyncio.gather(*(sign_in(address) for _ in range(6)))
            assert await signed.statuses() == {200}
            assert {(await each.get(APP + "/")).status for each in [*newcomers, *unused]} == {200}
            assert (await leaving.get(APP + "/")).status == 302
            assert (await readiness(signed.house))[0] == 200
        assert await sign_out(newcomers[0]) in (200, 303)
        assert (await newcomers[0].get(APP + "/")).status == 302
        listed = await asyncio.to_thread(gatepost, "sessions", "list", "--config", str(signed.house.config))
        assert len(listed.stdout.splitlines()) == 1 + 1 + 3 + 11
        signed.house.wait_for("store.file_gone")


async def test_nobody_is_served_from_an_older_copy_until_all_sessions_were_ended(tmp_path: Path) -> None:
    async with signed_in(tmp_path, more='\n[sessions]\nstore_grace = "1s"\n') as signed:
        address, config = signed.house.address, str(signed.house.config)

        async def is_unready() -> bool:
            return (await readiness(signed.house))[0] == 503

        leaving = await sign_in(address)
        with sqlite3.connect(tmp_path / "state.db") as source, sqlite3.connect(tmp_path / "copy.db") as target:
            source.backup(target)
        assert await sign_out(leaving) in (200, 303)
        (tmp_path / "copy.db").replace(tmp_path / "state.db")
        assert signed.house.wait_for("store.restored")["remedy"]
        await signed.until_statuses({503})
        await eventually_told(is_unready)
        assert "older copy" in (await readiness(signed.house))[1]
        assert (await leaving.get(APP + "/")).status == 503
        ended = await asyncio.to_thread(gatepost, "sessions", "end", "--all", "--config", config)
        assert (ended.returncode, ended.stdout) == (0, "2 sessions ended\n"), ended.stderr
        await signed.until_statuses({302})
        assert (await leaving.get(APP + "/")).status == 302
        newcomer = await sign_in(address)
        assert (await newcomer.get(APP + "/")).status == 200
