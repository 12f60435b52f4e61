"""What every store must keep of the operator's notice: `proxy.operations.notice_board`."""

from __future__ import annotations

import asyncio

from proxy.operations.notice_board import OperatorNotice
from proxy.store.contract import Store
from tests.support.people import NOW

LASTING = OperatorNotice(text='SMS are "slow" – <today>', ends_at=None)
ENDING = OperatorNotice(text="SMS are slow today", ends_at=NOW + 7200)


class OperatorNoticesContract:
    async def test_one_notice_is_kept_until_it_is_replaced_or_taken_down(self, store: Store) -> None:
        assert await store.operator_notices.notice() is None
        for notice in (LASTING, ENDING, LASTING):
            await store.operator_notices.put_up(notice)
            assert await store.operator_notices.notice() == notice
        taken = await asyncio.gather(*(store.operator_notices.take_down() for _ in range(5)))
        assert taken.count(True) == 1
        assert await store.operator_notices.notice() is None
