"""One worker of all does the work, and another takes it over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from proxy.sessions.lease import LEASE_SECONDS, while_leased
from tests.support.eventually import eventually
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW


class Worker:
    """One that competes for the lease; `is_working` says whether it does the work."""

    def __init__(self, store: MemoryStore) -> None:
        self.now = 0.0
        self.is_working = False
        self.begun = 0
        self.has_failed = asyncio.Event()
        self.task = asyncio.create_task(
            while_leased(
                self.work,
                store=store.leases,
                name="watch",
                clock=lambda: NOW + self.now,
                monotonic=lambda: self.now,
                turn_seconds=0.01,
            )
        )

    async def work(self) -> None:
        self.is_working = True
        self.begun += 1
        try:
            await self.has_failed.wait()
        finally:
            self.is_working = False

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def workers(store: MemoryStore) -> AsyncIterator[list[Worker]]:
    workers = [Worker(store)]
    await eventually(lambda: workers[0].is_working)
    workers.append(Worker(store))
    yield workers
    for each in workers:
        await each.stop()


async def several_turns(store: MemoryStore) -> None:
    begun = store.calls.count("take_lease")
    await eventually(lambda: store.calls.count("take_lease") >= begun + 6)


async def test_one_of_two_does_the_work(store: MemoryStore, workers: list[Worker]) -> None:
    await several_turns(store)
    assert [each.is_working for each in workers] == [True, False]


async def test_who_stops_hands_it_over_at_once(workers: list[Worker]) -> None:
    await workers[0].stop()
    assert not workers[0].is_working
    await eventually(lambda: workers[1].is_working)


async def test_it_is_taken_over_from_the_dead_when_the_lease_is_over(store: MemoryStore, workers: list[Worker]) -> None:
    store.leases.held["watch"] = ("of one that was killed", NOW + LEASE_SECONDS)
    await eventually(lambda: not workers[0].is_working)
    await several_turns(store)
    assert [each.is_working for each in workers] == [False, False]
    for each in workers:  # a clock that is a whole lease behind would take the end for one from the future
        each.now = LEASE_SECONDS
    await eventually(lambda: any(each.is_working for each in workers))
    await several_turns(store)
    assert sorted(each.is_working for each in workers) == [False, True]


async def test_without_the_store_a_lease_is_held_to_its_end_and_no_longer(
    store: MemoryStore, workers: list[Worker]
) -> None:
    store.away = True
    await several_turns(store)
    assert workers[0].is_working
    workers[0].now = LEASE_SECONDS + 0.1
    await eventually(lambda: not workers[0].is_working)
    store.away = False
    await eventually(lambda: workers[0].is_working or workers[1].is_working)


async def test_work_that_ended_is_begun_anew(workers: list[Worker]) -> None:
    workers[0].has_failed.set()
    await eventually(lambda: workers[0].begun >= 2)


async def test_work_that_failed_is_told(store: MemoryStore) -> None:
    told: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context["message"]))
    has_failed = asyncio.Event()

    async def work() -> None:
        if has_failed.is_set():
            await asyncio.Event().wait()
        has_failed.set()
        raise ValueError

    task = asyncio.create_task(while_leased(work, store=store.leases, name="watch", clock=lambda: NOW))
    await eventually(lambda: bool(told))
    assert told == ["the watch failed and is started again"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
