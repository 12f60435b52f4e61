"""What a worker knows of the operator's notice: without a read per page, and what it knew while the store is away."""

from __future__ import annotations

import asyncio

from proxy.operations.notice_board import NoticeBoard, OperatorNotice
from tests.support.eventually import eventually
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW

ENDING = OperatorNotice(text="SMS are slow today", ends_at=NOW + 60)
LASTING = OperatorNotice(text="Wiki is down", ends_at=None)


async def test_it_is_told_until_it_ends_and_no_page_asks_the_store() -> None:
    store = MemoryStore()
    board = NoticeBoard(store.operator_notices)
    assert board.text(NOW) == ""
    await store.operator_notices.put_up(ENDING)
    await board.look()
    calls = list(store.calls)
    assert [board.text(NOW + seconds) for seconds in (0, 59.9, 60, 61)] == [ENDING.text, ENDING.text, "", ""]
    assert store.calls == calls


async def test_without_the_store_it_stands_by_what_it_knew() -> None:
    store = MemoryStore()
    board = NoticeBoard(store.operator_notices)
    await store.operator_notices.put_up(LASTING)
    await board.look()
    store.away = True
    await board.look()
    assert board.text(NOW) == LASTING.text


async def test_what_is_put_up_and_taken_down_is_seen_by_itself() -> None:
    store = MemoryStore()
    board = NoticeBoard(store.operator_notices, look_seconds=0.01)
    looking = asyncio.create_task(board.keep_up())
    await store.operator_notices.put_up(LASTING)
    await eventually(lambda: board.text(NOW) == LASTING.text)
    await store.operator_notices.take_down()
    await eventually(lambda: board.text(NOW) == "")
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
