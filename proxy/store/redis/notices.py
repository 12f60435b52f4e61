"""What other workers and nodes tell through a Redis channel: which sessions ended or changed.

One connection is subscribed for as long as the store is open. What the server sends on it comes in the order in
which it was committed, so an answer to a PING on it proves that everything before was heard (`catch_up`). When the
connection breaks, notices may be missed until there is a new one: `on_gap` is called then. A notice is
kind, teller, number and session ids, joined by line feeds.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from redis.asyncio.connection import Connection
from redis.exceptions import RedisError

from proxy.operations.store_errors import NotHeard, Silent, StoreUnavailable
from proxy.store.redis.connections import RedisConnections

RECONNECT_SECONDS = 0.1
"""Well below `NOTICE_SECONDS`: an end waits that long for workers that have just lost the server."""
_HEARTBEATS_PER_LOOK = 3
"""After so many of these the sentinels are asked whether it is still the server."""
DOUBT_SECONDS = 0.2
"""A server that was silent for this long may have been replaced: ask the sentinels before its word counts."""
_HEARTBEATS_PER_WORD = 20
"""After so many the server is told again that somebody listens."""


@dataclass(frozen=True, slots=True)
class RedisNotice:
    is_end: bool
    teller: str
    """Whose store wrote it."""
    number: str
    """Names the notice in what its teller waits for; empty: nobody waits."""
    session_ids: tuple[str, ...]


def notice_from(message: bytes) -> RedisNotice | None:
    """None for what this version does not know."""
    kind, *parts = message.decode("ascii", "replace").split("\n")
    if kind not in ("end", "change") or len(parts) < 3:
        return None
    return RedisNotice(kind == "end", parts[0], parts[1], tuple(filter(None, parts[2:])))


class RedisNotices:
    """The subscription of one store in one event loop."""

    def __init__(
        self,
        connections: RedisConnections,
        *,
        on_notice: Callable[[RedisNotice], None],
        acknowledge: Callable[[RedisNotice], Awaitable[None]],
        say_here: Callable[[], Awaitable[None]],
        on_gap: Callable[[], None],
    ) -> None:
        """`say_here` tells the server that somebody listens here: a worker that ends a session waits for them."""
        self._connections = connections
        self._channel = connections.prefix + b"notices"
        self._on_notice = on_notice
        self._acknowledge = acknowledge
        self._say_here = say_here
        self._on_gap = on_gap
        self._connection: Connection | None = None
        """As long as it is subscribed."""
        self._has_gap = False
        self.breaks = 0
        """How often it broke off, or could not be begun: it may be another server's that is read from next."""
        self._tried = asyncio.Event()
        self._numbers = itertools.count()
        self.awaited: dict[bytes, asyncio.Future[None]] = {}
        """What was asked with a PING and is not answered yet."""
        self._acknowledging: set[asyncio.Task[None]] = set()
        self.is_doubtful = False
        self._task = asyncio.create_task(self._run(), name="store-notices")

    @property
    def is_subscribed(self) -> bool:
        return self._connection is not None

    async def tried(self) -> None:
        """Wait until the first subscription stands or has failed: what is read after that misses nothing unnoticed."""
        await self._tried.wait()

    async def catch_up(self) -> None:
        """Return once all that was told before this call was heard. Raises `NotHeard` and `StoreUnavailable`.

        That the subscription broke off proves nothing of the server: it may have been given up here.
        """
        connection = self._connection
        if connection is None:
            raise NotHeard("no notices come from Redis")
        number = b"%d" % next(self._numbers)
        future = self.awaited[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._connections.limits.call_seconds):
                await connection.send_command("PING", number)
                await asyncio.wait({future}, timeout=DOUBT_SECONDS)
                self.is_doubtful = self.is_doubtful or not future.done()
                await future
            if self.is_doubtful and connection is self._connection:
                await self._resolve_doubt(connection)
        except TimeoutError as exc:
            raise Silent(f"no notices came from Redis within {self._connections.limits.call_seconds:g} s") from exc
        except (RedisError, OSError) as exc:
            raise NotHeard("notices from Redis have just stopped") from exc
        finally:
            self.awaited.pop(number, None)
            if future.done() and not future.cancelled():
                future.exception()  # it broke off before that was waited for

    async def _resolve_doubt(self, connection: Connection) -> None:
        """Raises `NotHeard` where this is not the server any more."""
        if not await self._connections.is_still_the_server(connection):
            await connection.disconnect(nowait=True)
            raise NotHeard("this Redis is not the server any more")
        self.is_doubtful = False

    async def close(self) -> None:
        tasks = [self._task, *self._acknowledging]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(RedisError, OSError, StoreUnavailable):  # asyncio's timeouts are OSErrors too
                await self._listen()
            # From here until the next subscription stands, others may tell what is not heard here.
            self._has_gap = True
            self.breaks += 1
            self._tried.set()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        """Subscribe and hear until the connection breaks, which raises."""
        connection = await self._connections.connect()
        try:
            async with asyncio.timeout(self._connections.limits.call_seconds):
                await connection.send_command("SUBSCRIBE", self._channel)
                await connection.read_response()
            # Only after the subscription: those who say that they listen are waited for.
            await self._say_here()
            self._connection, self.is_doubtful = connection, False
            if self._has_gap:
                self._on_gap()
            self._tried.set()
            for heartbeat in itertools.count(1):
                await self._hear_until_silent(connection)
                if heartbeat % _HEARTBEATS_PER_LOOK == 0 and not await self._connections.is_still_the_server(
                    connection
                ):
                    return
                if heartbeat % _HEARTBEATS_PER_WORD == 0:
                    with contextlib.suppress(StoreUnavailable):  # it was told before
                        await self._say_here()
        finally:
            self._connection = None
            for future in self.awaited.values():
                if not future.done():
                    future.set_exception(NotHeard("notices from Redis have just stopped"))
            await connection.disconnect(nowait=True)

    async def _hear_until_silent(self, connection: Connection) -> None:
        """Return after one PING that was answered; raises when one is not."""
        deadline = asyncio.get_running_loop().time() + self._connections.limits.heartbeat_seconds
        is_asked = False
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    message = await connection.read_response(timeout=math.inf, disconnect_on_error=False)
            except TimeoutError:
                if is_asked:
                    raise
                is_asked = True
                deadline += self._connections.limits.call_seconds
                await connection.send_command("PING", b"")
                continue
            match message:
                case [b"message", _, bytes(text)]:
                    self._hear(text)
                case [b"pong", b""]:
                    return
                case [b"pong", bytes(number)] if (future := self.awaited.get(number)) and not future.done():
                    future.set_result(None)

    def _hear(self, message: bytes) -> None:
        notice = notice_from(message)
        if notice is None:
            return
        # First act on it, then say so: the teller lets the end be acknowledged by that word.
        self._on_notice(notice)
        if notice.number:
            task = asyncio.create_task(self._acknowledge_quietly(notice))
            self._acknowledging.add(task)
            task.add_done_callback(self._acknowledging.discard)

    async def _acknowledge_quietly(self, notice: RedisNotice) -> None:
        with contextlib.suppress(StoreUnavailable):  # its teller waits in vain, and not for long
            await self._acknowledge(notice)
