"""How many people an admin may look up: each look-up costs a directory some searches that sign-ins wait for."""

from __future__ import annotations

import hmac
import math
from contextlib import AbstractAsyncContextManager

from proxy.portal.admin.places import Places
from proxy.throttle.counter_store import Counter, CounterStore

MOST_AT_ONCE = 2
"""In one worker: fewer than the threads that a directory has, so that sign-ins go on."""
MOST_WAITING = 8
MOST = 60
"""Of one admin, within `WINDOW_SECONDS`: more than a help desk types, far fewer than a list of everybody has."""
MOST_REPORTS = 10
WINDOW_SECONDS = 600.0


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
