"""One domain controller: its health, and the service connections that wait for work on it. For all threads.

Instants are of `time.monotonic`.
"""

from __future__ import annotations

import random
import ssl
import threading
import time

from directory.active_directory.connection import Connection
from directory.active_directory.discovery import RankedServer
from directory.active_directory.host_addresses import HostAddresses
from directory.circuit import Circuit, CircuitHealth

IDLE_SECONDS = 600.0
"""AD closes a connection that was idle for 900 s (MaxConnIdleTime)."""
_JITTER = random.SystemRandom()


class DomainController:
    def __init__(self, candidate: RankedServer, context: ssl.SSLContext, addresses: HostAddresses) -> None:
        self.address = candidate.address
        self.rank = candidate.rank
        self.last_failure = ""
        self._context = context
        self._addresses = addresses
        self._idle: list[tuple[float, Connection]] = []
        self._lock = threading.Lock()
        self.health = CircuitHealth(heard_at=time.monotonic())
        self._is_closed = False

    @property
    def is_asked(self) -> bool:
        """Whether work may be given to it: not while it is known to be gone."""
        return self.health.circuit is Circuit.CLOSED

    def failed(self, reason: str) -> None:
        with self._lock:
            self.health = self.health.failed(time.monotonic(), _JITTER.random())
            self.last_failure = reason
        self._drop_idle(used_before=time.monotonic())  # they would fail in the same way

    def answered(self, seconds: float | None = None) -> None:
        with self._lock:
            self.health = self.health.answered(time.monotonic(), seconds)

    def claim_probe(self, now: float) -> bool:
        """True for the one caller that is to probe or measure it now."""
        with self._lock:
            if self.health.due_at() > now:
                return False
            self.health = self.health.probed()
            return True

    def open(self, deadline: float) -> Connection:
        return Connection.open(self.address, self._context, deadline=deadline, addresses=self._addresses)

    def take(self) -> Connection | None:
        """A bound service connection that was used recently; it belongs to the caller until `give_back`."""
        with self._lock:
            if not self._idle or self._idle[-1][0] < time.monotonic() - IDLE_SECONDS:
                return None
            return self._idle.pop()[1]

    def give_back(self, connection: Connection) -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append((time.monotonic(), connection))
                return
        connection.close()

    def close_idle(self) -> None:
        """Those that were not used for `IDLE_SECONDS`."""
        self._drop_idle(used_before=time.monotonic() - IDLE_SECONDS)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
        self._drop_idle(used_before=time.monotonic())

    def _drop_idle(self, *, used_before: float) -> None:
        with self._lock:
            old = [connection for used_at, connection in self._idle if used_at <= used_before]
            self._idle = [(used_at, connection) for used_at, connection in self._idle if used_at > used_before]
        for connection in old:
            connection.close()
