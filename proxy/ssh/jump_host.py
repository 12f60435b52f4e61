"""The jump host of one worker: accepts connections, within limits, and ends them with their sessions.

Limits come before the work: a connection beyond them costs no key exchange. Times are seconds.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import asyncssh

from config.system_errors import connection_reason
from proxy.access.networks import network_of, parse_address
from proxy.sessions.open_by_session import OpenBySession
from proxy.sessions.session import Session
from proxy.ssh import words
from proxy.ssh.transport import SSHTransport, create_options
from proxy.ssh.visitor import JumpParts, Visitor
from proxy.ssh.words import TURNED_AWAY

TICK_SECONDS = 1.0
"""How exact the time to sign in is, and how often sessions are marked used."""
RETRY_SECONDS = 0.5
"""How long to accept nothing when the system is out of file descriptors or memory."""
_T = TypeVar("_T")


class JumpHost:
    """`start` it once, `close` it once."""

    def __init__(self, parts: JumpParts, *, tick_seconds: float = TICK_SECONDS) -> None:
        self.parts = parts
        self._tick_seconds = tick_seconds
        self._options: asyncssh.SSHServerConnectionOptions | None = None
        self._listeners: list[socket.socket] = []
        self._arriving = 0
        self._visitors: set[Visitor] = set()
        self._of_session: OpenBySession[Visitor] = OpenBySession()
        self._unauthenticated: Counter[str] = Counter()
        """By `network_of` the client's address."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._turned_away: dict[str, tuple[int, str]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()

    async def start(self, listeners: Sequence[socket.socket], host_key: bytes) -> None:
        """Accept on these sockets: they are the jump host's own from now on."""
        self._options = await create_options(
            host_key, lambda: Visitor(self.parts, self), login_seconds=self.parts.settings.login_timeout
        )
        self._tick()
        for listener in listeners:
            self._listeners.append(listener)
            self._accept_on(listener)

    async def drain(self, grace: float) -> None:
        """Accept nothing more. Connections with open channels have `grace` seconds to end them."""
        self._stop_listening()
        try:
            async with asyncio.timeout(grace):
                while self._visitors:
                    for visitor in list(self._visitors):
                        if not visitor.channels:
                            visitor.end(words.STOPPING)
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            for visitor in list(self._visitors):
                visitor.end(words.STOPPING)
        while self._visitors or self._tasks:
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        await self.drain(0)
        if self._timer is not None:
            self._timer.cancel()
        self.parts.connector.close()

    def end_session(self, session_id: str) -> None:
        for visitor in self._of_session.of(session_id):
            visitor.end(words.SESSION_ENDED)

    def judge_again(self, session: Session) -> None:
        for visitor in self._of_session.of(session.session_id):
            visitor.judge_again(session)

    @property
    def open_connections(self) -> int:
        return len(self._visitors)

    @property
    def open_channels(self) -> int:
        return sum(len(visitor.channels) for visitor in self._visitors)

    # What visitors call.

    @property
    def has_room(self) -> bool:
        return self.open_channels < self.parts.settings.most_channels

    def arrived(self, visitor: Visitor) -> None:
        self._visitors.add(visitor)

    def signed_in(self, visitor: Visitor) -> None:
        self._give_back(visitor.address)
        if visitor.session is not None:
            self._of_session.add(visitor.session.session_id, visitor)

    def left(self, visitor: Visitor) -> None:
        self._visitors.discard(visitor)
        if visitor.session is None:
            self._give_back(visitor.address)
        else:
            self._of_session.discard(visitor.session.session_id, visitor)
        self._changed.set()

    def spawn(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._is_done)
        return task

    def _is_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self.parts.log.error("ssh.failed", error=type(error).__name__, exc_info=error)

    # Those who come.

    def _accept_on(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """One at a time: other workers wait for the same."""
        loop = asyncio.get_running_loop()
        try:
            connection, name = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        except OSError as exc:
            self.parts.log.error("listener.pauses", reason=connection_reason(exc))
            loop.remove_reader(listener)
            loop.call_later(RETRY_SECONDS, self._accept_on, listener)
            return
        connection.setblocking(False)
        address = str(parse_address(name[0]) or name[0])
        reason = self._too_many(network_of(address))
        if reason:
            self._turn_away(connection, address, reason)
            return
        self._unauthenticated[network_of(address)] += 1
        self.spawn(self._arrive(connection, address))

    def _too_many(self, network: str) -> str:
        """Why one more from this network cannot come in; empty: it can."""
        settings = self.parts.settings
        waiting = self._unauthenticated.total()
        signed_in = sum(visitor.is_signed_in for visitor in self._visitors)
        if signed_in + waiting >= settings.max_connections:
            return "connections in all"
        if waiting >= settings.max_unauthenticated:
            return "connections that are not signed in"
        if self._unauthenticated[network] >= settings.max_unauthenticated_per_address:
            return "connections of one address that are not signed in"
        return ""

    async def _arrive(self, connection: socket.socket, address: str) -> None:
        """From here on the event loop owns the socket, and always closes it."""
        loop, options = asyncio.get_running_loop(), self._options
        assert options is not None  # noqa: S101  # for the type checker: nobody is accepted before
        try:
            await loop.connect_accepted_socket(lambda: SSHTransport(loop, options, address=address), connection)
        except OSError:
            self._give_back(address)

    def _give_back(self, address: str) -> None:
        network = network_of(address)
        self._unauthenticated[network] -= 1
        if self._unauthenticated[network] <= 0:
            del self._unauthenticated[network]

    def _turn_away(self, connection: socket.socket, address: str, reason: str) -> None:
        count, _ = self._turned_away.get(reason, (0, ""))
        self._turned_away[reason] = (count + 1, address)
        with connection, suppress(OSError):  # it is turned away anyway
            connection.send(TURNED_AWAY)

    def _stop_listening(self) -> None:
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            loop.remove_reader(listener)
            listener.close()
        self._listeners.clear()

    # The one timer.

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._tick_seconds, self._tick)
        now = self.parts.clock()
        for visitor in list(self._visitors):
            if visitor.session is not None:
                if visitor.take_moved():
                    self.parts.sessions.mark_used(visitor.session.session_id, now)
            elif now - visitor.began_at >= self.parts.settings.login_timeout:
                visitor.end(words.TOO_SLOW)
        for reason, (count, address) in self._turned_away.items():
            self.parts.log.warning("ssh.turned_away", reason=reason, count=count, last_client=address)
        self._turned_away.clear()
