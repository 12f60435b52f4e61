"""Work beside the requests, from its start to the end of everything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress

from structlog.typing import FilteringBoundLogger


async def in_background(
    stack: AsyncExitStack,
    work: Callable[[], Awaitable[None]],
    log: FilteringBoundLogger,
    failed: asyncio.Event | None = None,
) -> None:
    """Run `work()` until the stack is closed, possibly before it begins; sets `failed` if it ends with an error."""

    async def run() -> None:
        try:
            await work()
        except Exception:  # the border of a background task: nobody else would learn of it
            log.exception("background.failed")
            if failed is not None:
                failed.set()

    task = asyncio.create_task(run())

    async def stop() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(stop)
