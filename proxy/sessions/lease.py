"""Work that one worker of all nodes does at a time: who holds the lease, and after its death another within seconds."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Coroutine
from typing import Protocol

from proxy.operations.store_errors import StoreError

LEASE_SECONDS = 5.0
TURN_SECONDS = 1.0
"""How often a lease is asked for, or prolonged."""


class LeaseStore(Protocol):
    """Who does what alone. Methods raise `StoreUnavailable`."""

    async def take_lease(self, name: str, holder: str, *, now: float, seconds: float) -> bool:
        """Take or prolong it until `now + seconds`; False while another holder has it. Atomic."""
        ...

    async def is_leased(self, name: str, *, now: float, seconds: float) -> bool:
        """Whether somebody has it; `seconds`: what it is taken for at a time."""
        ...

    async def drop_lease(self, name: str, holder: str) -> None:
        """Give it back, if this holder has it."""
        ...


async def while_leased(
    work: Callable[[], Coroutine[None, None, None]],
    *,
    store: LeaseStore,
    name: str,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    turn_seconds: float = TURN_SECONDS,
) -> None:
    """Run `work()` while this worker holds the lease, until cancelled; then give it back.

    Without the store a lease is held until it expires. If `work` ends, it is started again.
    """
    holder = secrets.token_hex(16)
    working: asyncio.Task[None] | None = None
    held_until = float("-inf")
    try:
        while True:
            began_at = monotonic()
            with contextlib.suppress(StoreError, TimeoutError):
                async with asyncio.timeout(turn_seconds):
                    is_mine = await store.take_lease(name, holder, now=clock(), seconds=LEASE_SECONDS)
                held_until = began_at + LEASE_SECONDS if is_mine else float("-inf")
            if monotonic() >= held_until:
                await _stop(working)
                working = None
            elif working is None or working.done():
                _tell_failure(working, name)
                working = asyncio.create_task(work())
            await asyncio.sleep(turn_seconds)
    finally:
        await _stop(working)
        with contextlib.suppress(StoreError):
            await store.drop_lease(name, holder)


def _tell_failure(working: asyncio.Task[None] | None, name: str) -> None:
    error = None if working is None or working.cancelled() else working.exception()
    if error is not None:
        context = {"message": f"the {name} failed and is started again", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)


async def _stop(working: asyncio.Task[None] | None) -> None:
    if working is not None:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
