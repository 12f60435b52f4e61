"""Wait for what a real socket or timer brings about at some moment, within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(is_so: Callable[[], object], *, seconds: float = 10.0) -> None:
    """Until `is_so()`; `TimeoutError` if it never is."""
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110  # what is waited for has no event of its own
            await asyncio.sleep(0.01)


async def eventually_told(ask: Callable[[], Awaitable[bool]], *, seconds: float = 60.0) -> None:
    """Until `await ask()`, which another process answers: it is asked often, and left time for its work."""
    async with asyncio.timeout(seconds):
        while not await ask():  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.05)


async def settled(count: Callable[[], int], *, turns: int = 1000) -> int:
    """What `count()` says when it has said the same for so many turns of the event loop.

    For what goes on in one process: over loopback, everybody who can go on does so at the next turn.
    """
    before, same = count(), 0
    async with asyncio.timeout(20):
        while same < turns:
            await asyncio.sleep(0)
            now = count()
            same = same + 1 if now == before else 0
            before = now
    return before
