"""What goes wrong in a stress run: workers and the store are killed, or stand still for a while, at any moment."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable

from proxy.sessions.session_store import NOTICE_SECONDS
from tests.stress.history import Disturbed, HistoryWriter
from tests.stress.house import STORE_GRACE_SECONDS, House, end_process

LONGEST_ABSENCE_SECONDS = 3.0
LONGEST_STILLNESS_SECONDS = 3 * NOTICE_SECONDS
"""Longer than an end waits for whoever stands still: it is acknowledged, and they have not heard of it."""


class Disturbance:
    """Without a server for the store there is nothing to kill but the processes that are writing into its file."""

    def __init__(self, house: House, history: HistoryWriter, chance: random.Random, *, mean_seconds: float) -> None:
        self._house = house
        self._history = history
        self._chance = chance
        self._mean_seconds = mean_seconds
        self._kinds: dict[Callable[[], Awaitable[bool]], int] = {
            self._kill_worker: 6, self._kill_all_workers: 1, self._stop_worker: 2,
        }  # fmt: skip
        if house.redis is not None:
            self._kinds |= {self._kill_store: 4, self._stop_store: 1, self._stop_store_for_long: 1}
        self._pending = list(self._kinds)
        """Each is done once before any is done again."""
        chance.shuffle(self._pending)

    @property
    def has_done_all(self) -> bool:
        return not self._pending

    async def run(self, is_over: Callable[[], bool]) -> None:
        """One after the other until it is over; then everything runs again, as far as it does by itself."""
        while True:
            pause = min(self._chance.expovariate(1 / self._mean_seconds), 3 * self._mean_seconds)
            until = time.monotonic() + pause
            while time.monotonic() < until and not is_over():  # noqa: ASYNC110  # time itself has no event
                await asyncio.sleep(0.1)
            if is_over():
                return
            disturb = self._pending[-1] if self._pending else self._any()
            if await disturb():
                self._pending = self._pending[:-1]

    def _any(self) -> Callable[[], Awaitable[bool]]:
        return self._chance.choices(list(self._kinds), list(self._kinds.values()))[0]

    async def _kill_worker(self) -> bool:
        """False, as with all of these: there was none to disturb just now."""
        workers = self._house.workers()
        if not workers or not end_process(self._chance.choice(workers), signal.SIGKILL):
            return False
        return self._note("worker killed")

    async def _kill_all_workers(self) -> bool:
        workers = self._house.workers()
        for worker in workers:
            end_process(worker, signal.SIGKILL)
        return bool(workers) and self._note("all workers killed")

    async def _stop_worker(self) -> bool:
        """It hears nothing of what ends meanwhile, and has its clients' requests waiting when it goes on."""
        workers = self._house.workers()
        if not workers:
            return False
        worker = self._chance.choice(workers)
        if not end_process(worker, signal.SIGSTOP):
            return False
        try:
            await asyncio.sleep(self._chance.uniform(0.3, LONGEST_STILLNESS_SECONDS))
        finally:
            end_process(worker, signal.SIGCONT)
        return self._note("worker stopped")

    async def _kill_store(self) -> bool:
        redis = self._house.redis
        assert redis is not None
        self._note("store killed")
        redis.kill()
        try:
            await asyncio.sleep(self._chance.uniform(0, LONGEST_ABSENCE_SECONDS))
        finally:
            await asyncio.shield(asyncio.to_thread(redis.start))
        return True

    async def _stop_store(self) -> bool:
        return await self._stop_store_for("store stopped", 0.1, LONGEST_STILLNESS_SECONDS)

    async def _stop_store_for_long(self) -> bool:
        """Nobody may be served any more when it goes on."""
        longer = STORE_GRACE_SECONDS + LONGEST_STILLNESS_SECONDS
        return await self._stop_store_for("store stopped for longer than the grace", STORE_GRACE_SECONDS, longer)

    async def _stop_store_for(self, what: str, least_seconds: float, most_seconds: float) -> bool:
        redis = self._house.redis
        assert redis is not None
        self._note(what)
        redis.pause()
        try:
            await asyncio.sleep(self._chance.uniform(least_seconds, most_seconds))
        finally:
            redis.resume()
        return True

    def _note(self, what: str) -> bool:
        self._history.write(Disturbed(what=what, at=time.monotonic()))
        return True
