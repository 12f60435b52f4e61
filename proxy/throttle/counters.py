"""What the limiter counts with: each counter's name, limit and window, and the counts themselves in the store.

Counters are named by an HMAC, so that the store holds no names, numbers and addresses in the clear. IPv6
addresses are counted by their /64: one customer has at least that many of them (RFC 6177).
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Sequence
from dataclasses import dataclass

from config.settings import ThrottleSettings
from directory.lockout import PasswordLimits
from proxy.throttle.counter_store import Count, Counter, CounterStore
from proxy.throttle.limits import DAY_SECONDS, UNTIL_CLEARED_SECONDS, CounterState, Limit, Throttled


@dataclass(frozen=True, slots=True)
class LimitCounter:
    limit: Limit
    counter: Counter


class Counters:
    """Of one store. `who` is what a limit counts: a person, a number, `network_of` an address, or nobody."""

    def __init__(self, store: CounterStore, settings: ThrottleSettings, *, key: bytes) -> None:
        self._store = store
        self._settings = settings
        self._secret = key

    def of(self, limit: Limit, who: str, passwords: PasswordLimits | None = None) -> LimitCounter:
        """`passwords` for the limits that follow the directory's own (`Limit.PASSWORDS_PER_PERSON` and its part)."""
        key = self.key(limit, who)
        if passwords is not None:
            most = passwords.in_all if limit is Limit.PASSWORDS_PER_PERSON else passwords.from_unfamiliar
            return LimitCounter(
                limit, Counter(key=key, limit=most, window_seconds=passwords.window_seconds, is_sliding=True)
            )
        window_seconds = self._settings.window
        if limit is Limit.SENDS_PER_DAY:
            window_seconds = DAY_SECONDS
        elif limit is Limit.PASSCODE_FAILURES_IN_A_ROW:
            window_seconds = UNTIL_CLEARED_SECONDS
        # A limit's value is the name of its setting.
        most = getattr(self._settings, limit.value)
        return LimitCounter(limit, Counter(key=key, limit=most, window_seconds=window_seconds))

    def key(self, limit: Limit, who: str) -> bytes:
        return self.digest(limit.value, who)

    def digest(self, *parts: str) -> bytes:
        """NUL occurs in none of the parts."""
        return hmac.digest(self._secret, "\0".join(parts).encode("utf-8", "surrogatepass"), "sha256")

    async def reserve(self, counters: Sequence[LimitCounter], *, now: float) -> Throttled | None:
        """Count one in each; `Throttled` (and nothing counted at all) if a limit is reached."""
        reached = await self._store.reserve([each.counter for each in counters], now=now)
        if reached is None:
            return None
        wait = math.ceil(min(reached.window_ends_at - now, DAY_SECONDS))
        return Throttled(limit=counters[reached.index].limit, retry_after_seconds=max(1, wait))

    async def give_back(self, limit: Limit, who: str, amount: int = 1, *, now: float) -> None:
        await self._store.give_back(self.key(limit, who), amount, now=now)

    async def reset(self, limit: Limit, who: str) -> None:
        await self._store.reset_count(self.key(limit, who))

    async def standing(self, counted: LimitCounter, *, now: float) -> CounterState:
        """How it stands; nothing is counted."""
        counter = counted.counter
        read = await self._store.read(counter.key, now=now) or Count(0, now + counter.window_seconds)
        return CounterState(
            limit=counted.limit, count=read.value, most=counter.limit, window_ends_at=read.window_ends_at
        )

    async def value(self, key: bytes, *, now: float) -> int:
        read = await self._store.read(key, now=now)
        return 0 if read is None else read.value
