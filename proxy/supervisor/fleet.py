"""The workers of one configuration: each is started again when it ends, until the fleet is told to leave.

Durations are seconds, instants the loop's.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from proxy.supervisor.children import Child
from proxy.supervisor.orders import NOTE, WRONG_CONFIGURATION

START_SECONDS = 60.0
"""How long a worker may take to accept connections."""
HANG_SECONDS = 20.0
"""How long its event loop may stand still."""
STEADY_SECONDS = 30.0
"""A worker that lasted this long is started again at once; any other after a wait."""
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
LATE_SECONDS = 5.0
"""How long a draining worker is left alone after its own limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Those of one fleet; tests have shorter ones."""

    drain: float
    start: float = START_SECONDS
    hang: float = HANG_SECONDS
    late: float = LATE_SECONDS


class CannotStart(Exception):
    """A fleet did not get ready; `problems` says why. `is_final` if it is the configuration that is wrong."""

    def __init__(self, problems: list[str], *, is_final: bool) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)
        self.is_final = is_final


def restart_delay(quick_ends: int, chance: float) -> float:
    """How long to wait after so many ends in a row that came soon after the start; `chance` is between 0 and 1.

    Doubles up to a cap. Jitter takes up to half of it, so that workers that died of one cause do not return together.
    """
    if quick_ends == 0:
        return 0.0
    return min(FIRST_DELAY_SECONDS * 2.0 ** min(quick_ends - 1, 16), LONGEST_DELAY_SECONDS) * (1 - chance / 2)


class Fleet:
    """`start` it, then `leave` with it, once."""

    def __init__(
        self,
        size: int,
        *,
        start_worker: Callable[[], Awaitable[tuple[int, Child]]],
        limits: Limits,
        log: FilteringBoundLogger,
        chance: Callable[[], float],
        forget: Callable[[int], None] = lambda number: None,
    ) -> None:
        """`start_worker` gives a worker its number; `forget` gets it when that worker is gone."""
        self._size = size
        self._start_worker = start_worker
        self._limits = limits
        self._log = log
        self._chance = chance
        self._forget = forget
        self._workers: dict[int, Child] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._is_leaving = False

    @property
    def serving(self) -> int:
        """How many accept connections."""
        return sum(each.is_serving for each in self._workers.values())

    @property
    def answers(self) -> bool:
        """Whether one of them accepts connections and does not hang."""
        oldest = asyncio.get_running_loop().time() - self._limits.hang
        return any(each.is_serving and each.heard_at >= oldest for each in self._workers.values())

    async def start(self, *, must_start: bool) -> None:
        """Return once all serve; those that end before are started again.

        Raises `CannotStart` if the configuration stops one, or, if they `must_start`, as soon as one ends.
        """
        failed: asyncio.Future[CannotStart] = asyncio.get_running_loop().create_future()

        def give_up(child: Child, reason: str) -> None:
            is_final = child.exit_code == WRONG_CONFIGURATION
            if (is_final or must_start) and not failed.done():
                failed.set_result(CannotStart(child.problems or [f"a worker ended: {reason}"], is_final=is_final))

        arrivals = [asyncio.Event() for _ in range(self._size)]
        self._tasks = [asyncio.create_task(self._keep_one(each, give_up)) for each in arrivals]
        all_there = asyncio.gather(*(each.wait() for each in arrivals))
        try:
            await asyncio.wait((all_there, failed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            all_there.cancel()
            await asyncio.gather(all_there, return_exceptions=True)
        if failed.done():
            await self.kill()
            raise failed.result()

    async def _keep_one(self, arrived: asyncio.Event, give_up: Callable[[Child, str], None]) -> None:
        quick_ends = 0
        while not self._is_leaving:
            number, child = await self._start_worker()
            self._workers[number] = child
            if self._is_leaving:
                child.kill()
            hearing = asyncio.create_task(child.listen())
            if await self._until_ready(child):
                self._log.info("worker.ready", worker=number, process=child.process_id)
                arrived.set()
            await child.ended.wait()
            await hearing
            del self._workers[number]
            self._forget(number)
            if self._is_leaving:
                self._log.info("worker.left", worker=number, process=child.process_id, reason=child.how_it_ended)
                return
            lasted = asyncio.get_running_loop().time() - child.started_at
            self._log.error(
                "worker.ended", worker=number, process=child.process_id, reason=child.how_it_ended,
                problems=child.problems, lasted_seconds=round(lasted, 1),
            )  # fmt: skip
            self.have_recorded("worker.ended", reason=child.how_it_ended, lasted_seconds=int(lasted))
            if not arrived.is_set():
                give_up(child, child.how_it_ended)
            quick_ends = 0 if lasted >= STEADY_SECONDS else quick_ends + 1
            await asyncio.sleep(restart_delay(quick_ends, self._chance()))

    async def _until_ready(self, child: Child) -> bool:
        """Whether it is ready in time; one that is not is ended."""
        ready, ended = asyncio.create_task(child.ready.wait()), asyncio.create_task(child.ended.wait())
        done, waiting = await asyncio.wait(
            (ready, ended), timeout=self._limits.start, return_when=asyncio.FIRST_COMPLETED
        )
        for each in waiting:
            each.cancel()
        if not done:
            child.problems.append(f"not ready within {self._limits.start:g} seconds")
            child.kill()
        return ready in done and not child.ended.is_set()

    def end_those_that_hang(self) -> None:
        """Call this at intervals: kills workers whose event loop stands still. Nobody else would notice."""
        now = asyncio.get_running_loop().time()
        for number, child in self._workers.items():
            if child.is_serving and now - child.heard_at > self._limits.hang:
                self._log.error("worker.hangs", worker=number, process=child.process_id)
                self.have_recorded("worker.hangs")
                child.kill()

    async def leave(self, word: str) -> None:
        """Tell all to drain (`word` is `STOP` or `RETIRE`) and return when they are gone; late ones are killed."""
        self._is_leaving = True
        self.tell(word)
        for number in await self._gone(self._limits.drain + self._limits.late):
            self._log.error("worker.late", worker=number)
        await self.kill()

    def tell(self, word: str) -> None:
        for child in self._workers.values():
            child.tell(word)

    def have_recorded(self, name: str, **facts: str | int) -> None:
        """Have one that serves record it, if any does."""
        serving = next((each for each in self._workers.values() if each.is_serving), None)
        if serving is not None:
            serving.tell(f"{NOTE} {json.dumps({'event': name, 'facts': facts})}")

    async def kill(self) -> None:
        """End all at once."""
        self._is_leaving = True
        for child in self._workers.values():
            child.kill()
        await self._gone(None)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _gone(self, seconds: float | None) -> list[int]:
        """Wait until all are gone; returns those that are late."""
        waits = {asyncio.create_task(child.ended.wait()): number for number, child in self._workers.items()}
        if not waits:
            return []
        _, late = await asyncio.wait(waits, timeout=seconds)
        for each in late:
            each.cancel()
        return [waits[each] for each in late]
