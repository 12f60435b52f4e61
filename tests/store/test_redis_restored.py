"""A Redis server that has started with older data than it had: a restored dump, a lost tail, or nothing at all."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from threading import Thread
from typing import Any

import pytest

from config.settings import StoreSettings
from proxy.operations.store_errors import StoreUnavailable
from proxy.store.redis.redis_store import RedisStore
from proxy.store.redis.trust import TAIL_SECONDS
from tests.store.contract import HOST, cookie
from tests.support.eventually import eventually
from tests.support.people import session
from tests.support.redis_server import RedisServer, running_redis

Reported = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """One that keeps what it was told to save, and nothing else."""
    with running_redis() as server:
        yield server


@pytest.fixture
def reported() -> Reported:
    return []


@pytest.fixture
async def store(server: RedisServer, reported: Reported) -> AsyncIterator[RedisStore]:
    store = RedisStore(StoreSettings(url=server.url), report=lambda event, **fields: reported.append((event, fields)))
    yield store
    await store.close()


@pytest.fixture
async def other(server: RedisServer) -> AsyncIterator[RedisStore]:
    """Another node's."""
    other = RedisStore(StoreSettings(url=server.url))
    yield other
    await other.close()


async def stored(store: RedisStore) -> tuple[str, bytes]:
    written, digest = session(), cookie()
    await store.sessions.create_session(written, cookie=digest, host=HOST)
    return written.session_id, digest


def save(server: RedisServer) -> None:
    assert server.ask("SAVE").startswith(b"+OK")


async def start_again(server: RedisServer, *stores: RedisStore) -> None:
    """With what was saved last. Everybody has noticed that it was away."""
    server.kill()
    for each in stores:
        notices = each.listening.notices
        await eventually(lambda notices=notices: not notices.is_subscribed)
    server.start()


async def test_nobody_is_served_from_older_data_until_all_sessions_were_ended(
    server: RedisServer, store: RedisStore, other: RedisStore, reported: Reported
) -> None:
    gaps: list[None] = []
    store.sessions.on_gap(lambda: gaps.append(None))
    signed_out, digest = await stored(store)
    await other.sessions.catch_up()
    for name, each in (("a", store), ("b", other)):
        await each.sessions.count_flush(name)
    save(server)
    shutil.copy2(server.folder / "dump.rdb", server.folder / "copy.rdb")
    await store.sessions.end_session(signed_out)
    for _ in range(int(TAIL_SECONDS) + 2):
        for name, each in (("a", store), ("b", other)):
            await each.sessions.count_flush(name)
    await start_again(server, store, other)
    newcomer = RedisStore(StoreSettings(url=server.url))  # remembers nothing
    for each in (store, other, newcomer):
        with pytest.raises(StoreUnavailable, match="older copy"):
            await each.sessions.session_by_cookie(digest, HOST)
        with pytest.raises(StoreUnavailable, match="older copy"):
            await stored(each)
        with pytest.raises(StoreUnavailable):
            await each.ping()
        with pytest.raises(StoreUnavailable, match="older copy"):
            await each.sessions.count_flush("c")
    assert [event for event, _ in reported] == ["store.restored"]
    assert "sessions end --all" in reported[0][1]["remedy"]
    assert await newcomer.sessions.end_all_sessions() == 1
    await newcomer.close()
    gaps.clear()
    for each in (store, other):
        assert await each.sessions.session_by_cookie(digest, HOST) is None
        await each.ping()
        await each.sessions.count_flush("a")
    assert gaps
    standing, _ = await stored(store)
    assert [each.session_id for each in await other.sessions.sessions()] == [standing]


async def test_older_data_whose_sessions_end_while_it_is_judged_is_not_doubted_again(
    server: RedisServer, other: RedisStore
) -> None:
    def end_all_now(event: str, **fields: Any) -> None:
        """Between the judgement and what is written of it, as a command of another process may."""
        ending = Thread(target=asyncio.run, args=(end_all(),))
        ending.start()
        ending.join()

    async def end_all() -> None:
        command = RedisStore(StoreSettings(url=server.url))
        await command.sessions.end_all_sessions()
        await command.close()

    store = RedisStore(StoreSettings(url=server.url), report=end_all_now)
    _, digest = await stored(store)
    await store.sessions.count_flush("a")
    save(server)
    await stored(store)
    for _ in range(int(TAIL_SECONDS) + 2):
        await store.sessions.count_flush("a")
    await start_again(server, store)
    with pytest.raises(StoreUnavailable, match="older copy"):
        await store.sessions.session_by_cookie(digest, HOST)
    for each in (store, other):
        assert await each.sessions.session_by_cookie(digest, HOST) is None
    await store.close()


async def test_an_end_that_was_lost_with_the_last_seconds_is_repeated(
    server: RedisServer, store: RedisStore, other: RedisStore, reported: Reported
) -> None:
    """As a failover, or `appendfsync everysec` and a power failure, may lose it. Whoever heard of it knows it."""
    by_store, first = await stored(store)
    by_other, second = await stored(store)
    standing, _ = await stored(store)
    await store.sessions.count_flush("a")
    await store.sessions.catch_up()
    save(server)
    await other.sessions.end_session(by_other)
    await store.sessions.end_session(by_store)
    await store.sessions.count_flush("a")
    await start_again(server, store)
    for digest in (first, second):
        assert await store.sessions.session_by_cookie(digest, HOST) is None
    assert [each.session_id for each in await store.sessions.sessions()] == [standing]
    ((event, fields),) = reported
    assert (event, fields["sessions"]) == ("store.ends_repeated", 2)


async def test_an_end_that_was_lost_is_repeated_however_long_the_server_was_away(
    server: RedisServer, store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, digest = await stored(store)
    other, _ = await stored(store)
    await store.sessions.count_flush("a")
    await store.sessions.catch_up()
    save(server)
    await store.sessions.end_session(ended)
    await store.sessions.count_flush("a")
    away_for = 10 * TAIL_SECONDS
    trust = store.listening.trust
    monkeypatch.setattr(trust, "monotonic", lambda: time.monotonic() + away_for)
    await start_again(server, store)
    trust.note_ended([other])  # heard from another worker before this one has looked
    assert await store.sessions.session_by_cookie(digest, HOST) is None


async def test_where_more_ended_than_is_remembered_nobody_is_served_from_what_lost_it(
    server: RedisServer, store: RedisStore
) -> None:
    ended, digest = await stored(store)
    await store.sessions.count_flush("a")
    await store.sessions.catch_up()
    save(server)
    await store.sessions.end_session(ended)
    store.listening.trust.note_ended([f"gone {number}" for number in range(10_000)])
    await store.sessions.count_flush("a")
    await start_again(server, store)
    with pytest.raises(StoreUnavailable, match="older copy"):
        await store.sessions.session_by_cookie(digest, HOST)


async def test_a_server_that_lost_everything_is_used_as_it_is(
    server: RedisServer, store: RedisStore, other: RedisStore, reported: Reported
) -> None:
    _, digest = await stored(store)
    await other.sessions.catch_up()
    for _ in range(int(TAIL_SECONDS) + 2):
        await store.sessions.count_flush("a")
    await start_again(server, store, other)
    new, _ = await stored(other)
    assert await store.sessions.session_by_cookie(digest, HOST) is None
    assert [each.session_id for each in await store.sessions.sessions()] == [new]
    await store.sessions.count_flush("a")
    assert [event for event, _ in reported] == ["store.emptied"]


async def test_a_server_that_was_emptied_unnoticed_is_used_as_it_is(
    server: RedisServer, store: RedisStore, other: RedisStore, reported: Reported
) -> None:
    """A sign-in comes before anybody has looked: what it writes is no copy of anything."""
    await stored(store)
    for each in (store, other):
        await each.sessions.catch_up()
        await each.sessions.count_flush("a")
    assert server.ask("FLUSHALL").startswith(b"+OK")
    new, digest = await stored(other)
    for each in (store, other):
        await each.sessions.count_flush("a")
        assert await each.sessions.session_by_cookie(digest, HOST) is not None
    assert [each.session_id for each in await store.sessions.sessions()] == [new]
    assert [event for event, _ in reported] == ["store.emptied"]


async def test_more_ends_than_one_script_takes_are_repeated(
    server: RedisServer, store: RedisStore, reported: Reported
) -> None:
    ended = [session() for _ in range(3)]
    digests = [cookie() for _ in ended]
    for written, digest in zip(ended, digests, strict=True):
        await store.sessions.create_session(written, cookie=digest, host=HOST)
    await store.sessions.count_flush("a")
    await store.sessions.catch_up()
    save(server)
    await store.sessions.end_session(ended[0].session_id)
    store.listening.trust.note_ended([f"gone {number}" for number in range(9000)])
    for each in ended[1:]:
        await store.sessions.end_session(each.session_id)
    await start_again(server, store)
    for digest in digests:
        assert await store.sessions.session_by_cookie(digest, HOST) is None
    assert [(event, fields["sessions"]) for event, fields in reported] == [("store.ends_repeated", 3)]


async def test_a_server_that_keeps_everything_is_trusted(store: RedisStore, reported: Reported) -> None:
    with running_redis("--appendonly", "yes", "--appendfsync", "always") as server:
        whole = RedisStore(StoreSettings(url=server.url), report=lambda event, **_: reported.append((event, {})))
        ended, _ = await stored(whole)
        _, digest = await stored(whole)
        await whole.sessions.end_session(ended)
        for _ in range(int(TAIL_SECONDS) + 2):
            await whole.sessions.count_flush("a")
        await start_again(server, whole)
        assert await whole.sessions.session_by_cookie(digest, HOST) is not None
        await whole.sessions.count_flush("a")
        await whole.close()
    assert reported == []
