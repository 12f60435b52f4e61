"""What one worker knows of the rungs that are in force.

They are kept in the store, so that they hold for all nodes and survive restarts. Each worker looks at them several
times a second: no sign-in waits for it. If the store cannot be read, or is an older one, what was known
stands until its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from config.settings import DegradeSettings
from proxy.degrade.in_force import NOTHING, Degraded, degraded, unconfigured
from proxy.degrade.rung import BegunRung, DegradeStore
from proxy.operations.store_errors import StoreError

LOOK_SECONDS = 0.4
"""So that a rung is in force everywhere within a second."""
_IDLE_LOOK_SECONDS = 60.0
"""Where no rung is configured: what is kept of one that was is told all the same."""


Decision = tuple[str, float, bool]


def _decision(rung: BegunRung) -> Decision:
    return rung.name, rung.decided_at, rung.is_over


class DegradeBoard:
    """Methods raise nothing, but for `at`, before the store was read for the first time."""

    def __init__(
        self, store: DegradeStore, configured: Sequence[DegradeSettings], *, look_seconds: float | None = None
    ) -> None:
        self.configured = configured
        self._store = store
        self._look_seconds = look_seconds or (LOOK_SECONDS if configured else _IDLE_LOOK_SECONDS)
        self._kept: tuple[BegunRung, ...] | None = None
        self._superseded: set[Decision] = set()

    async def at(self, now: float) -> Degraded:
        """What a sign-in goes by. Raises `StoreUnavailable` where that was never known: a worker that has just started
        lets nobody around a rung."""
        if self.configured and self._kept is None:
            self._kept = await self._store.rungs()
        return self.known(now)

    def known(self, now: float) -> Degraded:
        """What a page may say: nothing, where nothing is known yet."""
        return degraded(self._kept, self.configured, now) if self._kept and self.configured else NOTHING

    @property
    def kept(self) -> tuple[BegunRung, ...]:
        return self._kept or ()

    def unconfigured(self, now: float) -> tuple[BegunRung, ...]:
        return unconfigured(self.kept, self.configured, now)

    def is_in_force(self, name: str, now: float) -> bool:
        return any(each.settings.name == name for each in self.known(now).rungs)

    async def look(self) -> bool:
        """Whether the store could be read."""
        try:
            found = await self._store.rungs()
        except StoreError:
            return False  # others tell of that
        self._kept = self._not_older(found)
        return True

    def _not_older(self, found: Iterable[BegunRung]) -> tuple[BegunRung, ...]:
        """No rung is ever removed, and no decision comes back: a store that says so was restored from a copy, or is a
        new one. What was known then stands."""
        newest = {each.name: each for each in found}
        for known in self.kept:
            there = newest.get(known.name)
            if there is None or _decision(there) in self._superseded:
                newest[known.name] = known
            elif _decision(there) != _decision(known):
                self._superseded.add(_decision(known))
        return tuple(sorted(newest.values(), key=lambda each: (each.begun_at, each.name)))

    async def keep_up(self, then: Callable[[], Awaitable[None]]) -> None:
        """Until cancelled; `then` comes after each look."""
        while True:
            await self.look()
            await then()
            await asyncio.sleep(self._look_seconds)
