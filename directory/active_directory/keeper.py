"""A thread that does what is due, so that no sign-in has to wait for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_LONGEST_SECONDS = 60.0


class Keeper:
    """Calls `keep` when it is due; `keep` starts longer work with `run`. Its threads never hold up an exit."""

    def __init__(self, name: str, keep: Callable[[], float]) -> None:
        """`keep` returns when to call it again, an instant of `time.monotonic`."""
        self._name, self._keep = name, keep
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._is_started = self._is_closed = False

    def start(self) -> None:
        """Starts with the first work: nothing runs for a directory that nobody uses."""
        if self._is_started:
            return
        with self._lock:
            if not self._is_started and not self._is_closed:
                self._is_started = _is_running(self._name, self._run)

    def wake(self) -> None:
        """Something may be due earlier than planned."""
        self._wake.set()

    def run(self, work: Callable[[], None]) -> None:
        if not self._is_closed and not _is_running(self._name, work):
            work()  # late is better than never

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
        self._wake.set()

    def _run(self) -> None:
        while not self._is_closed:
            self._wake.clear()
            due_at = self._keep()
            self._wake.wait(max(0.0, min(due_at - time.monotonic(), _LONGEST_SECONDS)))


def _is_running(name: str, work: Callable[[], None]) -> bool:
    """False if the system has no thread left."""
    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError:
        return False
    return True
