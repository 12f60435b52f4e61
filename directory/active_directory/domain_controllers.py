"""The servers of one domain: which is asked, on which connection, and what happens when it does not answer.

Reads run on kept connections of the service account and move on to the next server. A person's password is sent
once, on a connection of its own, and whatever comes back (or does not) is the end of that attempt.
All of this blocks, and runs in threads. Deadlines are instants of `time.monotonic`.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from directory.active_directory.bind_result import refusal_reason
from directory.active_directory.connection import SUCCESS, Connection, ConnectionFailed, Outcome
from directory.active_directory.reader import Reader
from directory.active_directory.server_address import ServerAddress
from directory.errors import DirectoryMisconfigured, DirectoryUnavailable

T = TypeVar("T")

IDLE_SECONDS = 600.0
"""AD closes a connection that was idle for 900 s (MaxConnIdleTime)."""
AVOID_SECONDS = 30.0
"""How long a server that failed is asked last."""
REFUSED_SECONDS = 60.0
"""After the service account was refused: so long it is not tried again, or every sign-in would help to lock it."""


class ServiceAccount:
    """The name and password that reads are made with."""

    def __init__(self, name: str, password: str) -> None:
        self.name = name
        self._password = password

    def bind(self, connection: Connection, *, deadline: float) -> Outcome:
        return connection.bind(self.name, self._password.encode("utf-8"), deadline=deadline)


class DomainController:
    """One server and the service connections that wait for work on it."""

    def __init__(self, address: ServerAddress, context: ssl.SSLContext) -> None:
        self.address = address
        self._context = context
        self._idle: list[tuple[float, Connection]] = []
        self._lock = threading.Lock()
        self._failed_at: float | None = None
        self._is_closed = False

    def is_avoided(self) -> bool:
        return self._failed_at is not None and time.monotonic() - self._failed_at < AVOID_SECONDS

    def failed(self) -> None:
        self._failed_at = time.monotonic()

    def answered(self) -> None:
        self._failed_at = None

    def open(self, deadline: float) -> Connection:
        return Connection.open(self.address, self._context, deadline=deadline)

    def take(self) -> Connection | None:
        """A bound service connection that was used lately; it belongs to the caller until `give_back`."""
        for connection in self._too_old():
            connection.close()
        with self._lock:
            return self._idle.pop()[1] if self._idle else None

    def give_back(self, connection: Connection) -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append((time.monotonic(), connection))
                return
        connection.close()

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def _too_old(self) -> list[Connection]:
        since = time.monotonic() - IDLE_SECONDS
        with self._lock:
            old = [connection for used_at, connection in self._idle if used_at < since]
            self._idle = [(used_at, connection) for used_at, connection in self._idle if used_at >= since]
        return old


class DomainControllers:
    """All servers of a realm, in the order of the configuration."""

    def __init__(
        self, realm: str, servers: Sequence[ServerAddress], context: ssl.SSLContext, account: ServiceAccount
    ) -> None:
        self._realm = realm
        self._account = account
        self._all = tuple(DomainController(address, context) for address in servers)
        self._refused_at: float | None = None
        self._refusal = ""

    def __iter__(self) -> Iterator[DomainController]:
        return iter(self._all)

    def read(self, work: Callable[[Reader], T], *, deadline: float, only_at: ServerAddress | None = None) -> T:
        """Do `work` as the service account at the first server that answers (`only_at`: at that one or nowhere)."""
        asked = [each for each in self._in_order() if only_at in (None, each.address)]
        failure: ConnectionFailed | None = None
        for position, server in enumerate(asked):
            try:
                result = self._read_at(server, work, _share(deadline, len(asked) - position))
            except ConnectionFailed as exc:
                server.failed()
                failure = exc
            else:
                server.answered()
                return result
        raise DirectoryUnavailable(self._realm, str(failure)) from failure

    def bind_once(self, dn: str, password: bytes, *, deadline: float) -> tuple[ServerAddress, Outcome]:
        """Send this password once. Another server is tried only while nothing has been sent."""
        servers = self._in_order()
        failure: ConnectionFailed | None = None
        for position, server in enumerate(servers):
            try:
                connection = server.open(_share(deadline, len(servers) - position))
            except ConnectionFailed as exc:
                server.failed()
                failure = exc
                continue
            try:
                outcome = connection.bind(dn, password, deadline=deadline)
            except ConnectionFailed as exc:
                server.failed()
                raise DirectoryUnavailable(self._realm, str(exc)) from exc
            finally:
                connection.close()
            if outcome.code != SUCCESS and refusal_reason(outcome) is None:
                server.failed()
                raise DirectoryUnavailable(self._realm, f"{server.address}: a bind was answered {outcome.code}")
            server.answered()
            return server.address, outcome
        raise DirectoryUnavailable(self._realm, str(failure)) from failure

    @contextmanager
    def service_connection(self, server: DomainController, *, deadline: float) -> Iterator[Reader]:
        """A fresh one, for this block alone."""
        connection = self._open_service(server, deadline)
        try:
            yield Reader(self._realm, connection, deadline)
        finally:
            connection.close()

    def close(self) -> None:
        for server in self._all:
            server.close()

    def _in_order(self) -> list[DomainController]:
        return sorted(self._all, key=DomainController.is_avoided)

    def _read_at(self, server: DomainController, work: Callable[[Reader], T], deadline: float) -> T:
        kept = server.take()
        if kept is not None:
            try:
                return self._work(server, kept, work, deadline)
            except ConnectionFailed:
                pass  # the server may have closed it while it was idle: once more, on a fresh one
        return self._work(server, self._open_service(server, deadline), work, deadline)

    def _work(
        self, server: DomainController, connection: Connection, work: Callable[[Reader], T], deadline: float
    ) -> T:
        try:
            result = work(Reader(self._realm, connection, deadline))
        except BaseException:
            connection.close()
            raise
        server.give_back(connection)
        return result

    def _open_service(self, server: DomainController, deadline: float) -> Connection:
        if self._refused_at is not None and time.monotonic() - self._refused_at < REFUSED_SECONDS:
            raise DirectoryMisconfigured(self._realm, self._refusal)
        connection = server.open(deadline)
        try:
            outcome = self._account.bind(connection, deadline=deadline)
            reason = refusal_reason(outcome)
            if reason is not None:
                self._refused_at = time.monotonic()
                self._refusal = f"the service account was refused ({reason.value})"
                raise DirectoryMisconfigured(self._realm, self._refusal)
            if outcome.code != SUCCESS:
                raise ConnectionFailed(server.address, f"the service account's bind was answered {outcome.code}")
        except BaseException:
            connection.close()
            raise
        self._refused_at = None
        return connection


def _share(deadline: float, servers_left: int) -> float:
    """This server's part of the time: a hanging one must leave some for those after it."""
    now = time.monotonic()
    return now + (deadline - now) / servers_left
