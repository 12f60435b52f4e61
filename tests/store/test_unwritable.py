"""A store that can be read and not written, for longer than sessions may be idle: nobody is signed out by it.

With real parts: a file system that is full or read-only, a Redis server that refuses to write. The clocks are the
test's.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from config.settings import SessionSettings, StoreSettings
from proxy.operations.store_errors import StoreUnavailable
from proxy.secrets.tokens import new_token, token_digest
from proxy.sessions.live_sessions import LiveSessions
from proxy.store.contract import Store
from proxy.store.redis.redis_store import RedisStore
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.store.contract import HOST, cookie
from tests.support.people import session
from tests.support.redis_server import RedisServer, new_prefix, running_redis
from tests.support.small_disk import can_fail, can_mount, failing_disk, small_disk

IDLE = 600.0
LIMITS = SessionSettings(idle=IDLE, absolute=36_000.0)
WORKERS = 3


class RedisOfTheTest(RedisStore):
    """Whose server goes by the test's clock, too."""

    def __init__(self, settings: StoreSettings, *, clock: Callable[[], float]) -> None:
        async def server_time() -> float | None:
            return clock()

        super().__init__(settings, clock=clock)
        self.sessions.server_time = server_time  # type: ignore[method-assign]


@dataclass
class Outage:
    """A store, and how it comes to be read only and gets well again."""

    open: Callable[[Callable[[], float]], Store]
    begin: Callable[[], object]
    end: Callable[[], object]


@contextlib.contextmanager
def full_disk(folder: Path, redis_server: RedisServer) -> Iterator[Outage]:
    if not can_mount():
        pytest.skip("only root mounts file systems")
    with small_disk(folder / "disk") as disk, contextlib.ExitStack() as stack:
        path = disk.folder / "state.db"

        def fill() -> None:
            # Somebody who reads for long, as a back-up does: SQLite's log only grows, or it might just have had room.
            reader = stack.enter_context(contextlib.closing(sqlite3.connect(path, isolation_level=None)))
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sessions").fetchall()
            disk.fill()

        yield Outage(lambda clock: SQLiteStore(path, clock=clock), fill, disk.empty)


@contextlib.contextmanager
def read_only_disk(folder: Path, redis_server: RedisServer) -> Iterator[Outage]:
    if not can_fail():
        pytest.skip("there are no loop devices")
    with failing_disk(folder / "disk") as disk:
        yield Outage(
            lambda clock: SQLiteStore(disk.folder / "state.db", clock=clock),
            disk.become_read_only,
            disk.be_replaced,
        )


def refusing_redis(begin: tuple[str, ...], end: tuple[str, ...]) -> Callable[..., object]:
    @contextlib.contextmanager
    def outage(folder: Path, redis_server: RedisServer) -> Iterator[Outage]:
        with running_redis() as server:
            settings = StoreSettings(url=server.url, prefix=new_prefix())

            def do(*words: str) -> None:
                assert server.ask(*words).startswith((b"+", b"-Error trying to save", b"-ERR")), words

            yield Outage(lambda clock: RedisOfTheTest(settings, clock=clock), lambda: do(*begin), lambda: do(*end))

    return outage


out_of_memory = refusing_redis(("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0"))
no_replicas = refusing_redis(
    ("CONFIG", "SET", "min-replicas-to-write", "1"), ("CONFIG", "SET", "min-replicas-to-write", "0")
)
a_replica = refusing_redis(("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"))


@contextlib.contextmanager
def failed_save(folder: Path, redis_server: RedisServer) -> Iterator[Outage]:
    """MISCONF: the last snapshot could not be written."""
    with running_redis() as server:
        settings = StoreSettings(url=server.url, prefix=new_prefix())
        target = server.folder / "dump.rdb"

        def save_in_vain() -> None:
            target.mkdir()
            server.ask("CONFIG", "SET", "save", "3600 1")
            server.ask("BGSAVE")
            give_up_at = time.monotonic() + 10
            while b"rdb_last_bgsave_status:err" not in server.ask("INFO", "persistence"):
                assert time.monotonic() < give_up_at
                time.sleep(0.01)

        def save() -> None:
            target.rmdir()
            assert server.ask("SAVE").startswith(b"+")

        yield Outage(lambda clock: RedisOfTheTest(settings, clock=clock), save_in_vain, save)


@dataclass
class House:
    """Workers on one store, and the clock of all."""

    outage: Outage
    now: float = field(default_factory=time.time)
    stores: list[Store] = field(default_factory=list)
    workers: list[LiveSessions] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stores = [self.outage.open(self.clock) for _ in range(WORKERS)]
        self.workers = [LiveSessions(store.sessions, LIMITS, monotonic=self.clock) for store in self.stores]

    def clock(self) -> float:
        return self.now

    async def pass_by(self, seconds: float) -> None:
        """What all workers do each second, at the end of this time."""
        self.now += seconds
        for worker in self.workers:
            await self.write(worker)

    async def write(self, worker: LiveSessions) -> None:
        await worker.looks.look()
        with contextlib.suppress(StoreUnavailable):
            await worker.uses.flush()
            await worker.uses.clean_up(self.now)

    async def close(self) -> None:
        for store in self.stores:
            await store.close()


async def until_refused(store: Store) -> None:
    """A log that was restarted has room for a while, whatever the disk says, and for a small write longer."""
    with pytest.raises(StoreUnavailable):  # noqa: PT012  # how often, depends on the log
        for _ in range(1000):
            await store.ping()
    with pytest.raises(StoreUnavailable):  # noqa: PT012
        for _ in range(100):
            await store.sessions.create_session(session(guid="last"), cookie=cookie(), host=HOST)


async def until_well(store: Store) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                return await store.ping()
            except StoreUnavailable:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("outage", [full_disk, read_only_disk, out_of_memory, no_replicas, a_replica, failed_save])
async def test_sessions_in_use_outlive_an_outage_that_is_longer_than_they_may_be_idle(
    outage: Callable[..., contextlib.AbstractContextManager[Outage]], tmp_path: Path, redis_server: RedisServer
) -> None:
    with outage(tmp_path, redis_server) as happens:
        house = House(happens)
        tokens = [new_token().encode() for _ in range(60)]
        for number, token in enumerate(tokens):
            written = session(guid=f"person {number}", created_at=house.now)
            await house.stores[0].sessions.create_session(written, cookie=token_digest(token), host=HOST)
        idle = new_token().encode()
        written = session(guid="idle", created_at=house.now)
        await house.stores[0].sessions.create_session(written, cookie=token_digest(idle), host=HOST)
        await house.pass_by(1)
        await house.pass_by(1)
        for number, token in enumerate(tokens):  # each is used at one worker
            assert await house.workers[number % WORKERS].find(token, HOST, house.now) is not None
        happens.begin()
        await until_refused(house.stores[1])
        for _ in range(8):
            await house.pass_by(IDLE / 4)
            for number, token in enumerate(tokens):
                assert await house.workers[number % WORKERS].find(token, HOST, house.now) is not None
        for number, token in enumerate(tokens):
            with pytest.raises(StoreUnavailable, match="nobody knows when"):
                await house.workers[(number + 1) % WORKERS].find(token, HOST, house.now)
        with pytest.raises(StoreUnavailable, match="nobody knows when"):
            await house.workers[0].find(idle, HOST, house.now)
        happens.end()
        await until_well(house.stores[1])
        for worker in reversed(house.workers):  # one after the other, as it comes
            house.now += 1
            await house.write(worker)
        for _ in range(3):
            await house.pass_by(1)
        for number, token in enumerate(tokens):
            for worker in (number, number + 1):
                assert await house.workers[worker % WORKERS].find(token, HOST, house.now) is not None, number
        assert await house.workers[0].find(idle, HOST, house.now) is None
        found = [each.principal.guid for each in await house.stores[2].sessions.sessions()]
        assert sorted(guid for guid in found if guid != "last") == sorted(f"person {number}" for number in range(60))
        await house.close()
