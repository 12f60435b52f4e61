"""One password attempt: counted before it leaves, and settled by each of its four ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from config.settings import ThrottleSettings
from directory.errors import DirectoryBusy, DirectoryUnavailable, OutcomeUnknown
from directory.lockout import PasswordLimits
from proxy.sign_in.attempt import PasswordAttempt, begin_attempt
from proxy.throttle.limits import Limit, Throttled
from proxy.throttle.throttle import Throttle
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW

ALICE, HOME, SERVER = "guid-of-alice", "192.0.2.7", "dc1"
LIMITS = PasswordLimits(in_all=3, from_unfamiliar=3, window_seconds=600.0)


@pytest.fixture
def throttle() -> Throttle:
    return Throttle(MemoryStore().counters, ThrottleSettings.model_validate({}), key=b"k" * 32)


async def begun(throttle: Throttle, *, now: float = NOW) -> PasswordAttempt:
    attempt = await begin_attempt(throttle, person=ALICE, address=HOME, limits=LIMITS, now=now)
    assert isinstance(attempt, PasswordAttempt)
    return attempt


async def counted(throttle: Throttle, *, now: float = NOW) -> int:
    standings = await throttle.standings(person=ALICE, limits=LIMITS, number=None, address=HOME, now=now)
    return next(each.count for each in standings if each.limit is Limit.PASSWORDS_PER_PERSON)


async def answered(value: Any) -> Any:
    if isinstance(value, BaseException):
        raise value
    return value


async def test_it_is_counted_before_the_directory_is_asked(throttle: Throttle) -> None:
    attempt = await begun(throttle)
    assert await attempt.answer(counted(throttle)) == 1


async def test_refused_it_stays_counted(throttle: Throttle) -> None:
    for number in range(1, 4):
        await (await begun(throttle)).refused(server=SERVER)
        assert await counted(throttle) == number
    throttled = await begin_attempt(throttle, person=ALICE, address=HOME, limits=LIMITS, now=NOW + 1.0)
    assert throttled == Throttled(limit=Limit.PASSWORDS_PER_PERSON, retry_after_seconds=599)


async def test_accepted_it_clears_what_the_same_server_had_judged(throttle: Throttle) -> None:
    for _ in range(2):
        await (await begun(throttle)).refused(server=SERVER)
    await (await begun(throttle)).accepted(server=SERVER)
    assert await counted(throttle) == 0


async def test_accepted_by_another_server_it_clears_itself_alone(throttle: Throttle) -> None:
    for _ in range(2):
        await (await begun(throttle)).refused(server=SERVER)
    await (await begun(throttle)).accepted(server="dc2")
    assert await counted(throttle) == 2


async def test_accepted_beside_one_that_is_under_way_it_clears_itself_alone(throttle: Throttle) -> None:
    await begun(throttle)
    await (await begun(throttle)).accepted(server=SERVER)
    assert await counted(throttle) == 1


async def test_not_judged_it_is_given_back_and_clears_nothing(throttle: Throttle) -> None:
    await (await begun(throttle)).refused(server=SERVER)
    await (await begun(throttle)).not_judged()
    assert await counted(throttle) == 1


@pytest.mark.parametrize(
    ("error", "left"),
    [(DirectoryUnavailable("corp", "away"), 0), (DirectoryBusy(), 0), (OutcomeUnknown("corp", "no answer"), 1)],
)
async def test_a_directory_that_gives_no_answer_is_paid_only_for_what_it_may_have_judged(
    throttle: Throttle, error: Exception, left: int
) -> None:
    attempt = await begun(throttle)
    with pytest.raises(type(error)):
        await attempt.answer(answered(error))
    assert await counted(throttle) == left


@pytest.mark.parametrize("error", [asyncio.CancelledError(), RuntimeError("a defect")])
async def test_an_attempt_that_nobody_settles_stays_counted(throttle: Throttle, error: BaseException) -> None:
    attempt = await begun(throttle)
    with pytest.raises(type(error)):
        await attempt.answer(answered(error))
    assert await counted(throttle) == 1


async def test_it_is_counted_from_the_instant_at_which_it_was_sent(throttle: Throttle) -> None:
    await (await begun(throttle)).refused(server=SERVER)
    await (await begun(throttle, now=NOW + 10.0)).not_judged()
    assert await counted(throttle, now=NOW + 609.0) == 1
    assert await counted(throttle, now=NOW + 610.0) == 0
