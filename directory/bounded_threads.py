"""A bounded pool of threads for work that blocks: who finds it full is told so at once, and the deadline is kept."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from directory.errors import DirectoryBusy, DirectoryUnavailable

T = TypeVar("T")


class BoundedThreads:
    def __init__(
        self, realm: str, count: int, *, waiting: int, use: str = "ldap", timeout_seconds: float = math.inf
    ) -> None:
        """`waiting`: how many jobs may wait for a thread; further ones are `DirectoryBusy`."""
        self._realm = realm
        self._timeout_seconds = timeout_seconds
        self.count = count
        self._executor = ThreadPoolExecutor(count, thread_name_prefix=f"{use}-{realm}")
        self._most = count + waiting
        self._given = 0
        self._lock = threading.Lock()

    @property
    def given(self) -> int:
        """Jobs that run or wait: as many as there are threads run, the others wait."""
        return self._given

    async def run(self, work: Callable[[float], T]) -> T:
        """The result of `work(deadline)`. The time spent waiting for a thread counts. A caller that goes away frees
        its place.

        Raises what `work` raises, `DirectoryBusy` if no thread is free, `DirectoryUnavailable` after `close`.
        """
        self._take_place()
        deadline = time.monotonic() + self._timeout_seconds

        def in_time() -> T:
            if time.monotonic() >= deadline:
                raise DirectoryBusy(f"directory {self._realm!r}: no thread was free in time")
            return work(deadline)

        try:
            future = self._executor.submit(in_time)
        except RuntimeError as exc:
            self._free_place()
            raise DirectoryUnavailable(self._realm, "closed") from exc
        future.add_done_callback(lambda _: self._free_place())
        return await asyncio.wrap_future(future)

    def _take_place(self) -> None:
        with self._lock:
            if self._given >= self._most:
                raise DirectoryBusy(f"directory {self._realm!r}: too many sign-ins at once")
            self._given += 1

    def _free_place(self) -> None:
        """On the thread of a job that is done."""
        with self._lock:
            self._given -= 1

    def close(self) -> None:
        """A job that is still running ends at its deadline, and nobody gets its answer."""
        self._executor.shutdown(wait=False, cancel_futures=True)
