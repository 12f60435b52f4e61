"""What a worker concludes from looking at its store, where the store or the worker itself is late."""

from __future__ import annotations

import asyncio

import pytest

from proxy.operations.store_errors import NotHeard, StoreUnavailable
from proxy.sessions.asking import AskingLimits, Asleep
from proxy.sessions.looks import StoreLooks
from tests.support.eventually import eventually
from tests.support.memory_store import MemoryStore


class Late(MemoryStore):
    """Answers a look when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[asyncio.Future[None]] = []
        self.sessions.catch_up = self.catch_up  # type: ignore[method-assign]

    async def catch_up(self) -> None:
        self.answers.append(asyncio.get_running_loop().create_future())
        await self.answers[-1]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def looks_at(store: MemoryStore, clock: Clock, answer_seconds: float = 0.01) -> StoreLooks:
    limits = AskingLimits(answer_seconds=answer_seconds, last_chance_seconds=0.01, awake_seconds=10.0)
    return StoreLooks(store.sessions, limits, grace_seconds=60.0, monotonic=clock)


async def test_a_worker_that_was_late_itself_does_not_go_on_from_memory() -> None:
    clock = Clock()
    looks = looks_at(MemoryStore(), clock)
    looks.heard.store_is_away(100.0, 100.1)
    assert looks.may_do_without(StoreUnavailable("refused"))
    assert not looks.may_do_without(Asleep("no answer"))


@pytest.mark.parametrize("has_caught_up", [False, True])
async def test_an_answer_of_before_takes_nothing_back_that_was_heard_since(has_caught_up: bool) -> None:
    clock, store = Clock(), Late()
    looks = looks_at(store, clock)
    clock.now = 100.5
    await looks.look()  # in vain
    if has_caught_up:
        looks.heard.caught_up(100.7)
    store.answers[0].set_exception(NotHeard("no notices come"))
    if has_caught_up:
        for _ in range(10):  # it is read meanwhile
            await asyncio.sleep(0)
        assert looks.heard.until == 101.7
    else:
        await eventually(lambda: looks.heard.until == float("-inf"))
    await looks.close()
