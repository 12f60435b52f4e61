"""A real Redis that does not answer: who is known goes on for the grace, unless the server serves others meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from config.settings import SessionSettings, StoreSettings
from proxy.operations.store_errors import StoreUnavailable
from proxy.secrets.tokens import new_token, token_digest
from proxy.sessions.live_sessions import LiveSessions, cookie_key
from proxy.sessions.session_store import NOTICE_SECONDS
from proxy.sessions.upkeep import keep_up
from proxy.store.redis.redis_store import RedisStore
from tests.support.eventually import eventually
from tests.support.people import session
from tests.support.redis_server import RedisServer, free_ports, running_redis
from tests.support.tcp_relay import TCPRelay

pytestmark = pytest.mark.skipif(
    not (shutil.which("redis-server") or shutil.which("valkey-server")), reason="redis-server is not installed"
)

HOST = "wiki.corp.example"
GRACE_SECONDS = 6.0
"""Longer than the subscription takes to give up a server that is silent."""
LIMITS = SessionSettings(idle=3600.0, absolute=36000.0, store_grace=GRACE_SECONDS)


class Worker:
    """What one worker keeps, and its own way to the store."""

    def __init__(self, url: str, **login: Any) -> None:
        self.store = RedisStore(StoreSettings(url=url, **login))
        self.live = LiveSessions(self.store.sessions, LIMITS)
        self.keeping = asyncio.create_task(keep_up(self.live))

    async def known(self, *, is_slow: bool = False) -> tuple[bytes, str]:
        """A session that it has served, from memory unless the store `is_slow`."""
        token, written = new_token().encode(), session(created_at=time.time(), last_used_at=time.time())
        await self.store.sessions.create_session(written, cookie=token_digest(token), host=HOST)
        assert await self.serves(token)
        await eventually(lambda: is_slow or self.live.known_by(cookie_key(token, HOST), time.time()), seconds=20)
        return token, written.session_id

    async def serves(self, token: bytes) -> bool | None:
        """None: it cannot say."""
        try:
            return await self.live.find(token, HOST, time.time()) is not None
        except StoreUnavailable:
            return None

    async def close(self) -> None:
        self.keeping.cancel()
        await asyncio.gather(self.keeping, return_exceptions=True)
        await self.store.close()


@asynccontextmanager
async def worker(url: str, **login: Any) -> AsyncIterator[Worker]:
    opened = Worker(url, **login)
    try:
        yield opened
    finally:
        await opened.close()


@contextlib.contextmanager
def redis_behind(relay_count: int) -> Iterator[tuple[RedisServer, list[TCPRelay]]]:
    """A server, and ways to it that can be cut."""
    (port,) = free_ports(1)
    with running_redis(port=port) as redis, contextlib.ExitStack() as stack:
        yield redis, [stack.enter_context(TCPRelay(("127.0.0.1", port)).running()) for _ in range(relay_count)]


async def goes_on_for_the_grace(away: Callable[[RedisServer, TCPRelay], object]) -> None:
    with redis_behind(1) as (redis, (relay,)):
        async with worker(f"redis://127.0.0.1:{relay.port}") as opened:
            token, _ = await opened.known()
            away(redis, relay)
            away_at = time.monotonic()
            while (answer := await opened.serves(token)) is not None:
                assert answer, "nobody has ended it"
                assert time.monotonic() - away_at < GRACE_SECONDS + 2.5, "the grace is over"
                await asyncio.sleep(0.05)
            assert time.monotonic() - away_at > GRACE_SECONDS - 1.0, "the grace is not over yet"
            redis.resume()
            relay.restore()
            async with asyncio.timeout(20):
                while await opened.serves(token) is None:  # noqa: ASYNC110  # it is asked, as people do
                    await asyncio.sleep(0.05)
            assert await opened.serves(token)


def pause_all(redis: RedisServer, relay: TCPRelay) -> None:
    redis.ask("CLIENT", "PAUSE", str(int((GRACE_SECONDS + 4) * 1000)), "ALL")


async def test_a_store_that_hangs_gives_the_grace_however_it_hangs() -> None:
    ways: list[Callable[[RedisServer, TCPRelay], object]] = [
        lambda redis, relay: redis.pause(),
        lambda redis, relay: relay.hang(),
        pause_all,
    ]
    await asyncio.gather(*map(goes_on_for_the_grace, ways))


async def test_writes_that_are_refused_or_held_up_keep_nobody_from_reading() -> None:
    with redis_behind(1) as (redis, (relay,)):
        async with worker(f"redis://127.0.0.1:{relay.port}") as opened:
            token, _ = await opened.known()
            redis.ask("CONFIG", "SET", "min-replicas-to-write", "1")
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                assert await opened.serves(token)
                await asyncio.sleep(0.05)
            redis.ask("CONFIG", "SET", "min-replicas-to-write", "0")
            redis.ask("CLIENT", "PAUSE", "1500", "WRITE")
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                assert await opened.serves(token)
                await asyncio.sleep(0.05)


async def test_connections_that_lead_nowhere_are_no_outage_of_a_server_that_takes_new_ones() -> None:
    """As after a firewall that forgot them. Others end sessions meanwhile, and wait a second for who is silent."""
    with redis_behind(2) as (_, (relay, others)):
        async with (
            worker(f"redis://127.0.0.1:{relay.port}") as one,
            worker(f"redis://127.0.0.1:{others.port}") as other,
        ):
            kept = [await one.known() for _ in range(2)]
            for token, session_id in kept:
                relay.forget()
                assert await other.store.sessions.end_session(session_id)
                assert not await one.serves(token)


async def test_a_server_that_is_slow_is_waited_for_and_not_taken_to_be_away() -> None:
    """What it tells arrives later than others wait for this worker to have heard of it."""
    with redis_behind(2) as (_, (relay, others)):
        relay.delay_answers(NOTICE_SECONDS + 0.3)
        async with (
            worker(f"redis://127.0.0.1:{relay.port}") as one,
            worker(f"redis://127.0.0.1:{others.port}") as other,
        ):
            (token, session_id), (stays, _) = await one.known(is_slow=True), await one.known(is_slow=True)
            assert await other.store.sessions.end_session(session_id)
            assert not await one.serves(token)
            assert await one.serves(stays)


async def test_a_server_that_refuses_this_worker_alone_is_not_away() -> None:
    """Its user was removed, or it has too many clients: others are served, and end sessions."""
    with redis_behind(2) as (redis, (relay, others)):
        redis.ask("ACL", "SETUSER", "one", "on", ">secret", "~*", "&*", "+@all")
        async with (
            worker(f"redis://127.0.0.1:{relay.port}", username="one", password=SecretStr("secret")) as one,
            worker(f"redis://127.0.0.1:{others.port}") as other,
        ):
            token, session_id = await one.known()
            redis.ask("ACL", "SETUSER", "one", "off")
            relay.cut()
            relay.restore()
            # In time, or an outage would have had its grace.
            await eventually(
                lambda: one.live.known_by(cookie_key(token, HOST), time.time()) is None, seconds=GRACE_SECONDS - 1.0
            )
            assert await other.store.sessions.end_session(session_id)
            assert not await one.serves(token)
