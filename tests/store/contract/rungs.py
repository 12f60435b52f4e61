"""What every store must keep of the rungs that are in force: `proxy.degrade.rung`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from proxy.degrade.rung import BegunRung
from proxy.store.contract import Store
from tests.support.people import NOW

MAIL = BegunRung(
    name="by mail – 'é'",
    what="mail",
    begun_at=NOW,
    decided_at=NOW + 0.1,
    ends_at=NOW + 7200,
    reason='the gateway is "down"',
    by="root (sudo by anna)",
)


class RungsContract:
    async def test_the_last_decision_about_a_rung_is_kept(self, store: Store) -> None:
        rungs = store.rungs
        assert await rungs.rungs() == ()
        earlier = replace(MAIL, name="closed", what="closed", begun_at=NOW - 60)
        assert await rungs.put_rung(MAIL, seen=None)
        assert await rungs.put_rung(earlier, seen=None)
        assert await rungs.rungs() == (earlier, MAIL)
        ended = replace(MAIL, ended_at=NOW + 60.25, ended_by="anna", is_begin_told=True)
        assert await rungs.put_rung(ended, seen=MAIL)
        assert await rungs.rungs() == (earlier, ended)

    async def test_of_those_who_decide_about_a_rung_at_once_one_does(self, store: Store) -> None:
        others = [replace(MAIL, by=name) for name in ("anna", "bob", "carol")]
        put = await asyncio.gather(*(store.rungs.put_rung(each, seen=None) for each in others))
        assert put.count(True) == 1
        (kept,) = await store.rungs.rungs()
        assert kept == others[put.index(True)]
        again = [replace(kept, is_end_told=True, ended_by=name) for name in ("anna", "bob", "carol")]
        assert (await asyncio.gather(*(store.rungs.put_rung(each, seen=kept) for each in again))).count(True) == 1
        assert not await store.rungs.put_rung(kept, seen=kept)
