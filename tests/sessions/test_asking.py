"""Whether a store is silent, or nobody here had the time to read its answer."""

import asyncio
import time

import pytest

from proxy.operations.store_errors import Silent, StoreUnavailable
from proxy.sessions.asking import AskingLimits, Asleep, StoreQuestion


async def hang() -> None:
    await asyncio.Event().wait()


async def test_an_answer_is_given_on_and_so_is_an_error() -> None:
    async def refuse() -> None:
        raise StoreUnavailable("refused")

    assert await StoreQuestion(asyncio.sleep(0, "here")).answer() == "here"
    with pytest.raises(StoreUnavailable, match="refused"):
        await StoreQuestion(refuse()).answer()


@pytest.mark.parametrize(("awake_seconds", "conclusion"), [(60.0, Silent), (0.0, Asleep)])
async def test_no_answer_is_silence_where_this_process_was_awake(
    awake_seconds: float, conclusion: type[StoreUnavailable]
) -> None:
    question = StoreQuestion(hang(), AskingLimits(answer_seconds=0.01, awake_seconds=awake_seconds))
    with pytest.raises(conclusion):
        await question.answer()
    await question.drop()


async def test_an_answer_that_arrived_while_this_process_slept_is_read() -> None:
    limits = AskingLimits(answer_seconds=0.1, last_chance_seconds=30.0)
    arrived: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def read_in_several_turns() -> str:
        answer = await arrived
        for _ in range(5):
            await asyncio.sleep(0)
        return answer

    def sleep() -> None:
        arrived.set_result("here")
        time.sleep(0.2)  # whoever reads it has its turn when the time is up

    asyncio.get_running_loop().call_soon(sleep)
    assert await StoreQuestion(read_in_several_turns(), limits).answer() == "here"


@pytest.mark.parametrize("error", [None, StoreUnavailable("refused")])
async def test_a_late_answer_is_told_and_may_be_waited_for_again(error: StoreUnavailable | None) -> None:
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    told: list[Exception | None] = []

    async def wait() -> str:
        return await answer

    question = StoreQuestion(wait())
    with pytest.raises((Silent, Asleep)):
        await question.answer()
    question.when_late(told.append)
    if error is None:
        answer.set_result("late")
        assert await question.answer() == "late"
    else:
        answer.set_exception(error)
        with pytest.raises(StoreUnavailable):
            await question.answer()
    await asyncio.sleep(0)
    assert told == [error]


async def test_what_is_dropped_is_not_asked_any_more_and_tells_nothing() -> None:
    was_cancelled = asyncio.Event()
    told: list[Exception | None] = []

    async def question() -> None:
        try:
            await hang()
        finally:
            was_cancelled.set()

    asked = StoreQuestion(question())
    asked.when_late(told.append)
    await asyncio.sleep(0)
    await asked.drop()
    assert was_cancelled.is_set()
    assert told == []
