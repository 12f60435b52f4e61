"""What may be used once, by whichever worker or node it is brought to."""

from __future__ import annotations

from proxy.throttle.counter_store import Counter, CounterStore


async def is_first_use(counters: CounterStore, name: bytes, *, seconds: float, now: float) -> bool:
    """Whether the caller is the first to use what is called so, of all who try at the same time too; remembered for
    `seconds`. Durable. Raises `StoreUnavailable`."""
    return await counters.reserve([Counter(key=name, limit=1, window_seconds=seconds)], now=now) is None
