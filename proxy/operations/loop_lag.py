"""How late the event loop comes to what is due: it is busy, or something blocks it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

INTERVAL_SECONDS = 0.5


async def watch_loop(note: Callable[[float], None], *, interval_seconds: float = INTERVAL_SECONDS) -> None:
    """Tell `note`, again and again until cancelled, by how many seconds this was woken too late."""
    while True:
        due_at = time.monotonic() + interval_seconds
        await asyncio.sleep(interval_seconds)
        note(max(time.monotonic() - due_at, 0.0))
