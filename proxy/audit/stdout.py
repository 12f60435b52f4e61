"""Lines to the standard output, written by a task of its own: whoever reads it may be slow."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress

_MOST_WAITING = 10_000


class StdoutOutlet:
    """`LineOutlet`, while `run` runs."""

    def __init__(self, *, told_gap: Callable[[int], None], descriptor: int = 1) -> None:
        """`told_gap(count)` is called, once lines go out again, with how many never did."""
        self._told_gap = told_gap
        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque()
        self._lost = 0
        self._woken = asyncio.Event()
        self._written_all = asyncio.Event()
        self._written_all.set()

    def put(self, lines: list[bytes]) -> None:
        self._waiting.extend(lines)
        while len(self._waiting) > _MOST_WAITING:
            self._waiting.popleft()
            self._lost += 1
        self._written_all.clear()
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled, or until nobody can read any more."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._waiting:
                # One by one: several workers write to one pipe, which keeps apart what is written at once.
                await asyncio.to_thread(_write, self._descriptor, self._waiting.popleft() + b"\n")
            lost, self._lost = self._lost, 0
            if lost:
                self._told_gap(lost)
            self._written_all.set()

    async def drained(self) -> None:
        """Wait for what waits to be written, but not for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self._written_all.wait()


def _write(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]
