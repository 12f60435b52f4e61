"""Wait for what a real socket or timer brings about at some moment, within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def eventually(is_so: Callable[[], object], *, seconds: float = 10.0) -> None:
    """Until `is_so()`; `TimeoutError` if it never is."""
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110  # what is waited for has no event of its own
            await asyncio.sleep(0.01)
