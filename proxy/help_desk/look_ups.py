"""How many people an admin may look up: each look-up costs a directory some searches that sign-ins wait for."""

from __future__ import annotations

import asyncio
import hmac
import math
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from proxy.throttle.counter_store import Counter, CounterStore

MOST_AT_ONCE = 2
"""In one worker: fewer than the threads that a directory has, so that sign-ins go on."""
MOST_WAITING = 8
MOST = 60
"""Of one admin, within `WINDOW_SECONDS`: more than a help desk types, far fewer than a list of everybody has."""
MOST_REPORTS = 10
WINDOW_SECONDS = 600.0


class TooManyAtOnce(Exception):
    """All places are taken, and as many wait as may."""


class Places:
    """Work that only so many do at the same time in one worker, while so many more wait."""

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


class LookUps:
    def __init__(self, store: CounterStore, *, key: bytes) -> None:
        """`key` names the counters, so that the store does not show who looks people up."""
        self._store = store
        self._key = key
        self._places = Places(MOST_AT_ONCE)

    async def reserve(self, guid: str, *, now: float) -> int | None:
        """Count one of this admin; else how many seconds they have to wait. Raises `StoreUnavailable`."""
        return await self._reserve("look-ups", guid, MOST, now=now)

    async def reserve_report(self, guid: str, *, now: float) -> int | None:
        """The same of reports that they have made, each of which looks everybody up."""
        return await self._reserve("reports", guid, MOST_REPORTS, now=now)

    async def _reserve(self, what: str, guid: str, most: int, *, now: float) -> int | None:
        name = hmac.digest(self._key, f"admin {what}\0{guid}".encode(), "sha256")
        reached = await self._store.reserve([Counter(key=name, limit=most, window_seconds=WINDOW_SECONDS)], now=now)
        return None if reached is None else max(1, math.ceil(reached.window_ends_at - now))

    def place(self) -> AbstractAsyncContextManager[None]:
        """Hold one of the places. Raises `TooManyAtOnce`."""
        return self._places.hold(most_waiting=MOST_WAITING)
