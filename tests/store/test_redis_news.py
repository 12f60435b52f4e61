"""Stores of several workers and nodes on one Redis server: what one did is heard by all before it is acknowledged."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections import Counter as Tally
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio.connection import Connection

from config.settings import StoreSettings
from config.tables.store import RedisURL
from proxy.operations.store_errors import NotHeard, StoreUnavailable
from proxy.store.redis.connections import Argument, RedisLimits
from proxy.store.redis.notices import RedisNotice, notice_from
from proxy.store.redis.redis_store import RedisStore
from proxy.store.redis.scripts import SESSIONS, Script
from tests.store.children import Child, heard_by, start_child
from tests.store.contract import HOST, cookie
from tests.support.eventually import eventually
from tests.support.people import challenge, principal, session
from tests.support.redis_server import RedisServer, new_prefix

CHILD = Path(__file__).with_name("redis_child.py")


@pytest.fixture
def settings(redis_server: RedisServer) -> StoreSettings:
    return StoreSettings(url=redis_server.url, prefix=new_prefix())


@pytest.fixture
def waits_long() -> None:
    """However slow the machine is: who hears late is waited for."""


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> RedisLimits:
    patient = RedisLimits(notice_seconds=10.0, call_seconds=30.0)
    return patient if "waits_long" in request.fixturenames else RedisLimits()


@pytest.fixture
async def store(settings: StoreSettings, limits: RedisLimits) -> AsyncIterator[RedisStore]:
    store = RedisStore(settings, limits=limits)
    yield store
    await store.close()


@pytest.fixture
async def other(settings: StoreSettings, limits: RedisLimits) -> AsyncIterator[RedisStore]:
    """Another node's, that has begun to listen."""
    other = RedisStore(settings, limits=limits)
    await other.sessions.catch_up()
    yield other
    await other.close()


def start(children: list[Child], task: str, settings: StoreSettings) -> Child:
    assert isinstance(settings.url, RedisURL)
    return start_child(children, CHILD, task, f"unix:{settings.url.path}", settings.prefix)


def until_ready(child: Child) -> None:
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"


async def stored(store: RedisStore) -> str:
    written = session()
    await store.sessions.create_session(written, cookie=cookie(), host=HOST)
    return written.session_id


@pytest.mark.usefixtures("waits_long")
async def test_an_end_is_heard_by_every_process_before_it_is_acknowledged(
    store: RedisStore, settings: StoreSettings, children: list[Child]
) -> None:
    for _ in range(2):
        start(children, "hear", settings)
    for child in children:
        until_ready(child)
    ended = [await stored(store) for _ in range(3)]
    for session_id in ended:
        await store.sessions.end_session(session_id)
        assert [heard_by(child) for child in children] == [[session_id]] * 2
    one, two = await stored(store), await stored(store)
    await store.sessions.replace_session(one, session(), cookie=cookie(), host=HOST)
    assert [heard_by(child) for child in children] == [[one]] * 2
    await store.sessions.end_sessions_of(principal().guid)
    assert all(two in heard_by(child) for child in children)


@pytest.mark.usefixtures("waits_long")
async def test_ends_at_once_are_all_heard_by_everybody_once(store: RedisStore, other: RedisStore) -> None:
    here: list[str] = []
    there: list[str] = []
    store.sessions.on_session_end(here.append)
    other.sessions.on_session_end(there.append)
    ended = [await stored(store) for _ in range(100)]
    begun_at = time.monotonic()
    assert all(await asyncio.gather(*(store.sessions.end_session(session_id) for session_id in ended)))
    assert time.monotonic() - begun_at < 10  # those who wait do not stand in the way of those they wait for
    assert sorted(here) == sorted(there) == sorted(ended)


async def test_a_process_that_hangs_is_waited_for_no_longer_than_its_time(
    store: RedisStore, settings: StoreSettings, children: list[Child]
) -> None:
    child = start(children, "hear", settings)
    until_ready(child)
    session_id = await stored(store)
    child.send_signal(signal.SIGSTOP)
    begun_at = time.monotonic()
    assert await store.sessions.end_session(session_id)
    assert 0.25 <= time.monotonic() - begun_at < 5
    child.kill()
    child.wait()


async def hearers(store: RedisStore) -> set[str]:
    names = await store.connections.command("ZRANGE", store.connections.prefix + b"hearers", 0, -1)
    return {name.decode() for name in names} - {store.listening.name}


async def listens(store: RedisStore, name: str, now: float) -> None:
    await store.connections.run(SESSIONS, "listens", name, f"{now:.3f}")


async def test_who_was_killed_lets_two_ends_wait_and_not_every_one(
    store: RedisStore, settings: StoreSettings, children: list[Child]
) -> None:
    store.connections.limits = RedisLimits(notice_seconds=0.2)
    until_ready(start(children, "hear", settings))
    children[0].kill()
    children[0].wait()
    await store.sessions.catch_up()
    killed = await hearers(store)
    assert len(killed) == 1
    began_at = time.monotonic()
    await store.sessions.end_session(await stored(store))
    # Another end that began before this was known: whoever said since then that they listen may have missed it.
    await store.listening.note_silent(set(), began_at)
    assert await hearers(store) == killed
    await store.sessions.end_session(await stored(store))
    assert await hearers(store) == set()


async def test_who_says_again_that_they_listen_is_waited_for_again(store: RedisStore) -> None:
    """They have missed the end that was told before, and not the next one."""
    store.connections.limits = RedisLimits(notice_seconds=0.2)
    await store.sessions.catch_up()
    now = time.time()
    for name in ("gone", "back", "late"):
        await listens(store, name, now)
    await store.sessions.end_session(await stored(store))
    await listens(store, "back", now + 1)
    await store.sessions.end_session(await stored(store))
    assert await hearers(store) == {"back"}
    await store.connections.run(SESSIONS, "heard", "number", 1000, "late", f"{now + 2:.3f}")
    assert await hearers(store) == {"back", "late"}


async def test_of_two_processes_that_answer_rightly_one_is_accepted(
    store: RedisStore, settings: StoreSettings, children: list[Child]
) -> None:
    pending = []
    for _ in range(20):
        half = session(is_half=True)
        await store.sessions.create_session(half, cookie=cookie(), host=HOST)
        pending.append(challenge(half.session_id))
        await store.challenges.put_challenge(pending[-1])
    for _ in range(2):
        start(children, "answer", settings)
    for child in children:
        until_ready(child)
    lines = "".join(f"{each.challenge_id} {each.session_id}\n" for each in pending).encode()
    loop = asyncio.get_running_loop()
    outputs = await asyncio.gather(*(loop.run_in_executor(None, child.communicate, lines) for child in children))
    accepted = Tally(
        line.split()[0] for output, _ in outputs for line in output.decode().splitlines() if line.endswith(" accepted")
    )
    assert accepted == {each.challenge_id: 1 for each in pending}


async def test_a_change_is_heard_elsewhere_and_not_where_it_was_made(store: RedisStore, other: RedisStore) -> None:
    here: list[str] = []
    there: list[str] = []
    store.sessions.on_session_change(here.append)
    other.sessions.on_session_change(there.append)
    written = session()
    await store.sessions.create_session(written, cookie=cookie(), host=HOST)
    await store.sessions.update_principal(replace(written, principal=principal(groups=frozenset())))
    await other.sessions.catch_up()
    await store.sessions.catch_up()
    assert (here, there) == ([], [written.session_id])


async def test_having_caught_up_everything_before_was_heard(store: RedisStore, other: RedisStore) -> None:
    heard: list[str] = []
    other.sessions.on_session_end(heard.append)
    ended = [await stored(store) for _ in range(200)]
    # Told and not waited for.
    for session_id in ended:
        await store.connections.command("PUBLISH", store.connections.prefix + b"notices", f"end\nx\n\n{session_id}")
    await other.sessions.catch_up()
    assert heard == ended


async def test_what_was_begun_is_done_and_told_even_if_its_caller_was_cancelled(
    store: RedisStore, other: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await stored(store)
    here: list[str] = []
    there: list[str] = []
    store.sessions.on_session_end(here.append)
    other.sessions.on_session_end(there.append)
    run, is_begun = store.connections.run, asyncio.Event()

    async def begin(script: Script, *arguments: Argument, **options: bool) -> object:
        if arguments[0] == "finish":
            is_begun.set()
        return await run(script, *arguments, **options)

    monkeypatch.setattr(store.connections, "run", begin)
    caller = asyncio.create_task(store.sessions.end_session(session_id))
    await is_begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await eventually(lambda: here == there == [session_id])


async def test_an_end_whose_answer_was_lost_is_told_here_all_the_same(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await stored(store)
    heard: list[str] = []
    store.sessions.on_session_end(heard.append)
    await store.sessions.catch_up()
    run = store.connections.run

    async def run_and_lose(script: Script, *arguments: Argument, **options: bool) -> object:
        answer = await run(script, *arguments, **options)
        if arguments[0] == "finish":
            raise StoreUnavailable("the answer was lost")
        return answer

    monkeypatch.setattr(store.connections, "run", run_and_lose)
    with pytest.raises(StoreUnavailable):
        await store.sessions.end_session(session_id)
    await store.sessions.catch_up()
    assert heard == [session_id]


async def test_a_subscription_that_broke_is_a_gap_once_it_is_back(
    store: RedisStore, other: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps: list[None] = []
    store.sessions.on_gap(lambda: gaps.append(None))
    await store.sessions.catch_up()
    assert gaps == []
    await other.connections.command("CLIENT", "KILL", "TYPE", "pubsub")

    async def until_caught_up() -> None:
        while True:
            try:
                return await store.sessions.catch_up()
            except StoreUnavailable:
                await asyncio.sleep(0.01)

    await eventually(lambda: gaps)
    await until_caught_up()
    assert len(gaps) == 1


async def test_a_server_that_answers_but_tells_nothing_is_not_taken_to_be_away(
    store: RedisStore, other: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever took it so would go on from memory, while others end sessions."""
    await store.sessions.catch_up()

    async def fail() -> Connection:
        raise ConnectionRefusedError

    monkeypatch.setattr(store.connections, "connect", fail)
    await other.connections.command("CLIENT", "KILL", "TYPE", "pubsub")
    await eventually(lambda: not store.listening.notices.is_subscribed)
    with pytest.raises(NotHeard):
        await store.sessions.catch_up()


async def test_the_word_of_a_server_that_was_silent_counts_once_the_sentinels_still_name_it(
    store: RedisStore, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it stood still another one may have taken its place, and sessions may have ended there."""
    await store.sessions.catch_up()
    notices = store.listening.notices
    asked = []

    async def is_not(connection: Connection) -> bool:
        asked.append(connection)
        return False

    await notices.catch_up()
    assert asked == []
    monkeypatch.setattr(store.connections, "is_still_the_server", is_not)
    redis_server.pause()
    try:
        catching_up = asyncio.create_task(notices.catch_up())
        await eventually(lambda: notices.is_doubtful)
    finally:
        redis_server.resume()
    with pytest.raises(NotHeard):
        await catching_up
    assert len(asked) == 1
    gaps: list[None] = []
    store.sessions.on_gap(lambda: gaps.append(None))
    await eventually(lambda: gaps)


@pytest.mark.parametrize("message", [b"", b"end", b"end\nx", b"later\nx\ny\nz", b"\xff\n\n\n"])
def test_a_notice_of_another_version_says_nothing(message: bytes) -> None:
    assert notice_from(message) is None


def test_a_notice_names_its_sessions() -> None:
    assert notice_from(b"end\nteller\nnumber\na\nb") == RedisNotice(True, "teller", "number", ("a", "b"))
    assert notice_from(b"change\nteller\n\na") == RedisNotice(False, "teller", "", ("a",))


async def test_a_break_that_nobody_waits_for_any_more_is_no_failure(
    store: RedisStore, redis_server: RedisServer
) -> None:
    """The answer is given up in the moment in which the subscription breaks."""
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    await store.sessions.catch_up()
    notices = store.listening.notices
    redis_server.pause()  # it answers nothing
    try:
        catching = asyncio.create_task(notices.catch_up())
        await eventually(lambda: bool(notices.awaited))
        catching.cancel()
        next(iter(notices.awaited.values())).set_exception(NotHeard("notices from Redis have just stopped"))
        await asyncio.gather(catching, return_exceptions=True)
    finally:
        redis_server.resume()
    del catching
    await asyncio.sleep(0)
    gc.collect()
    assert reported == []
