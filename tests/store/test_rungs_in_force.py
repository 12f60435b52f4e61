"""A rung is in force on another worker (SQLite) or node (Redis) within a second, and over a restart."""

from __future__ import annotations

import asyncio
import time

from config.settings import DegradeSettings, RungKind
from proxy.degrade.board import DegradeBoard
from proxy.store.contract import Store
from tests.support.eventually import eventually
from tests.support.rungs import begun_rung

RUNGS = (DegradeSettings(name="closed", what=RungKind.CLOSED),)


async def nothing() -> None:
    return


async def test_a_rung_is_in_force_everywhere_within_a_second(stores: tuple[Store, Store]) -> None:
    now = time.time()
    boards = [DegradeBoard(store.rungs, RUNGS) for store in stores]
    looking = [asyncio.create_task(board.keep_up(nothing)) for board in boards]
    for board in boards:
        assert (await board.at(now)).closed is None
    rung = begun_rung("closed", at=now)
    assert await stores[0].rungs.put_rung(rung, seen=None)
    await eventually(lambda: all(board.known(now).closed for board in boards), seconds=1)
    restarted = DegradeBoard(stores[1].rungs, RUNGS)
    assert (await restarted.at(now)).closed is not None
    assert await stores[1].rungs.put_rung(rung.ended(by="anna", now=now), seen=rung)
    await eventually(lambda: not any(board.known(now).closed for board in boards), seconds=1)
    for task in looking:
        task.cancel()
    await asyncio.gather(*looking, return_exceptions=True)
