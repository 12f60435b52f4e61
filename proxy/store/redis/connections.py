"""Connections to a Redis server: bounded in number and time, and every failure of theirs is `StoreUnavailable`.

A command that may have been carried out is never sent twice, unless the caller says that twice is as good as once.
Connections belong to the process and the event loop that opened them: another one opens its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio.connection import Connection
from redis.exceptions import (
    MasterDownError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from config.settings import StoreSettings
from config.tables.store import RedisURL
from proxy.operations.store_errors import Silent, StoreUnavailable
from proxy.sessions.session_store import NOTICE_SECONDS
from proxy.store.redis.pools import CONNECTIONS, RedisPool, open_pool
from proxy.store.redis.reasons import redis_reason, refuses_this_client
from proxy.store.redis.scripts import Script

NET_SECONDS = 3600.0
"""How long after its time Redis itself removes a record: clocks may differ, and the stored instants decide."""

Argument = str | bytes | int | float
"""A number is written as the shortest text that reads back as exactly the same number."""

_REFUSED_UNDONE = (ReadOnlyError, MasterDownError, TryAgainError)
"""A server that is not (or no longer) the one to ask says so before it has done anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisLimits:
    """How long is waited for what."""

    call_seconds: float = 2.0
    """After this a caller is told that the store is unavailable: waiting, connecting and a second try included."""
    notice_seconds: float = NOTICE_SECONDS
    heartbeat_seconds: float = 1.0
    """How long the subscription may be silent before the server is asked whether it is still there."""


class _NotThere(Exception):
    """The server could not be asked, or (`was_asked`) it was and may have done it, but has not said so."""

    def __init__(self, error: Exception, *, was_asked: bool) -> None:
        super().__init__()
        self.error = error
        self.was_asked = was_asked


class RedisConnections:
    """What the store asks a server, or the one that the sentinels name, one script or command at a time."""

    def __init__(
        self,
        settings: StoreSettings,
        *,
        clock: Callable[[], float] = time.time,
        limits: RedisLimits | None = None,
    ) -> None:
        if not isinstance(settings.url, RedisURL):
            raise TypeError("not the URL of a Redis server")
        self.limits = limits = limits or RedisLimits()
        self._clock = clock
        self._url = settings.url
        self._settings = settings
        self._pool: RedisPool | None = None
        self._left_behind: list[RedisPool] = []
        self._closed = False
        self._asking = 0
        database = f"{self._url.database}:" if self._url.database else ""
        self.prefix = f"{{{settings.prefix}}}:{database}".encode()
        """Of every key and of the channel. The braces put all keys into one slot of a cluster. Channels belong to no
        database: its number keeps apart who listens."""
        self._wait: tuple[Argument, ...] | None = None
        """What makes sure that everything written before is kept."""
        milliseconds = int(limits.call_seconds * 1000 / 2)
        if settings.wait_fsync:
            self._wait = ("WAITAOF", 1, settings.wait_replicas, milliseconds)
        elif settings.wait_replicas:
            self._wait = ("WAIT", settings.wait_replicas, milliseconds)

    @property
    def waiting(self) -> int:
        """How many commands wait for a connection."""
        return max(self._asking - CONNECTIONS, 0)

    def key(self, kind: str, name: str | bytes) -> bytes:
        return self.prefix + kind.encode() + b":" + (name.encode() if isinstance(name, str) else name)

    def ttl(self, expires_at: float) -> int:
        """Milliseconds until Redis may remove what is over at `expires_at`."""
        return int((max(expires_at - self._clock(), 0.0) + NET_SECONDS) * 1000)

    async def run(
        self, script: Script, *arguments: Argument, durable: bool = False, is_repeatable: bool = False
    ) -> Any:
        """What an operation of a script answers. Raises `StoreUnavailable`: then it may have been done or not.

        `durable`: it is kept by as many servers and disks as the settings ask for. `is_repeatable`: twice is as good
        as once, so that it is tried again on a connection that broke.
        """
        by_digest = ("EVALSHA", script.digest, 1, self.prefix, *arguments)
        wait = self._wait if durable else None
        try:
            return await self._within_time(by_digest, wait, is_repeatable)
        except NoScriptError:
            by_text = ("EVAL", script.text, 1, self.prefix, *arguments)
            return await self._within_time(by_text, wait, is_repeatable)

    async def command(self, *command: Argument, durable: bool = False) -> Any:
        """What the server answers to a single command of which twice is as good as once; see `run`."""
        return await self._within_time(command, self._wait if durable else None, True)

    async def first_of(self, key: bytes, *, seconds: float) -> Any:
        """Take the first of a list, and wait for it; None if none came. Raises `StoreUnavailable`.

        Those who wait have places of their own: what they wait for needs one too.
        """
        return await self._within_time(("BLPOP", key, f"{seconds:.3f}"), None, False, is_waiting=True)

    async def connect(self) -> Connection:
        """A connection of the caller's own, who closes it. Raises `redis.RedisError` or `OSError`."""
        connection: Connection = self.pool().connections.make_connection()
        async with asyncio.timeout(self.limits.call_seconds):
            await connection.connect()
        return connection

    async def answers(self) -> None:
        """Return if the server says anything, on a new connection or an old one. Raises `StoreUnavailable`.

        Those that were there before may lead nowhere. A server that refuses this client may serve others.
        """
        try:
            async with asyncio.timeout(self.limits.call_seconds):
                connection = await self.connect()
                try:
                    await connection.send_command("PING")
                    await connection.read_response()
                finally:
                    await connection.disconnect(nowait=True)
        except TimeoutError as exc:
            raise Silent(f"no answer from Redis within {self.limits.call_seconds:g} s") from exc
        except (RedisError, OSError) as exc:
            if not refuses_this_client(exc):
                await self.command("PING")

    async def is_still_the_server(self, connection: Connection) -> bool:
        """Whether the sentinels still name the server of this connection; without sentinels, yes."""
        pool = self.pool()
        if pool.sentinel is None:
            return True
        async with asyncio.timeout(self.limits.call_seconds):
            address = await pool.sentinel.discover_master(self._url.service or "")
        is_still = (connection.host, int(connection.port)) == (address[0], int(address[1]))
        if not is_still:
            await pool.connections.disconnect(inuse_connections=False)  # the old server must answer nobody
        return is_still

    async def close(self) -> None:
        self._closed = True
        pool, self._pool = self._pool, None
        if pool is not None and pool.is_own:
            await pool.connections.aclose()
            if pool.sentinel is not None:
                await pool.sentinel.aclose()

    async def _within_time(
        self,
        command: Sequence[Argument],
        wait: Sequence[Argument] | None,
        is_repeatable: bool,
        *,
        is_waiting: bool = False,
    ) -> Any:
        pool = self.pool()
        self._asking += not is_waiting
        try:
            async with asyncio.timeout(self.limits.call_seconds), pool.waiting_places if is_waiting else pool.places:
                try:
                    return await self._exchange(pool, command, wait)
                except _NotThere as exc:
                    if exc.was_asked and not is_repeatable:
                        raise
                    await pool.connections.disconnect(inuse_connections=False)
                    return await self._exchange(pool, command, wait)
        except TimeoutError as exc:
            raise Silent(f"no answer from Redis within {self.limits.call_seconds:g} s") from exc
        except NoScriptError:
            raise
        except _NotThere as exc:
            raise StoreUnavailable(redis_reason(exc.error)) from exc.error
        except ResponseError as exc:
            # Without its cause: some answers quote what they were asked.
            raise StoreUnavailable(redis_reason(exc)) from None
        finally:
            self._asking -= not is_waiting

    async def _exchange(self, pool: RedisPool, command: Sequence[Argument], wait: Sequence[Argument] | None) -> Any:
        """One attempt on one connection. Raises `_NotThere` and `ResponseError`."""
        try:
            connection = await pool.connections.get_connection()
        except (RedisError, OSError) as exc:
            raise _NotThere(exc, was_asked=False) from exc
        try:
            try:
                await connection.send_packed_command(connection.pack_commands([command, wait] if wait else [command]))
                answer = await _answer(connection)
                kept = await _answer(connection) if wait else None
            except (RedisError, OSError) as exc:
                was_asked = not isinstance(exc.__context__, _REFUSED_UNDONE)  # as sentinels' connections say it
                raise _NotThere(exc, was_asked=was_asked) from exc
            if isinstance(answer, _REFUSED_UNDONE):
                await connection.disconnect()
                raise _NotThere(answer, was_asked=False)
        finally:
            await pool.connections.release(connection)
        for each in (answer, kept):
            if isinstance(each, ResponseError):
                raise each
        if wait is not None:
            self._check_kept(kept)
        return answer

    def _check_kept(self, kept: Any) -> None:
        """`kept` is what WAIT or WAITAOF answered."""
        disks, replicas = kept if isinstance(kept, list) else (1, kept)
        if disks < 1:
            raise StoreUnavailable("Redis has it, but not on its disk yet")
        if replicas < self._settings.wait_replicas:
            raise StoreUnavailable(f"Redis has it, but only {replicas} of {self._settings.wait_replicas} replicas do")

    def pool(self) -> RedisPool:
        """This process's and loop's own; raises `StoreUnavailable` once it is closed."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._pool is None or not self._pool.is_own:
            if self._pool is not None:
                # It belongs to another process or loop, and touching it would disturb that one.
                self._left_behind.append(self._pool)
            self._pool = open_pool(self._settings, self._url, connect_seconds=self.limits.call_seconds)
        return self._pool


async def _answer(connection: Connection) -> Any:
    """An error that the server answers with is a value here: the connection is sound, and others may follow it."""
    try:
        return await connection.read_response()
    except ResponseError as exc:
        return exc
