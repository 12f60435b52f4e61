"""The system's clock is set while Gatepost runs: who is signed in stays so, and nothing lives longer or is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from proxy.operations.steady_clock import LEAST_SECONDS
from tests.processes.house import children_of
from tests.processes.signed_in import SIGN_IN, WITHIN_SECONDS, Signed, readiness, sign_in, signed_in
from tests.support.eventually import eventually_told

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
pytestmark = pytest.mark.skipif(not LIBRARIES, reason="libfaketime is not installed")


class FakeTime:
    """The clock of a process that is started with this environment; the one that nobody sets goes on as it is."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set("+0")
        self.environ = {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, offset: str) -> None:
        """Written whole, for it is read at any moment."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset}\n")
        os.replace(new, self._file)


async def until_readiness_tells(signed: Signed, text: str) -> None:
    async def is_told() -> bool:
        return text in (await readiness(signed.house))[1]

    await eventually_told(is_told, seconds=WITHIN_SECONDS)


async def test_a_jump_of_an_hour_ends_nothing_and_is_told(tmp_path: Path) -> None:
    clock = FakeTime(tmp_path)
    async with signed_in(tmp_path, environ=clock.environ) as signed:
        clock.set("+3600")
        await asyncio.to_thread(signed.house.process.wait_for_log, "3600 seconds forward")
        assert await signed.statuses() == {200}
        # A worker that starts now takes no part in it: neither it nor the others refuse or remove anything.
        os.kill(min(children_of(signed.house.process.pid)), signal.SIGKILL)
        await asyncio.to_thread(signed.house.wait_for, "worker.ready")
        assert await signed.statuses() == {200}
        for offset, told in (("+0", "clock.returned"), ("-3600", "3600 seconds back"), ("+0", "clock.returned")):
            clock.set(offset)
            await asyncio.to_thread(signed.house.process.wait_for_log, told)
            assert await signed.statuses() == {200}


async def test_a_clock_that_was_ahead_at_the_start_is_followed_back_and_ends_nobody(tmp_path: Path) -> None:
    """As on a machine that starts before it hears the network's time."""
    clock = FakeTime(tmp_path)
    clock.set("+3600")
    async with signed_in(tmp_path, environ=clock.environ) as signed:
        clock.set("+0")
        await until_readiness_tells(signed, "seconds back")
        status, text = await readiness(signed.house)
        assert (status, '"degraded"' in text) == (200, True)
        await asyncio.to_thread(signed.house.process.wait_for_log, "clock.followed", 2 * LEAST_SECONDS + 30)
        # Every worker has followed once its own check of the clock works: a ticket goes from one to the other.
        followed: set[int] = set()
        while len(followed) < len(signed.house.workers):
            told = json.loads(await asyncio.to_thread(signed.house.process.wait_for_log, "dependency.works"))
            if told["check"] == "clock":
                followed.add(told["worker"])
        assert await signed.statuses() == {200}
        another = await sign_in(signed.house.address)
        assert (await another.get(SIGN_IN + "/.gatepost/sign-out")).status == 200
