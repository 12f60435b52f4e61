"""What happens to the Redis store when its server is killed, hangs, is another one, or asks who is there."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import redis.exceptions
import trustme
from pydantic import SecretStr
from redis.asyncio.connection import Connection

from config.settings import SessionSettings, StoreSettings
from config.tables.store import parse_store_url
from proxy.factors.challenge import Attempt
from proxy.operations.store_errors import StoreUnavailable
from proxy.sessions.session_store import NOTICE_SECONDS
from proxy.store.redis.connections import RedisConnections, RedisLimits
from proxy.store.redis.pools import CONNECTIONS, WAITING
from proxy.store.redis.reasons import redis_reason
from proxy.store.redis.redis_store import RedisStore
from proxy.store.redis.remarks import clock_findings, findings
from tests.store.contract import HOST, cookie
from tests.support.eventually import eventually
from tests.support.people import NOW, challenge, session
from tests.support.redis_server import RedisServer, free_ports, new_prefix, running_redis

CHILD = Path(__file__).with_name("redis_child.py")
REPOSITORY = Path(__file__).parents[2]

PASSWORD = "s3cret-of-the-store"
# As the operator's page has it.
RIGHTS = (
    "resetkeys ~{gatepost}:* resetchannels &{gatepost}:* nocommands +@hash +@list +@string +@sortedset +del +exists "
    "+pexpire +evalsha +eval +publish +subscribe +ping +select +wait"
)


@contextlib.asynccontextmanager
async def opened(settings: StoreSettings, limits: RedisLimits | None = None) -> AsyncIterator[RedisStore]:
    store = RedisStore(settings, limits=limits)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """One that may be killed, and keeps every write."""
    options = ("--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0")
    with running_redis(*options) as server:
        yield server


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    async with opened(StoreSettings(url=server.url)) as store:
        yield store


async def within(seconds: float, attempt: Callable[[], Awaitable[object]]) -> object:
    """What `attempt` answers once the store is back."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await attempt()
            except StoreUnavailable:
                await asyncio.sleep(0.02)


# Killed, hanging, and back.


def test_an_acknowledged_session_survives_kill_9_of_the_server(server: RedisServer) -> None:
    child = subprocess.Popen(
        [sys.executable, CHILD, "create", server.url, "gatepost"], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    assert child.stdout is not None
    acknowledged = [child.stdout.readline().strip() for _ in range(50)]
    server.kill()
    acknowledged += child.stdout.read().split()  # what was acknowledged until then counts as well
    child.wait()
    child.stdout.close()
    server.start()

    async def read() -> set[str]:
        async with opened(StoreSettings(url=server.url)) as store:
            await within(10, store.ping)
            return {each.session_id for each in await store.sessions.sessions()}

    assert set(acknowledged) <= asyncio.run(read())


async def test_a_server_that_was_away_is_used_again_by_itself(store: RedisStore, server: RedisServer) -> None:
    gaps: list[None] = []
    store.sessions.on_gap(lambda: gaps.append(None))
    written, digest = session(), cookie()
    await store.sessions.create_session(written, cookie=digest, host=HOST)
    persons = await store.sessions.persons()
    server.kill()
    for call in (
        store.sessions.session_by_cookie(digest, HOST),
        store.sessions.end_session(written.session_id),
        store.ping(),
    ):
        begun_at = time.monotonic()
        with pytest.raises(StoreUnavailable, match="Redis"):
            await call
        assert time.monotonic() - begun_at < 3
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await store.sessions.catch_up()
    server.start()
    assert await within(10, lambda: store.sessions.session_by_cookie(digest, HOST)) == written
    await within(10, store.sessions.catch_up)
    assert gaps == [None]
    assert await store.sessions.persons() == persons


async def test_who_has_just_lost_the_server_hears_of_an_end_before_it_is_acknowledged(
    store: RedisStore, server: RedisServer
) -> None:
    """Whoever has lost it may answer from memory: an end by somebody who found it again first would be none to them."""
    async with opened(StoreSettings(url=server.url)) as other:
        gaps: list[None] = []
        other.sessions.on_gap(lambda: gaps.append(None))
        await other.sessions.catch_up()
        for _ in range(2):
            written = session()
            await store.sessions.create_session(written, cookie=cookie(), host=HOST)
            server.kill()
            with pytest.raises(StoreUnavailable):
                await other.ping()
            server.start()
            gaps.clear()
            assert await within(10, lambda session_id=written.session_id: store.sessions.end_session(session_id))
            assert gaps == [None]
            await within(10, other.sessions.catch_up)
            await within(10, store.sessions.catch_up)


async def test_an_end_is_not_acknowledged_by_a_server_that_dies_before_it_was_heard(
    store: RedisStore, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = session()
    await store.sessions.create_session(written, cookie=cookie(), host=HOST)
    await store.sessions.catch_up()
    real = RedisConnections.first_of

    async def first_of(connections: RedisConnections, key: bytes, *, seconds: float) -> object:
        server.kill()
        return await real(connections, key, seconds=seconds)

    monkeypatch.setattr(RedisConnections, "first_of", first_of)
    with pytest.raises(StoreUnavailable):
        await store.sessions.end_session(written.session_id)


async def test_an_end_is_not_acknowledged_by_a_server_that_hangs_before_it_was_heard(
    store: RedisStore, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its notice may be in the server still, and whoever hears nothing of the server goes on from memory."""
    store.connections.limits = RedisLimits(call_seconds=NOTICE_SECONDS + 0.2)
    written = session()
    await within(10, lambda: store.sessions.create_session(written, cookie=cookie(), host=HOST))
    await within(10, store.sessions.catch_up)
    real = RedisConnections.first_of

    async def first_of(connections: RedisConnections, key: bytes, *, seconds: float) -> object:
        server.pause()
        return await real(connections, key, seconds=seconds)

    monkeypatch.setattr(RedisConnections, "first_of", first_of)
    with pytest.raises(StoreUnavailable):
        await store.sessions.end_session(written.session_id)
    server.resume()


@pytest.mark.parametrize("of_person", [False, True])
async def test_an_end_that_is_asked_for_again_is_not_acknowledged_before_it_was_heard_either(
    store: RedisStore, server: RedisServer, monkeypatch: pytest.MonkeyPatch, of_person: bool
) -> None:
    """The server died after it had ended the session: the second attempt finds nothing to end."""
    store.connections.limits = RedisLimits(notice_seconds=10.0)
    async with opened(StoreSettings(url=server.url)) as other:
        gaps: list[None] = []
        other.sessions.on_gap(lambda: gaps.append(None))
        await other.sessions.catch_up()
        await store.sessions.catch_up()
        written = session()
        await store.sessions.create_session(written, cookie=cookie(), host=HOST)
        real = RedisConnections.first_of
        monkeypatch.setattr(RedisConnections, "first_of", lambda *_, **__: dying())

        async def dying() -> object:
            server.kill()
            raise StoreUnavailable("it died")

        async def end() -> object:
            if of_person:
                return await store.sessions.end_sessions_of(written.principal.guid)
            return await store.sessions.end_session(written.session_id)

        with pytest.raises(StoreUnavailable):
            await end()
        monkeypatch.setattr(RedisConnections, "first_of", real)
        # It stays away from the server until the end is asked for again.
        connect, may_connect = other.connections.connect, asyncio.Event()

        async def later() -> Connection:
            await may_connect.wait()
            return await connect()

        monkeypatch.setattr(other.connections, "connect", later)
        server.start()
        await within(10, store.sessions.catch_up)
        again = asyncio.create_task(within(10, end))
        done, _ = await asyncio.wait((again,), timeout=0.3)
        assert not done
        may_connect.set()
        await within(10, other.sessions.catch_up)
        assert gaps == [None]
        again.cancel()


async def test_a_server_that_hangs_is_unavailable_in_time(store: RedisStore, server: RedisServer) -> None:
    gaps: list[None] = []
    store.sessions.on_gap(lambda: gaps.append(None))
    half = session(is_half=True)
    await store.sessions.create_session(half, cookie=cookie(), host=HOST)
    pending = challenge(half.session_id)
    await store.challenges.put_challenge(pending)
    await store.sessions.catch_up()

    def answer() -> Awaitable[object]:
        return store.challenges.answer_challenge(
            pending.challenge_id, session_id=half.session_id, digest=b"wrong", now=NOW
        )

    server.pause()
    usual, store.connections.limits = store.connections.limits, RedisLimits(call_seconds=0.2, heartbeat_seconds=0.2)
    begun_at = time.monotonic()
    with pytest.raises(StoreUnavailable, match="no answer from Redis within"):
        await answer()
    with pytest.raises(StoreUnavailable):
        await store.sessions.catch_up()
    # More than there are places for: all are told, and none waits for the others first.
    results = await asyncio.gather(*(store.numbers.known_number("a") for _ in range(100)), return_exceptions=True)
    assert all(isinstance(result, StoreUnavailable) for result in results)
    assert time.monotonic() - begun_at < 3
    await eventually(lambda: not store.listening.notices.is_subscribed)
    store.connections.limits = usual
    server.resume()
    await within(10, store.sessions.catch_up)
    assert gaps
    # It was asked once: the answer that nobody waited for cost one attempt.
    found = await store.challenges.challenge(pending.challenge_id, session_id=half.session_id, now=NOW)
    assert found is not None
    assert found.attempts_left == 4


async def test_cancelled_calls_leave_no_answers_for_others(store: RedisStore) -> None:
    written, digest = session(), cookie()
    await store.sessions.create_session(written, cookie=digest, host=HOST)
    for pause in range(20):
        calls = [asyncio.create_task(store.counters.add(b"k", now=NOW, window_seconds=60)) for _ in range(5)]
        for _ in range(pause):
            await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        found = await asyncio.gather(*(store.sessions.session_by_cookie(digest, HOST) for _ in range(5)))
        assert found == [written] * 5


async def test_calls_that_were_cancelled_or_took_too_long_give_their_places_back(
    store: RedisStore, server: RedisServer
) -> None:
    connections = store.connections
    usual, connections.limits = connections.limits, RedisLimits(call_seconds=0.05)

    def calls() -> Iterator[asyncio.Task[object]]:
        for _ in range(CONNECTIONS):
            yield asyncio.create_task(store.numbers.known_number("a"))
            yield asyncio.create_task(store.counters.add(b"k", now=NOW, window_seconds=60))
            yield asyncio.create_task(connections.first_of(b"nothing", seconds=0.01))

    for pause in range(12):
        (server.pause if pause % 2 else server.resume)()
        begun = list(calls())
        for _ in range(pause):
            await asyncio.sleep(0)
        for each in begun[::3]:
            each.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
    server.resume()
    connections.limits = usual
    pool = connections.pool()
    async with asyncio.timeout(10):
        taken = [await pool.connections.get_connection() for _ in range(CONNECTIONS + WAITING)]  # as many as there are
        for places, count in ((pool.places, CONNECTIONS), (pool.waiting_places, WAITING)):
            for _ in range(count):
                await places.acquire()
            assert places.locked(), "and not more of them than before"
    for each in taken:
        await pool.connections.release(each)


async def test_what_may_have_been_done_is_not_asked_for_twice() -> None:
    """A server that takes a question and hangs up: readings are asked again, an answer to a challenge is not."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = await reader.read(65536)
        if b"SUBSCRIBE" not in question:
            asked.append(question)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        async with opened(StoreSettings(url=f"redis://127.0.0.1:{port}")) as store:
            with pytest.raises(StoreUnavailable):
                await store.challenges.answer_challenge("c", session_id="s", digest=b"d", now=NOW)
            assert len(asked) == 1
            with pytest.raises(StoreUnavailable):
                await store.numbers.known_number("a")
            assert len(asked) == 3


async def test_a_server_that_forgot_its_scripts_is_told_them_again(store: RedisStore) -> None:
    await store.counters.add(b"k", now=NOW, window_seconds=60)
    await store.connections.command("SCRIPT", "FLUSH")
    assert (await store.counters.add(b"k", now=NOW, window_seconds=60)).value == 2


async def test_a_closed_store_is_unavailable(server: RedisServer) -> None:
    store = RedisStore(StoreSettings(url=server.url))
    await store.ping()
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.ping()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # what was left behind says so
def test_a_store_goes_on_in_another_event_loop_and_in_a_forked_process(redis_server: RedisServer) -> None:
    store = RedisStore(StoreSettings(url=redis_server.url, prefix=new_prefix()))

    async def count(store: RedisStore, *, close: bool = False) -> int:
        value = (await store.counters.add(b"k", now=NOW, window_seconds=60)).value
        await store.sessions.catch_up()
        if close:
            await store.close()
        return value

    assert asyncio.run(count(store)) == 1
    child = os.fork()
    if child == 0:
        try:
            os._exit(asyncio.run(count(store)))
        finally:
            os._exit(99)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 2
    assert asyncio.run(count(store, close=True)) == 3
    del store
    gc.collect()


# Who is there.


async def test_installations_with_other_prefixes_do_not_meet(redis_server: RedisServer) -> None:
    one, two = (StoreSettings(url=redis_server.url, prefix=new_prefix()) for _ in range(2))
    async with opened(one) as first, opened(two) as second:
        heard: list[str] = []
        second.sessions.on_session_end(heard.append)
        await second.sessions.catch_up()
        written = session()
        await first.sessions.create_session(written, cookie=cookie(), host=HOST)
        assert await second.sessions.sessions() == []
        await first.sessions.end_session(written.session_id)
        await second.sessions.catch_up()
        assert heard == []


async def test_installations_in_other_databases_do_not_wait_for_each_other() -> None:
    """A channel belongs to no database: whoever listens to it in another one acknowledges there, where nobody looks."""
    patient = RedisLimits(notice_seconds=30.0, call_seconds=60.0)
    [port] = free_ports(1)
    with running_redis(port=port):
        one, two = (StoreSettings(url=f"redis://127.0.0.1:{port}/{database}") for database in (0, 1))
        async with opened(one, patient) as first, opened(two, patient) as second:
            for each in (first, second):
                await each.sessions.catch_up()
            for each in (first, second):
                written = session()
                await each.sessions.create_session(written, cookie=cookie(), host=HOST)
                assert await asyncio.wait_for(each.sessions.end_session(written.session_id), 20)


async def use(store: RedisStore) -> None:
    """A little of everything that asks the server for something."""
    half, whole, digest, limits = session(is_half=True), session(), cookie(), SessionSettings(idle=60.0, absolute=60.0)
    await store.ping()
    await store.sessions.create_session(half, cookie=cookie(), host=HOST)
    pending = challenge(half.session_id)
    await store.challenges.put_challenge(pending)
    await store.challenges.mark_sent(pending.challenge_id, now=NOW, not_before=NOW)
    answer = await store.challenges.answer_challenge(
        pending.challenge_id, session_id=half.session_id, digest=pending.digest, now=NOW
    )
    assert answer.attempt is Attempt.ACCEPTED
    assert await store.sessions.replace_session(half.session_id, whole, cookie=digest, host=HOST)
    assert await store.sessions.session_by_cookie(digest, HOST) == whole
    await store.sessions.touch_sessions([(whole.session_id, NOW + 1)])
    await store.sessions.update_principal(whole)
    await store.counters.add(b"k", now=NOW, window_seconds=60)
    await store.counters.add_familiar(b"p", b"a", now=NOW, expires_at=NOW + 1, most=2)
    assert await store.counters.is_familiar(b"p", b"a", now=NOW)
    await store.kept_requests.put_kept_request(b"d", b"sealed", expires_at=NOW + 1)
    assert await store.kept_requests.take_kept_request(b"d", now=NOW) == b"sealed"
    assert await store.leases.take_lease("l", "me", now=NOW, seconds=9)
    assert len(await store.sessions.persons()) == 1
    assert len(await store.sessions.sessions()) == 1
    assert await store.sessions.end_session(whole.session_id)
    assert await store.sessions.remove_expired(now=NOW + 1e6, limits=limits) == 2


async def test_a_user_with_the_least_rights_can_do_everything(server: RedisServer) -> None:
    assert server.ask("ACL", "SETUSER", "gatepost", "on", f">{PASSWORD}", *RIGHTS.split()) == b"+OK\r\n"
    assert server.ask("ACL", "SETUSER", "default", "off") == b"+OK\r\n"
    login = {"username": "gatepost", "password": SecretStr(PASSWORD)}
    settings = StoreSettings(url=server.url, **login)
    async with opened(settings) as store:
        await use(store)
        assert await store.remarks() == (
            "what the server keeps on its disk, and what it drops when it is full, could not be seen (INFO)",
        )
        assert PASSWORD not in repr(settings)
    async with opened(StoreSettings(url=server.url, prefix="other", **login)) as store:
        with pytest.raises(StoreUnavailable, match="does not permit"):
            await store.counters.add(b"k", now=NOW, window_seconds=60)
    wrong = {"username": "gatepost", "password": SecretStr("wrong-and-secret")}
    for login in (wrong, {}):
        async with opened(StoreSettings(url=server.url, **login)) as store:
            with pytest.raises(StoreUnavailable, match="refuses the user or the password") as caught:
                await store.counters.add(b"k", now=NOW, window_seconds=60)
            assert "wrong-and-secret" not in str(caught.value) + repr(caught.value.__cause__)


async def test_a_server_is_talked_to_over_tls_only_if_its_certificate_is_right(tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    stranger.cert_pem.write_to_path(tmp_path / "stranger.pem")
    for name, host in (("server", "localhost"), ("client", "gatepost.example")):
        issued = authority.issue_cert(host)
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    (port,) = free_ports(1)
    tls = ("--tls-port", str(port), "--tls-ca-cert-file", str(tmp_path / "ca.pem"))
    own = ("--tls-cert-file", str(tmp_path / "server.pem"), "--tls-key-file", str(tmp_path / "server.key"))
    client = {"client_certificate": tmp_path / "client.pem", "client_key": tmp_path / "client.key"}
    with running_redis(*tls, *own) as server:
        assert server.ask("PING") == b"+PONG\r\n"
        good = StoreSettings(url=f"rediss://localhost:{port}", ca_file=tmp_path / "ca.pem", **client)
        async with opened(good) as store:
            await use(store)
        bad = (
            {"url": parse_store_url(f"rediss://127.0.0.1:{port}")},
            {"ca_file": tmp_path / "stranger.pem"},
            {"ca_file": None},
            {"client_certificate": None, "client_key": None},
            {"url": parse_store_url(f"redis://localhost:{port}")},
        )
        for change in bad:
            async with opened(good.model_copy(update=change)) as store:
                with pytest.raises(StoreUnavailable):
                    await store.counters.add(b"k", now=NOW, window_seconds=60)


# Several servers.


async def test_a_replica_is_waited_for_where_that_is_asked(server: RedisServer) -> None:
    (port,) = free_ports(1)
    server.ask("CONFIG", "SET", "port", str(port))
    async with opened(StoreSettings(url=server.url, wait_replicas=1)) as store:
        with pytest.raises(StoreUnavailable, match="only 0 of 1 replicas"):
            await store.sessions.create_session(session(), cookie=cookie(), host=HOST)
        with pytest.raises(StoreUnavailable, match="only 0 of 1 replicas"):
            await store.ping()  # nobody can sign in
        await store.sessions.touch_sessions([("s", NOW)])  # what is not durable is not waited for
        await store.kept_requests.put_kept_request(b"d", b"sealed", expires_at=NOW + 1)
        with pytest.raises(StoreUnavailable, match="only 0 of 1 replicas"):
            await store.kept_requests.take_kept_request(b"d", now=NOW)  # another server would have it sent once more
        with running_redis("--replicaof", "127.0.0.1", str(port)) as replica:
            written = session()
            await within(10, lambda: store.sessions.create_session(written, cookie=cookie(), host=HOST))
            await store.ping()
            async with opened(StoreSettings(url=replica.url)) as there:
                assert written in await there.sessions.sessions()
                with pytest.raises(StoreUnavailable, match="is a replica"):
                    await there.counters.add(b"k", now=NOW, window_seconds=60)


async def test_the_server_that_the_sentinels_name_is_followed(server: RedisServer) -> None:
    first, second, sentinel_port = free_ports(3)
    server.ask("CONFIG", "SET", "port", str(first))
    replica = running_redis("--replicaof", "127.0.0.1", str(first), "--appendonly", "yes", port=second)
    watched = (
        f"sentinel monitor gp 127.0.0.1 {first} 1",
        "sentinel down-after-milliseconds gp 300",
        "sentinel failover-timeout gp 3000",
    )
    with replica as other, running_redis(*watched, port=sentinel_port, is_sentinel=True) as sentinel:

        async def until(is_so: Callable[[], bool]) -> None:
            async with asyncio.timeout(30):
                while not await asyncio.to_thread(is_so):  # noqa: ASYNC110  # another program's state
                    await asyncio.sleep(0.02)

        await until(lambda: b"127.0.0.1" in sentinel.ask("SENTINEL", "REPLICAS", "gp"))
        await until(lambda: b"master_link_status:up" in other.ask("INFO", "replication"))
        # Of the two sentinels that are named, one is not there.
        url = f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel_port}/gp"
        async with opened(StoreSettings(url=url, wait_replicas=1)) as careful, opened(StoreSettings(url=url)) as store:
            gaps: list[None] = []
            store.sessions.on_gap(lambda: gaps.append(None))
            written, digest = session(), cookie()
            await within(10, lambda: careful.sessions.create_session(written, cookie=digest, host=HOST))
            await store.sessions.catch_up()
            server.kill()
            with pytest.raises(StoreUnavailable):
                await store.counters.add(b"k", now=NOW, window_seconds=60)
            await until(lambda: b"role:master" in other.ask("INFO", "replication"))
            assert await within(20, lambda: store.sessions.session_by_cookie(digest, HOST)) == written
            await within(20, lambda: store.sessions.end_session(written.session_id))
            await within(20, store.sessions.catch_up)
            assert gaps


# What `gatepost check` says of it.


def test_settings_of_a_server_that_put_sessions_at_risk_are_told() -> None:
    sound = {"redis_version": "7.2.4", "aof_enabled": "1", "maxmemory_policy": "noeviction", "connected_slaves": "1"}
    plain = StoreSettings()
    assert findings(sound, "always", plain) == ()
    assert findings(sound, "everysec", StoreSettings(wait_fsync=True)) == ()
    assert findings({**sound, "redis_version": "7.2.4", "valkey_version": "8.0.1"}, "always", plain) == ()
    for info, fsync, settings, said in (
        ({"redis_version": "6.0.16"}, "always", plain, "older than Redis 6.2"),
        ({"redis_version": "7.0.15"}, "always", StoreSettings(wait_fsync=True), "needs Redis 7.2"),
        ({"aof_enabled": "0"}, "always", plain, "appendonly is off"),
        ({}, None, plain, "could not be seen"),
        ({}, "everysec", plain, "appendfsync is everysec"),
        ({"maxmemory_policy": "allkeys-lru"}, "always", plain, "maxmemory-policy is allkeys-lru"),
        ({}, "always", StoreSettings(wait_replicas=2), "wait_replicas is 2, but 1"),
    ):
        (finding,) = findings({**sound, **info}, fsync, settings)
        assert said in finding


async def test_a_real_server_is_looked_at(store: RedisStore, redis_server: RedisServer) -> None:
    assert await store.remarks() == ()
    async with opened(StoreSettings(url=redis_server.url)) as careless:
        assert [remark.partition(":")[0] for remark in await careless.remarks()] == ["appendonly is off"]


async def test_a_clock_that_differs_from_the_servers_is_told(server: RedisServer) -> None:
    ahead = RedisStore(StoreSettings(url=server.url), clock=lambda: time.time() + 3600)
    (remark,) = await ahead.remarks()
    await ahead.close()
    assert re.fullmatch(r"the server's clock is 36\d\d seconds behind this machine's: let both follow .*", remark)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("1800000000000000", []),
        ("1800000004900000", []),
        ("1800000060000000", ["60 seconds ahead of this"]),
        ("1799999940000000", ["60 seconds behind this"]),
        ("", []),
        ("soon", []),
    ],
)
def test_clocks_may_differ_by_little(told: str, words: list[str]) -> None:
    found = clock_findings({"server_time_usec": told}, 1_800_000_000.0)
    assert len(found) == len(words)
    assert all(each in remark for each, remark in zip(words, found, strict=True))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (redis.exceptions.ResponseError("ERR unknown command, with args beginning with: 's3cret'"), "refuses it: ERR"),
        (redis.exceptions.ResponseError("s3cret words"), "refuses it: ResponseError"),
        (redis.exceptions.BusyLoadingError("Redis is loading the dataset in memory"), "reading its data"),
        (redis.exceptions.OutOfMemoryError("command not allowed: s3cret"), "no memory left"),
        (redis.exceptions.MovedError("1234 10.0.0.1:6379"), "a node of a cluster"),
        (ConnectionRefusedError(111, "Connection refused"), "Redis cannot be reached: connection refused"),
    ],
)
def test_what_a_server_refuses_is_told_without_what_it_was_asked(error: Exception, said: str) -> None:
    assert said in redis_reason(error)
    assert "s3cret" not in redis_reason(error)
