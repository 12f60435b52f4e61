"""The connections to an app's servers. Idle ones are used again, the last used first, unless there is any doubt about
them.

It counts what is in flight at each server, holds requests back where a server has no room, and tells
`proxy.upstreams.health` what they met. Instants are the event loop's clock.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping
from typing import cast

from structlog.typing import FilteringBoundLogger

from config.system_errors import connection_reason
from proxy.http.problem import Problem
from proxy.operations.descriptors import MOST_IDLE
from proxy.upstreams.choice import Candidate, Choice, attempt_seconds, choose
from proxy.upstreams.connection import Server, UpstreamConnection, UpstreamState
from proxy.upstreams.health import SOUND, after_failure, begin_probe, hasten
from proxy.upstreams.upstream import Upstream

ENDING_SECONDS = 2.0
"""How long an upstream may take to close what ends with its answer.

The side that closes first keeps the pair of ports for a minute (TIME_WAIT). If that were us, we would run out of ports.
"""
SURE_SECONDS = 2.0
"""A request that must not be sent twice goes on a connection used this recently, or on a new one."""
# Bound once: the look-up of an enum's member by its name costs more than the comparison.
_BUSY, _IDLE, _IN_FLIGHT = UpstreamState.BUSY, UpstreamState.IDLE, (UpstreamState.BUSY, UpstreamState.CONNECTING)


class NoConnection(Exception):
    """None could be made in time, or all that a server may have are in use. `reason` is for the log."""

    def __init__(self, problem: Problem, reason: str) -> None:
        super().__init__(reason)
        self.problem = problem
        self.reason = reason


class UpstreamPool:
    """Of one app, or of the portal."""

    def __init__(
        self,
        upstream: Upstream,
        *,
        log: FilteringBoundLogger,
        chance: Callable[[], float] = random.random,
        most_idle: int = MOST_IDLE,
    ) -> None:
        self.upstream = upstream
        # Of each request: in the pool itself, they are found at once.
        self.first_byte_timeout = upstream.settings.first_byte_timeout
        self.is_portal = upstream.is_portal
        self._log = log
        self._chance = chance
        self._most_idle = most_idle
        self.servers = tuple(
            Server(url, host=None if upstream.settings.preserve_host or not position else url.authority.encode("ascii"))
            for position, url in enumerate(upstream.urls)
        )
        self._only = self.servers[0] if len(self.servers) == 1 else None
        self._limit = upstream.settings.max_connections or float("inf")
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def idle(self) -> list[UpstreamConnection]:
        return [connection for server in self.servers for connection in (*server.idle, *server.owned)]

    @property
    def in_flight(self) -> int:
        """Connections in use or being made."""
        return sum(server.in_flight for server in self.servers)

    def are_up(self) -> Mapping[str, bool]:
        """Whether each server is given requests, where there are several: one alone is never left out."""
        return {} if self._only is not None else {each.name: each.health.is_sound for each in self.servers}

    @property
    def waiting(self) -> int:
        """How many requests wait for a connection."""
        return len(self._waiting)

    # What an exchange calls.

    def take(self, is_repeatable: bool, now: float, key: str | None = None) -> UpstreamConnection | None:
        """An idle connection for one exchange, or None: then `connect`. `key` is the session."""
        if self._waiting:
            return None
        server = self._only
        if server is None:
            choice = self._choose(self.servers, now=now, key=key, may_probe=is_repeatable)
            if choice is None or choice.is_probe:
                return None
            server = self.servers[choice.position]
        return self._take_idle(server, is_repeatable, now, key)

    async def connect(
        self, *, is_repeatable: bool = False, key: str | None = None, is_fresh: bool = True
    ) -> UpstreamConnection:
        """A connection to the server of choice, or to the next one where that cannot be reached: nothing was sent yet.

        It is a new one, except (unless `is_fresh`) where it was waited for. Raises `NoConnection`.
        """
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self.upstream.settings.connect_timeout
        untried = list(self.servers)
        must_wait = bool(self._waiting)
        while True:
            now = loop.time()
            choice = None if must_wait else self._choose(untried, now=now, key=key, may_probe=is_repeatable)
            if choice is None:
                await self._wait(ends_at)
                must_wait = False
                continue
            server = untried[choice.position]
            if choice.is_probe:
                server.health = begin_probe(server.health, now=now, jitter=self._chance())
            idle = None if is_fresh else self._take_idle(server, is_repeatable, now, key)
            if idle is not None:
                return idle
            others = sum(other.health.is_sound for other in untried if other is not server)
            seconds = attempt_seconds(left=ends_at - now, others=others, is_probe=choice.is_probe)
            try:
                return await self.open(server, seconds)
            except NoConnection as exc:
                self.note_failure(server, exc.reason)
                untried.remove(server)
                if not any(other.health.is_sound for other in untried):
                    raise

    def give_back(self, connection: UpstreamConnection, now: float) -> None:
        """The exchange ended cleanly and both sides keep the connection: for its owner, if it has one."""
        connection.exchange = None
        server = connection.server
        kept = server.idle if connection.owner is None else server.owned
        if len(kept) >= self._most_idle:
            # Connections for everybody are all alike; of those with an owner, the latest is the most likely to be used.
            if kept is server.idle:
                connection.close()
                return
            kept[0].close()
        connection.state = connection.state.then[_IDLE]
        connection.idle_since = now
        kept.append(connection)
        server.in_flight -= 1
        if self._waiting:
            self._call_next()

    def await_end(self, connection: UpstreamConnection, now: float) -> None:
        """The exchange ended, and the server closes the connection: nothing is sent on it any more."""
        connection.exchange = None
        server = connection.server
        if len(server.ending) >= self._most_idle:
            next(iter(server.ending)).abort()
        connection.state = connection.state.then[UpstreamState.ENDING]
        server.ending[connection] = now + ENDING_SECONDS
        self._leave(server)

    def note_success(self, server: Server) -> None:
        """It answered."""
        if server.health is not SOUND:
            if not server.health.is_sound:
                self._log.info("upstream.restored", app=self.upstream.name, server=server.name)
            server.health = SOUND

    def note_failure(self, server: Server, reason: str) -> None:
        """It could not be connected to, or its answer was broken."""
        if self._only is not None:
            return
        now = asyncio.get_running_loop().time()
        others = [other for other in self.servers if other is not server]
        is_last = not any(other.health.is_sound for other in others)
        was_sound = server.health.is_sound
        server.health = after_failure(server.health, now=now, is_last=is_last, jitter=self._chance())
        if is_last:
            for other in others:
                other.health = hasten(other.health, now=now, jitter=self._chance())
        elif was_sound and not server.health.is_sound:
            self._log.warning("upstream.ejected", app=self.upstream.name, server=server.name, reason=reason)

    # What a connection calls.

    def on_closed(self, connection: UpstreamConnection, was: UpstreamState) -> None:
        """A connection to one of the servers is not used again: it is counted off. `was` is its state until then."""
        server = connection.server
        if was in _IN_FLIGHT:
            self._leave(server)
        elif was is _IDLE:
            (server.idle if connection.owner is None else server.owned).remove(connection)
        else:
            server.ending.pop(connection, None)

    # What the plane calls.

    def drop_old(self, now: float) -> None:
        """Close what has been idle for too long."""
        for server in self.servers:
            for kept in (server.idle, server.owned):
                while kept and now - kept[0].idle_since > self.upstream.settings.keep_alive_timeout:
                    kept[0].close()
            for connection in [each for each, ends_at in server.ending.items() if ends_at <= now]:
                connection.abort()

    def close(self) -> None:
        for connection in self.idle:
            connection.close()
        for server in self.servers:
            for connection in tuple(server.ending):
                connection.abort()

    # Inside.

    def _choose(
        self, servers: tuple[Server, ...] | list[Server], *, now: float, key: str | None, may_probe: bool
    ) -> Choice | None:
        candidates = [
            Candidate(
                name=server.name,
                in_flight=server.in_flight,
                has_room=server.in_flight < self._limit,
                health=server.health,
            )
            for server in servers
        ]
        return choose(
            candidates,
            now=now,
            key=key if self.upstream.settings.sticky else None,
            # With a health check, no person's request has to find it out.
            may_probe=may_probe and self.upstream.settings.health_check is None,
            random=self._chance(),
        )

    def _take_idle(self, server: Server, is_repeatable: bool, now: float, key: str | None) -> UpstreamConnection | None:
        if server.owned and key is not None:
            for connection in [each for each in reversed(server.owned) if each.owner == key]:
                if not is_repeatable and now - connection.idle_since > SURE_SECONDS:
                    break
                if connection.transport.is_closing():
                    connection.retire()
                    continue
                server.owned.remove(connection)
                connection.state = connection.state.then[_BUSY]
                server.in_flight += 1
                return connection
        idle = server.idle
        while idle:
            connection = idle[-1]
            if not is_repeatable and now - connection.idle_since > SURE_SECONDS:
                return None
            if connection.transport.is_closing():
                connection.retire()
                continue
            idle.pop()
            connection.state = connection.state.then[_BUSY]
            server.in_flight += 1
            return connection
        return None

    async def open(self, server: Server, seconds: float) -> UpstreamConnection:
        """A fresh connection, counted as in flight; raises `NoConnection`."""
        url, upstream = server.url, self.upstream
        loop = asyncio.get_running_loop()
        connection = UpstreamConnection(server, self.on_closed)
        protocol = cast(asyncio.Protocol, connection)  # which it is by what it does
        server.in_flight += 1
        while (kept := server.idle or server.owned) and (
            server.in_flight + len(server.idle) + len(server.owned) > self._limit
        ):
            kept[0].close()
        is_made = False
        try:
            async with asyncio.timeout(seconds):
                if url.scheme == "unix":
                    await loop.create_unix_connection(lambda: protocol, url.path)
                else:
                    tls = upstream.tls if url.scheme == "https" else None
                    name = (upstream.settings.server_name or url.host) if tls is not None else None
                    await loop.create_connection(lambda: protocol, url.host, url.port, ssl=tls, server_hostname=name)
                is_made = True
        except TimeoutError as exc:
            raise NoConnection(Problem.UPSTREAM_UNREACHABLE, f"{server.name}: no connection in time") from exc
        except OSError as exc:  # ssl.SSLError and socket.gaierror are among its subclasses
            raise NoConnection(Problem.UPSTREAM_UNREACHABLE, f"{server.name}: {connection_reason(exc)}") from exc
        finally:
            if not is_made:
                if connection.state is _BUSY:  # it was ready when the one who waited for it had left
                    connection.abort()
                connection.retire()
        return connection

    def _leave(self, server: Server) -> None:
        """One connection less is in flight there."""
        server.in_flight -= 1
        if self._waiting:
            self._call_next()

    async def _wait(self, ends_at: float) -> None:
        """In turn, until a connection is free; raises `NoConnection`."""
        if len(self._waiting) >= self._limit * len(self.servers):
            raise NoConnection(Problem.OVERLOADED, "too many requests wait for a connection")
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        is_called = False
        try:
            async with asyncio.timeout_at(ends_at):
                await turn
            is_called = True
        except TimeoutError as exc:
            raise NoConnection(Problem.OVERLOADED, "no connection was free in time") from exc
        finally:
            self._waiting.remove(turn)
            if not is_called and turn.done() and not turn.cancelled():
                self._call_next()  # it was called as it gave up: the next one's turn

    def _call_next(self) -> None:
        """A waiter that is called stays in the queue until it runs, so that no newcomer goes first."""
        for turn in self._waiting:
            if not turn.done():
                turn.set_result(None)
                return
