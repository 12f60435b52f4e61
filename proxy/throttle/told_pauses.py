"""The pause that the sign-in page shows: counted by the typed text alone, so that it does not reveal who exists.

It refuses nobody: only the person's own counts do. A name that does not exist is counted here like one that does, and
its pause ends at the same instant. So nothing that depends on a person may change these counts, not even a right
password: somebody who guesses from elsewhere would see the pause end, and know that the name exists. Only an operator
ends a pause early.
"""

from __future__ import annotations

from directory.lockout import PasswordLimits
from proxy.throttle.counter_store import Counter, ThrottleStore
from proxy.throttle.counters import Counters, LimitCounter
from proxy.throttle.limits import CounterState, Limit, ToldPause

_BROWSERS = 20
"""How many tries of one name are kept: the latest ones."""


class ToldPauses:
    """`typed` is `typed_names.counted_as`; `start` is `Throttle.fresh_starts` of whom it is counted against."""

    def __init__(self, store: ThrottleStore, counters: Counters) -> None:
        self._store = store
        self._counters = counters

    async def refused(
        self, *, typed: str, start: int, password: bytes, limits: PasswordLimits, now: float
    ) -> ToldPause | None:
        """A try was refused, for any reason. `password`: a keyed digest of it, because the same one counts once."""
        counter = self._counter(typed, start, limits)
        seen = self._counters.digest("typed password", typed, str(start), password.hex())
        # The person's own count does not count a repeated password either. If this one did, the two would differ.
        if await self._counters.value(seen, now=now):
            return self._pause(await self.standing(typed=typed, start=start, limits=limits, now=now))
        await self._store.add(seen, now=now, window_seconds=limits.window_seconds)
        reached = await self._store.reserve([counter], now=now)
        if reached is not None:
            return ToldPause(ends_at=reached.window_ends_at, is_new=False)
        pause = self._pause(await self.standing(typed=typed, start=start, limits=limits, now=now))
        return None if pause is None else ToldPause(ends_at=pause.ends_at, is_new=True)

    async def standing(self, *, typed: str, start: int, limits: PasswordLimits, now: float) -> CounterState:
        counted = LimitCounter(Limit.PASSWORDS_AS_TYPED, self._counter(typed, start, limits))
        return await self._counters.standing(counted, now=now)

    async def proven(self, *, typed: str, start: int, browser: str, limits: PasswordLimits, now: float) -> None:
        """A right password was typed in this browser, so it may learn what holds for the person."""
        if (await self.standing(typed=typed, start=start, limits=limits, now=now)).count:
            keys = self._browser_keys(typed, browser)
            await self._store.add_familiar(*keys, now=now, expires_at=now + limits.window_seconds, most=_BROWSERS)

    async def is_proven(self, *, typed: str, browser: str, now: float) -> bool:
        return await self._store.is_familiar(*self._browser_keys(typed, browser), now=now)

    @staticmethod
    def _pause(standing: CounterState) -> ToldPause | None:
        return ToldPause(ends_at=standing.window_ends_at, is_new=False) if standing.is_reached else None

    def _counter(self, typed: str, start: int, limits: PasswordLimits) -> Counter:
        return Counter(
            key=self._counters.digest("passwords as typed", typed, str(start)),
            # The smaller of a person's two limits. Which one applies depends on where the person signed in before, and
            # that must not show here.
            limit=limits.from_unfamiliar,
            window_seconds=limits.window_seconds,
            is_sliding=True,
        )

    def _browser_keys(self, typed: str, browser: str) -> tuple[bytes, bytes]:
        return self._counters.digest("typed right", typed), self._counters.digest("typed right", typed, browser)
