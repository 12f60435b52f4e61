"""What every store must keep of counters and familiar addresses: `proxy.throttle.counter_store`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from proxy.store.contract import Store
from proxy.throttle.counter_store import MOST_THROTTLED, Count, Counter, Reached, ThrottledPerson
from proxy.throttle.limits import Limit
from tests.store.contract.values import LIMITS
from tests.support.people import NOW


class CountersContract:
    async def test_a_counter_counts_within_the_window_that_its_first_count_opened(self, store: Store) -> None:
        assert await store.counters.read(b"k", now=NOW) is None
        assert await store.counters.add(b"k", now=NOW + 10, window_seconds=60) == Count(1, NOW + 70)
        assert await store.counters.add(b"k", now=NOW + 69.9, window_seconds=60) == Count(2, NOW + 70)
        assert await store.counters.read(b"k", now=NOW + 69.9) == Count(2, NOW + 70)
        assert await store.counters.add(b"other", now=NOW + 10, window_seconds=60) == Count(1, NOW + 70)
        assert await store.counters.read(b"k", now=NOW + 70) is None
        assert await store.counters.add(b"k", now=NOW + 70, window_seconds=60) == Count(1, NOW + 130)

    async def test_giving_back_never_goes_below_zero_and_opens_no_window(self, store: Store) -> None:
        await store.counters.give_back(b"k", 3, now=NOW)
        assert await store.counters.read(b"k", now=NOW) is None
        assert await store.counters.add(b"k", now=NOW + 5, window_seconds=60) == Count(1, NOW + 65)
        await store.counters.give_back(b"k", 3, now=NOW + 6)
        assert await store.counters.read(b"k", now=NOW + 6) == Count(0, NOW + 65)
        await store.counters.give_back(b"k", now=NOW + 65)
        assert await store.counters.read(b"k", now=NOW + 65) is None

    async def test_so_much_is_given_back_as_is_said(self, store: Store) -> None:
        for _ in range(5):
            await store.counters.add(b"k", now=NOW, window_seconds=60)
        await store.counters.give_back(b"k", now=NOW)
        await store.counters.give_back(b"k", 2, now=NOW)
        assert await store.counters.read(b"k", now=NOW) == Count(2, NOW + 60)

    async def test_a_counter_that_was_given_back_from_lasts_as_long_as_before(self, store: Store) -> None:
        """Or a day's limit would be forgotten after a send that was not begun."""
        for key in (b"k", b"other"):
            await store.counters.add(key, now=NOW, window_seconds=60)
        await store.counters.give_back(b"k", now=NOW + 59)
        assert await store.sessions.remove_expired(now=NOW + 59.9, limits=LIMITS) == 0
        assert await store.counters.add(b"k", now=NOW + 59.9, window_seconds=60) == Count(1, NOW + 60)
        assert await store.sessions.remove_expired(now=NOW + 60, limits=LIMITS) == 2

    async def test_a_window_that_is_over_is_not_given_back_from(self, store: Store) -> None:
        await store.counters.add(b"k", now=NOW, window_seconds=60)
        await store.counters.give_back(b"k", now=NOW + 60)
        assert await store.counters.read(b"k", now=NOW + 59.9) == Count(1, NOW + 60)

    async def test_parallel_counts_are_all_counted(self, store: Store) -> None:
        counts = await asyncio.gather(*(store.counters.add(b"k", now=NOW, window_seconds=60) for _ in range(100)))
        assert sorted(count.value for count in counts) == list(range(1, 101))

    async def test_a_counter_is_reset(self, store: Store) -> None:
        await store.counters.add(b"k", now=NOW, window_seconds=60)
        await store.counters.reset_count(b"k")
        await store.counters.reset_count(b"unknown")
        assert await store.counters.read(b"k", now=NOW) is None

    async def test_what_may_be_used_once_is_used_by_one_of_many(self, store: Store) -> None:
        """Such as the authenticator of a Kerberos ticket."""
        once = Counter(key=b"authenticator", limit=1, window_seconds=600)
        results = await asyncio.gather(*(store.counters.reserve([once], now=NOW) for _ in range(20)))
        assert results.count(None) == 1
        assert await store.counters.reserve([once], now=NOW + 599.9) == Reached(0, NOW + 600)
        assert await store.counters.reserve([once], now=NOW + 600) is None

    async def test_all_counters_are_reserved_or_none(self, store: Store) -> None:
        counters = [Counter(key=key, limit=limit, window_seconds=60) for key, limit in ((b"a", 5), (b"b", 3))]
        results = await asyncio.gather(*(store.counters.reserve(counters, now=NOW) for _ in range(20)))
        assert results.count(None) == 3
        assert [result for result in results if result is not None] == [Reached(1, NOW + 60)] * 17
        assert await store.counters.read(b"a", now=NOW) == Count(3, NOW + 60)
        assert await store.counters.reserve(counters, now=NOW + 60) is None

    async def test_a_sliding_window_starts_anew_with_each_count(self, store: Store) -> None:
        counter = Counter(key=b"s", limit=3, window_seconds=60, is_sliding=True)
        for second in (0, 50, 100):
            assert await store.counters.reserve([counter], now=NOW + second) is None
        assert await store.counters.reserve([counter], now=NOW + 159.9) == Reached(0, NOW + 160)
        assert await store.counters.reserve([counter], now=NOW + 160) is None
        assert await store.counters.read(b"s", now=NOW + 160) == Count(1, NOW + 220)

    async def test_sliding_windows_of_counters_counted_together_end_together(self, store: Store) -> None:
        both = [Counter(key=key, limit=9, window_seconds=1860.1, is_sliding=True) for key in (b"all", b"one")]
        for second in (0.123456789, 7.7, 7.3):  # workers' clocks differ
            assert await store.counters.reserve(both, now=NOW + second) is None
            everywhere, here = [await store.counters.read(each.key, now=NOW + 9) for each in both]
            assert everywhere == here is not None
        assert await store.counters.reserve(both[:1], now=NOW + 8) is None
        await store.counters.give_back(b"all", now=NOW + 9)
        everywhere, here = [await store.counters.read(each.key, now=NOW + 9) for each in both]
        assert everywhere is not None
        assert here is not None
        assert everywhere.value == here.value
        assert everywhere.window_ends_at != here.window_ends_at

    async def test_a_familiar_address_is_one_persons_until_its_time_is_over(self, store: Store) -> None:
        await store.counters.add_familiar(b"a", b"home", now=NOW, expires_at=NOW + 10, most=5)
        assert await store.counters.is_familiar(b"a", b"home", now=NOW + 9.9)
        assert not await store.counters.is_familiar(b"a", b"home", now=NOW + 10)
        assert not await store.counters.is_familiar(b"a", b"work", now=NOW)
        assert not await store.counters.is_familiar(b"b", b"home", now=NOW)
        await store.counters.add_familiar(b"a", b"home", now=NOW + 5, expires_at=NOW + 15, most=5)
        assert await store.counters.is_familiar(b"a", b"home", now=NOW + 14)

    async def test_the_latest_familiar_addresses_are_kept_and_no_more(self, store: Store) -> None:
        await store.counters.add_familiar(b"b", b"0", now=NOW, expires_at=NOW + 100, most=3)
        for number in range(6):
            expires_at = NOW + 100 + number
            await store.counters.add_familiar(b"a", str(number).encode(), now=NOW, expires_at=expires_at, most=3)
        kept = [number for number in range(6) if await store.counters.is_familiar(b"a", str(number).encode(), now=NOW)]
        assert kept == [3, 4, 5]
        assert await store.counters.is_familiar(b"b", b"0", now=NOW)

    async def test_whom_a_limit_stopped_is_listed_once_until_its_window_ends(self, store: Store) -> None:
        bob = throttled("bob", at=NOW, until=NOW + 60)
        alice = throttled("alice", at=NOW + 1, until=NOW + 30)
        for each in (throttled("bob", at=NOW - 9, until=NOW + 51), alice, bob):
            await store.counters.put_throttled(each)
        assert await store.counters.throttled(now=NOW + 2) == (alice, bob)
        assert await store.counters.throttled(now=NOW + 30) == (bob,)
        await store.counters.put_throttled(replace(bob, limit=Limit.SENDS_PER_NUMBER))
        await store.counters.drop_throttled("bob", Limit.SENDS_PER_NUMBER)
        await store.counters.drop_throttled("nobody", Limit.SENDS_PER_NUMBER)
        assert await store.counters.throttled(now=NOW + 30) == (bob,)

    async def test_no_more_than_the_latest_are_listed(self, store: Store) -> None:
        for number in range(MOST_THROTTLED + 2):
            await store.counters.put_throttled(throttled(f"guid-{number}", at=NOW + number, until=NOW + 9000))
        found = await store.counters.throttled(now=NOW)
        assert len(found) == MOST_THROTTLED
        assert {found[0].guid, found[-1].guid} == {f"guid-{MOST_THROTTLED + 1}", "guid-2"}


def throttled(guid: str, *, at: float, until: float) -> ThrottledPerson:
    return ThrottledPerson(guid=guid, realm="corp", username=guid, limit=Limit.PASSCODES_PER_PERSON, at=at, until=until)
