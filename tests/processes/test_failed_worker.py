"""A worker that cannot keep up its sessions any more makes room for another, rather than serve what it cannot end."""

from __future__ import annotations

import os
from pathlib import Path

from tests.processes.house import workers_house
from tests.support.eventually import eventually
from tests.support.gatepost import ROOT

SITE = """\
import os
from proxy.store.sqlite.sessions import SQLiteSessions

async def remove_expired(sessions, **limits):
    try:
        os.unlink({trigger!r})
    except FileNotFoundError:
        return 0
    raise LookupError("what nobody foresaw")

SQLiteSessions.remove_expired = remove_expired
"""
"""For Python to run as it starts: the first worker that cleans up fails, once."""


async def test_a_worker_whose_upkeep_fails_is_replaced(tmp_path: Path) -> None:
    trigger = tmp_path / "trigger"
    trigger.touch()
    (tmp_path / "sitecustomize.py").write_text(SITE.format(trigger=str(trigger)))
    with workers_house(tmp_path, environ={"PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}) as house:
        await eventually(lambda: house.events().count("worker.ready") == 3, seconds=30)
        (failure,) = (line for line in house.process.log if '"background.failed"' in line)
        assert "what nobody foresaw" in failure
        assert house.events().count("worker.ended") == 1
