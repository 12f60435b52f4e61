"""Whether a store is silent, or nobody here had the time to read its answer."""

import asyncio
import time

import pytest

from proxy.sessions.asking import Asleep, Silent, answered
from proxy.store.store import StoreUnavailable


async def hang() -> None:
    await asyncio.Event().wait()


async def test_an_answer_is_given_on_and_so_is_an_error() -> None:
    async def refuse() -> None:
        raise StoreUnavailable("refused")

    assert await answered(asyncio.sleep(0, "here"), seconds=5.0) == "here"
    with pytest.raises(StoreUnavailable, match="refused"):
        await answered(refuse(), seconds=5.0)


@pytest.mark.parametrize(("awake_seconds", "conclusion"), [(60.0, Silent), (0.0, Asleep)])
async def test_no_answer_is_silence_where_this_process_was_awake(
    monkeypatch: pytest.MonkeyPatch, awake_seconds: float, conclusion: type[StoreUnavailable]
) -> None:
    monkeypatch.setattr("proxy.sessions.asking.AWAKE_SECONDS", awake_seconds)
    with pytest.raises(conclusion):
        await answered(hang(), seconds=0.01)


async def test_an_answer_that_arrived_while_this_process_slept_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.sessions.asking.LAST_CHANCE_SECONDS", 30.0)
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
    assert await answered(read_in_several_turns(), seconds=0.1) == "here"


async def test_what_was_asked_does_not_outlive_its_asker() -> None:
    was_cancelled = asyncio.Event()

    async def question() -> None:
        try:
            await hang()
        finally:
            was_cancelled.set()

    asking = asyncio.create_task(answered(question(), seconds=60.0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking})
    assert asking.cancelled()
    assert was_cancelled.is_set()
