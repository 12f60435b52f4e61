"""The one bounded pool of threads in which a realm's LDAP blocks, with the deadline kept inside the thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from directory.errors import DirectoryBusy, DirectoryUnavailable

T = TypeVar("T")

WAITING_PER_THREAD = 4
"""How many jobs may wait for each thread; further ones are `DirectoryBusy`."""


class LDAPThreads:
    def __init__(self, realm: str, count: int, *, timeout_seconds: float) -> None:
        self._realm = realm
        self._timeout_seconds = timeout_seconds
        self._executor = ThreadPoolExecutor(count, thread_name_prefix=f"ldap-{realm}")
        self._places = threading.BoundedSemaphore(count * (1 + WAITING_PER_THREAD))

    async def run(self, work: Callable[[float], T]) -> T:
        """The result of `work(deadline)`. The time spent waiting for a thread counts.

        Raises what `work` raises, `DirectoryBusy` if no thread is free, `DirectoryUnavailable` after `close`.
        """
        if not self._places.acquire(blocking=False):
            raise DirectoryBusy(f"directory {self._realm!r}: too many sign-ins at once")
        deadline = time.monotonic() + self._timeout_seconds

        def in_time() -> T:
            if time.monotonic() >= deadline:
                raise DirectoryBusy(f"directory {self._realm!r}: no thread was free in time")
            return work(deadline)

        try:
            future = self._executor.submit(in_time)
        except RuntimeError as exc:
            self._places.release()
            raise DirectoryUnavailable(self._realm, "closed") from exc
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """A job that is still running ends at its deadline, and nobody gets its answer."""
        self._executor.shutdown(wait=False, cancel_futures=True)
