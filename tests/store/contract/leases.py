"""What every store must keep of leases: `proxy.sessions.lease`."""

from __future__ import annotations

import asyncio

from proxy.store.contract import Store
from tests.support.people import NOW


class LeasesContract:
    async def test_a_lease_is_one_holders_until_it_ends_or_is_given_back(self, store: Store) -> None:
        taken = await asyncio.gather(*(store.leases.take_lease("watch", str(n), now=NOW, seconds=5) for n in range(20)))
        assert taken.count(True) == 1
        holder = str(taken.index(True))
        assert await store.leases.take_lease("other", "b", now=NOW, seconds=5)
        assert await store.leases.take_lease("watch", holder, now=NOW + 3, seconds=5)
        assert not await store.leases.take_lease("watch", "b", now=NOW + 7.9, seconds=5)
        await store.leases.drop_lease("watch", "b")
        assert not await store.leases.take_lease("watch", "b", now=NOW + 7.9, seconds=5)
        await store.leases.drop_lease("watch", holder)
        assert await store.leases.take_lease("watch", "b", now=NOW + 7.9, seconds=5)
        assert not await store.leases.take_lease("watch", holder, now=NOW + 8, seconds=5)

    async def test_anybody_can_ask_whether_a_lease_is_held(self, store: Store) -> None:
        assert not await store.leases.is_leased("watch", now=NOW, seconds=5)
        assert await store.leases.take_lease("watch", "a", now=NOW, seconds=5)
        assert await store.leases.is_leased("watch", now=NOW + 4.999, seconds=5)
        assert not await store.leases.is_leased("other", now=NOW, seconds=5)
        assert not await store.leases.is_leased("watch", now=NOW + 5, seconds=5)
        assert not await store.leases.is_leased("watch", now=NOW - 1, seconds=5), "taken by a clock that was ahead"
        await store.leases.drop_lease("watch", "a")
        assert not await store.leases.is_leased("watch", now=NOW, seconds=5)

    async def test_a_lease_ends_at_its_instant(self, store: Store) -> None:
        assert await store.leases.take_lease("watch", "a", now=NOW, seconds=5)
        assert not await store.leases.take_lease("watch", "b", now=NOW + 4.999, seconds=5)
        assert await store.leases.take_lease("watch", "b", now=NOW + 5, seconds=5)

    async def test_a_lease_that_was_taken_by_a_clock_far_ahead_stands_in_nobodys_way(self, store: Store) -> None:
        assert await store.leases.take_lease("watch", "a", now=NOW + 3600, seconds=5)
        assert await store.leases.take_lease("watch", "b", now=NOW, seconds=5)
        assert not await store.leases.take_lease("watch", "a", now=NOW + 1, seconds=5)
