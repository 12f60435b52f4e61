"""Changes that do not depend on each other, made at once: those of one store share one transaction and one `fsync`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable


async def at_once(*changes: Awaitable[object]) -> None:
    """Return when all have ended; then raise what the first of those that failed raised."""
    ended = await asyncio.gather(*changes, return_exceptions=True)
    for each in ended:
        if isinstance(each, BaseException):
            raise each
