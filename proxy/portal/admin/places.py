"""Work that only so many do at the same time in one worker, while so many more wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class TooManyAtOnce(Exception):
    """All places are taken, and as many wait as may."""


class Places:
    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)
        self._waiting = 0

    @asynccontextmanager
    async def hold(self, *, most_waiting: int) -> AsyncIterator[None]:
        """Hold one of the places. Raises `TooManyAtOnce`."""
        if self._free.locked() and self._waiting >= most_waiting:
            raise TooManyAtOnce
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()
