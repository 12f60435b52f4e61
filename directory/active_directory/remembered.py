"""A value read from the directory and kept for a stated time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from directory.errors import DirectoryBusy

T = TypeVar("T")


class Remembered(Generic[T]):
    """One value for all threads. When it is too old, one thread reads it again while the others wait.

    A failed reading raises: the old value never hides it.
    """

    def __init__(self, lifetime_seconds: float) -> None:
        self._lifetime = lifetime_seconds
        self._lock = threading.Lock()
        self._value: tuple[float, T] | None = None

    @property
    def last(self) -> T | None:
        """The value read last, however old."""
        return self._value[1] if self._value else None

    def get(self, read: Callable[[], T], *, deadline: float) -> T:
        """Raises what `read` raises, or `DirectoryBusy` if another thread's reading takes longer than `deadline`, an
        instant of `time.monotonic`."""
        kept = self._fresh()
        if kept is not None:
            return kept[1]
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise DirectoryBusy("another thread is still reading what this one waits for")
        try:
            kept = self._fresh()
            if kept is None:
                kept = self._value = (time.monotonic(), read())
            return kept[1]
        finally:
            self._lock.release()

    def put(self, value: T) -> None:
        """A value read elsewhere, from now on."""
        self._value = (time.monotonic(), value)

    def _fresh(self) -> tuple[float, T] | None:
        kept = self._value
        return kept if kept is not None and time.monotonic() - kept[0] < self._lifetime else None
