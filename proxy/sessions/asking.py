"""Asking a store that may hang: whether it is silent, or nobody here had the time to read its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from proxy.store.store import StoreUnavailable

T = TypeVar("T")

LAST_CHANCE_SECONDS = 0.05
"""For what had arrived when the time was up: to read it takes the event loop a few turns."""
AWAKE_SECONDS = 0.1
"""A process whose last chance took longer had other things to do, or was not running."""


class Silent(StoreUnavailable):
    """No answer, although this process was awake to hear one."""


class Asleep(StoreUnavailable):
    """No answer was read. That says nothing of the store: this process was late itself."""


async def answered(question: Coroutine[Any, Any, T], *, seconds: float) -> T:
    """Its answer. Raises what it raises, and `Silent` or `Asleep` where there is none within `seconds`."""
    loop = asyncio.get_running_loop()
    asking = loop.create_task(question)
    try:
        await asyncio.wait({asking}, timeout=seconds)
        if not asking.done():
            began_at = loop.time()
            await asyncio.wait({asking}, timeout=LAST_CHANCE_SECONDS)
            if not asking.done():
                was_awake = loop.time() - began_at < AWAKE_SECONDS
                raise (Silent if was_awake else Asleep)(f"no answer from the store within {seconds:g} s")
        return asking.result()
    finally:
        if not asking.done():
            asking.cancel()
            await asyncio.wait({asking})
