"""What a worker does at intervals for its sessions: it looks, reads again, writes, expires and cleans up."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from proxy.operations.store_errors import StoreUnavailable
from proxy.sessions.live_sessions import LiveSessions

LOOK_SECONDS = 0.1
"""How often this worker makes sure that it has heard of all ends; well below `NOTICE_SECONDS`."""
FLUSH_SECONDS = 1.0
"""How far the store's last uses may lag behind. For another worker the limits may be off by as much."""
TICK_SECONDS = 0.25
"""How soon after a session's end its listeners hear of it."""
NET_SECONDS = 10.0
"""How often used sessions are read again, even without a notice: the safety net under the notices."""
CLEAN_UP_SECONDS = 60.0


async def keep_up(
    sessions: LiveSessions,
    *,
    clock: Callable[[], float] = time.time,
    may_clean_up: Callable[[], bool] | None = None,
) -> None:
    """Until cancelled; then the last uses are written once more. Outlives any failure of the store.

    `may_clean_up`: whether the clock has been right for long enough; what is removed is gone for good.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            # Apart, so that a hanging disk does not keep sessions alive.
            tasks.create_task(_look(sessions))
            tasks.create_task(_read_anew(sessions, clock))
            tasks.create_task(_draw_net(sessions))
            tasks.create_task(_expire(sessions, clock))
            tasks.create_task(_write(sessions, clock, may_clean_up or (lambda: True)))
    finally:
        sessions.stop_listening()
        await sessions.looks.close()
        with contextlib.suppress(StoreUnavailable):
            await sessions.uses.leave()


async def _look(sessions: LiveSessions) -> None:
    is_closed = False
    while True:
        next_at = asyncio.get_running_loop().time() + LOOK_SECONDS
        await sessions.looks.look()
        if sessions.looks.is_in_grace:
            is_closed = False
        elif not is_closed:
            is_closed = True
            await sessions.close_all()
        # A busy loop is late here as well as there. Its own delay counts, so that it still looks in time.
        await asyncio.sleep(max(0.0, next_at - asyncio.get_running_loop().time()))


async def _read_anew(sessions: LiveSessions, clock: Callable[[], float]) -> None:
    while True:
        await sessions.has_to_read.wait()
        try:
            await sessions.read_anew(clock())
        except StoreUnavailable:
            await asyncio.sleep(LOOK_SECONDS)


async def _draw_net(sessions: LiveSessions) -> None:
    while True:
        await asyncio.sleep(NET_SECONDS)
        sessions.draw_net()


async def _expire(sessions: LiveSessions, clock: Callable[[], float]) -> None:
    while True:
        await sessions.expire(clock())
        await asyncio.sleep(TICK_SECONDS)


async def _write(sessions: LiveSessions, clock: Callable[[], float], may_clean_up: Callable[[], bool]) -> None:
    next_clean_up = 0.0
    while True:
        at = asyncio.get_running_loop().time()
        with contextlib.suppress(StoreUnavailable):
            await sessions.uses.flush()
            if at >= next_clean_up and may_clean_up() and sessions.uses.all_are_written:
                next_clean_up = at + CLEAN_UP_SECONDS
                await sessions.uses.clean_up(clock())
        await asyncio.sleep(FLUSH_SECONDS)
