"""Messages that are being sent, each in a task of its own: a caller that stops waiting (a browser that left) stops
none."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_CLOSE_SECONDS = 2.0


class UnderWay(Generic[T]):
    """Everything that was begun here is finished, unless it is still running some time after `finish` was called."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[T]] = set()

    async def run(self, sending: Coroutine[Any, Any, T]) -> T:
        """The outcome. A caller that is cancelled in the meantime only does not learn it."""
        task = asyncio.create_task(sending)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def finish(self) -> None:
        """Give running messages a moment to end, then cancel them."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
