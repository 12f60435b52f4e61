"""What every store must keep of reports and of sweeps: `proxy.sign_in.not_me`, `proxy.sign_in.reported_numbers` and
`proxy.help_desk.number_sweeps`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from proxy.help_desk.number_sweeps import SweepCount
from proxy.sign_in.not_me import ReportedSignIn
from proxy.sign_in.reported_numbers import ReportedNumber
from proxy.store.contract import Store
from tests.support.people import NOW

REPORTED = ReportedNumber(
    guid="alice", realm="corp", username="älice", number=b"\x00one ", masked="•••• 456", changed_at=None, at=NOW
)


class ReportedContract:
    async def test_a_reported_sign_in_stays_until_it_is_settled(self, store: Store) -> None:
        first = ReportedSignIn(guid="alice", realm="corp", username="älice", at=NOW)
        other, later = replace(first, guid="bob", at=NOW + 1), replace(first, at=NOW + 2)
        for each in (first, other, later):
            await store.reported.put_reported(each)
        assert await store.reported.reported() == (later, other)
        assert await store.reported.settle_reported("alice")
        assert not await store.reported.settle_reported("alice")
        assert await store.reported.reported() == (other,)

    async def test_a_reported_number_stays_until_it_is_dropped(self, store: Store) -> None:
        other = replace(REPORTED, guid="bob", changed_at=NOW - 0.25, at=NOW + 1)
        assert await store.reported_numbers.put_reported_number(REPORTED)
        assert await store.reported_numbers.put_reported_number(other)
        assert await store.reported_numbers.reported_numbers() == (other, REPORTED)
        assert await store.reported_numbers.drop_reported_number("alice", REPORTED.number)
        assert not await store.reported_numbers.drop_reported_number("alice", REPORTED.number)
        assert await store.reported_numbers.reported_numbers() == (other,)

    async def test_a_number_is_reported_once_and_another_takes_its_place(self, store: Store) -> None:
        again, another = replace(REPORTED, at=NOW + 5), replace(REPORTED, number=b"\x00on", at=NOW + 9)
        presses = [store.reported_numbers.put_reported_number(each) for each in (REPORTED, REPORTED, REPORTED)]
        assert sorted(await asyncio.gather(*presses)) == [False, False, True]
        assert not await store.reported_numbers.put_reported_number(again)
        assert await store.reported_numbers.reported_numbers() == (REPORTED,)
        assert await store.reported_numbers.put_reported_number(another)
        assert await store.reported_numbers.reported_numbers() == (another,)
        # Whoever looked at the first one takes nothing else off the list.
        assert not await store.reported_numbers.drop_reported_number("alice", REPORTED.number)
        assert await store.reported_numbers.reported_numbers() == (another,)

    async def test_only_the_latest_sweeps_are_counted(self, store: Store) -> None:
        sweeps = [SweepCount(made_at=NOW + number + 0.5, persons=10, unusable=number) for number in range(4)]
        for each in (sweeps[1], sweeps[3], sweeps[0], sweeps[2]):
            await store.sweeps.put_sweep(each, most=3)
        assert await store.sweeps.sweeps() == tuple(sweeps[1:])
        changed = replace(sweeps[2], unusable=9)
        await store.sweeps.put_sweep(changed, most=3)
        assert await store.sweeps.sweeps() == (sweeps[1], changed, sweeps[3])
