"""`gatepost run --after-restore`: what stood in the restored store is ended before anybody is served."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.processes.house import WorkersHouse
from tests.processes.signed_in import APP, sign_in, sign_out, signed_in
from tests.support.gatepost import gatepost
from tests.support.plain_browser import PlainBrowser


async def test_a_session_that_was_ended_does_not_come_back_with_the_store(tmp_path: Path) -> None:
    async with signed_in(tmp_path, workers=1) as signed:
        house, leaving = signed.house, await sign_in(signed.house.address)
        house.process.stop()
        shutil.copy2(tmp_path / "state.db", tmp_path / "copy.db")
        house.start()
        assert await sign_out(at(house, leaving)) in (200, 303)
        house.process.stop()
        restore(tmp_path / "copy.db", tmp_path / "state.db")
        house.start(arguments=("run", "--after-restore"))
        for browser in (leaving, signed.browser):
            assert (await at(house, browser).get(APP + "/")).status == 302
        assert (await (await sign_in(house.address)).get(APP + "/")).status == 200


def restore(copy: Path, path: Path) -> None:
    """As the operator's page has it."""
    for each in (path, path.with_name("state.db-wal"), path.with_name("state.db-shm")):
        each.unlink(missing_ok=True)
    shutil.copy2(copy, path)


def at(house: WorkersHouse, browser: PlainBrowser) -> PlainBrowser:
    """The same browser, where Gatepost listens now."""
    copy = browser.copy()
    copy.address = house.address
    return copy


def test_nobody_is_served_if_sessions_cannot_be_ended(tmp_path: Path) -> None:
    house = WorkersHouse(tmp_path, "http://127.0.0.1:1", more='\n[store]\nurl = "sqlite:nowhere/state.db"\n')
    ended = gatepost("run", "--after-restore", "--config", str(house.config))
    assert ended.returncode == 1
    *_, first, last = ended.stderr.splitlines()
    assert "the store cannot be read" in first
    assert "nowhere" in first
    assert last == "gatepost run: not started: sessions may stand in the store that were ended before"
    assert "server.started" not in ended.stderr
