"""The day's total of passcodes: told before it is used up, once for all workers and nodes."""

from __future__ import annotations

import asyncio

from config.settings import ThrottleSettings
from directory.mobile import E164
from proxy.operations.metrics import Metrics
from proxy.server import readiness_checks
from proxy.store.contract import Store
from proxy.throttle.limits import DAY_SECONDS
from proxy.throttle.throttle import Throttle
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW


def limiter(store: Store, most: int = 10) -> Throttle:
    return Throttle(store.counters, ThrottleSettings(sends_per_day=most), key=b"k" * 32)


async def send(throttle: Throttle, count: int, *, now: float = NOW) -> None:
    for index in range(count):
        number = E164(f"+44740012{index:04}")
        assert await throttle.reserve_send(person=f"p{index}", number=number, address="192.0.2.7", now=now) is None


async def test_the_alarm_is_raised_at_four_fifths_and_once_a_day_by_one_of_all() -> None:
    store = MemoryStore()
    here, there = limiter(store), limiter(store)
    await send(here, 7)
    standing = await here.sends_of_day(now=NOW)
    assert (standing.count, standing.most, standing.is_near) == (7, 10, False)
    assert not await here.claim_day_alarm(standing, now=NOW)
    await send(there, 1)
    standing = await here.sends_of_day(now=NOW)
    assert standing.is_near
    claims = await asyncio.gather(*(each.claim_day_alarm(standing, now=NOW) for each in (here, there) * 4))
    assert claims.count(True) == 1
    await send(here, 2)
    assert not await there.claim_day_alarm(await there.sends_of_day(now=NOW), now=NOW + 10)
    tomorrow = NOW + DAY_SECONDS
    assert (await here.sends_of_day(now=tomorrow)).count == 0
    await send(here, 8, now=tomorrow)
    assert await here.claim_day_alarm(await here.sends_of_day(now=tomorrow), now=tomorrow)


async def test_readiness_tells_of_a_day_that_is_nearly_used_up() -> None:
    store = MemoryStore()
    throttle = limiter(store)
    checks = readiness_checks(store, [], None, throttle=throttle, clock=lambda: NOW)  # type: ignore[arg-type]
    assert await checks["passcodes of the day"].ask() is None
    await send(throttle, 8)
    assert await checks["passcodes of the day"].ask() == "8 of the day's 10 passcodes were sent"
    store.away = True
    assert "away" in (await checks["passcodes of the day"].ask() or "")


def test_the_metric_says_how_many_and_how_many_may_be() -> None:
    metrics = Metrics()
    metrics.set_sends_of_day(8, 10)
    assert 'gatepost_passcodes_of_day{count="sent"} 8.0' in metrics.render().decode()
