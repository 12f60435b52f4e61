"""As of when all uses are known: nobody is signed out, and nothing removed, for uses that could not be written."""

from __future__ import annotations

import pytest

from config.settings import SessionSettings
from proxy.operations.store_errors import StoreUnavailable
from proxy.secrets.tokens import new_token, token_digest
from proxy.sessions.live_sessions import LiveSessions
from proxy.sessions.written_uses import LAG_SECONDS, SILENT_SECONDS, WrittenUses
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW, session

HOST = "wiki.corp.example"
IDLE = 600.0
LIMITS = SessionSettings(idle=IDLE, absolute=36_000.0)


def test_alone_all_is_known_as_of_the_last_write() -> None:
    written = WrittenUses("a", 100.0)
    assert written.complete_at() == 100.0
    assert written.wrote({"a": 1}, 101.0) == []
    assert written.complete_at() == 101.0
    assert written.is_known(0.0, 101.0 + LAG_SECONDS)
    written.failed(102.0)
    assert written.complete_at() == 101.0
    assert not written.is_known(0.0, 102.0 + LAG_SECONDS)
    assert written.is_known(1.0, 102.0 + LAG_SECONDS)


def test_what_another_worker_has_not_written_is_not_known() -> None:
    written = WrittenUses("a", 100.0)
    written.wrote({"a": 1, "b": 7}, 101.0)
    written.wrote({"a": 2, "b": 8}, 102.0)
    assert written.complete_at() == 102.0
    for second in range(3, 13):
        written.wrote({"a": second, "b": 8}, 100.0 + second)
    assert written.complete_at() == 102.0
    assert not written.is_known(0.0, 112.0)
    assert written.is_known(112.0 - 102.0 - LAG_SECONDS, 112.0)
    written.wrote({"a": 13, "b": 9}, 113.0)
    assert written.complete_at() == 113.0
    assert written.is_known(0.0, 113.0)


def test_after_a_start_nothing_is_removed_before_all_others_have_written_and_nobody_is_doubted() -> None:
    written = WrittenUses("a", 100.0)
    written.wrote({"a": 1, "b": 7}, 100.0)
    assert written.complete_at() is None
    assert written.is_known(0.0, 100.0)
    written.wrote({"a": 2, "b": 8}, 101.0)
    assert written.complete_at() == 101.0


def test_who_started_while_nobody_could_write_waits_for_all_others() -> None:
    written = WrittenUses("a", 100.0)
    written.failed(100.0)
    written.failed(200.0)
    assert written.complete_at() is None
    assert not written.is_known(1e6, 200.0)
    written.wrote({"a": 1, "b": 7, "c": 3}, 201.0)
    assert not written.is_known(50.0, 201.0)
    written.wrote({"a": 2, "b": 8, "c": 3}, 202.0)
    assert not written.is_known(50.0, 202.0)
    assert written.complete_at() is None
    written.wrote({"a": 3, "b": 9, "c": 4}, 203.0)
    assert written.is_known(50.0, 203.0)
    assert written.complete_at() == 203.0


def test_one_that_has_just_come_has_just_written() -> None:
    written = WrittenUses("a", 100.0)
    written.wrote({"a": 1}, 100.0)
    written.wrote({"a": 2, "b": 1}, 101.0)
    assert written.complete_at() == 101.0


def test_the_dead_are_not_waited_for_and_the_living_are_however_long_nobody_could_write() -> None:
    written = WrittenUses("a", 100.0)
    written.wrote({"a": 1, "b": 7}, 100.0)
    written.wrote({"a": 2, "b": 8}, 101.0)
    written.failed(102.0)
    written.failed(5000.0)
    assert written.wrote({"a": 3, "b": 8}, 5001.0) == []
    assert written.complete_at() == 101.0
    for second in range(2, int(SILENT_SECONDS)):
        assert written.wrote({"a": second, "b": 8}, 5000.0 + second) == []
    assert written.wrote({"a": 99, "b": 8}, 5000.0 + SILENT_SECONDS) == ["b"]
    assert written.complete_at() == 5000.0 + SILENT_SECONDS


def test_one_that_left_is_not_waited_for() -> None:
    written = WrittenUses("a", 100.0)
    written.wrote({"a": 1, "b": 7}, 100.0)
    written.wrote({"a": 2}, 101.0)
    assert written.complete_at() == 101.0


class House:
    """Two workers with one store, and their clocks."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.store = MemoryStore()
        self.one = self.worker()
        self.two = self.worker()

    @property
    def now(self) -> float:
        return NOW + self.seconds

    def worker(self) -> LiveSessions:
        return LiveSessions(self.store.sessions, LIMITS, monotonic=lambda: self.seconds)

    async def second(self, *, writing: tuple[LiveSessions, ...] = ()) -> None:
        """What workers do each second."""
        self.seconds += 1.0
        for worker in writing or (self.one, self.two):
            await worker.looks.look()
            try:
                await worker.uses.flush()
            except StoreUnavailable:
                continue
            await worker.uses.clean_up(self.now)


@pytest.fixture
def house() -> House:
    return House()


async def signed_in(house: House) -> bytes:
    token = new_token().encode()
    await house.store.sessions.create_session(session(created_at=house.now), cookie=token_digest(token), host=HOST)
    return token


async def test_a_full_disk_for_longer_than_the_idle_limit_loses_no_session_that_is_in_use(house: House) -> None:
    used, unused = await signed_in(house), await signed_in(house)
    for _ in range(3):
        await house.second()
        assert await house.one.find(used, HOST, house.now) is not None
    assert await house.two.find(unused, HOST, house.now) is not None
    house.store.full = True
    for _ in range(int(2 * IDLE)):
        await house.second()
        assert await house.one.find(used, HOST, house.now) is not None
    started_meanwhile = house.worker()
    await house.second(writing=(started_meanwhile,))
    for worker in (house.two, started_meanwhile):
        with pytest.raises(StoreUnavailable, match="nobody knows when"):
            await worker.find(used, HOST, house.now)
    with pytest.raises(StoreUnavailable, match="nobody knows when"):
        await house.two.find(unused, HOST, house.now)
    ended: list[str] = []
    house.two.on_end(ended.append)
    await house.two.expire(house.now)
    assert ended == []
    house.store.full = False
    await house.second(writing=(house.two,))  # whoever is first finds everything idle
    assert len(await house.store.sessions.sessions()) == 2
    with pytest.raises(StoreUnavailable, match="nobody knows when"):
        await house.two.find(used, HOST, house.now)
    await house.second()
    await house.second()
    assert await house.two.find(used, HOST, house.now) is not None
    assert await house.two.find(unused, HOST, house.now) is None
    assert len(await house.store.sessions.sessions()) == 1
    await house.two.expire(house.now + 1)
    assert len(ended) == 1


async def test_the_absolute_limit_needs_no_uses(house: House) -> None:
    token = await signed_in(house)
    assert await house.one.find(token, HOST, house.now) is not None
    house.store.full = True
    for _ in range(10):
        await house.second()
    assert await house.one.find(token, HOST, house.now + LIMITS.absolute) is None
    assert await house.two.find(token, HOST, house.now + LIMITS.absolute) is None


async def test_a_worker_that_is_cut_off_for_the_grace_keeps_its_sessions(house: House) -> None:
    """It goes on meanwhile: what it has served is no longer idle once it can write again."""
    grace = 300.0
    limits = SessionSettings(idle=IDLE, absolute=36_000.0, store_grace=grace)
    other = LiveSessions(house.store.sessions, limits, monotonic=lambda: house.seconds)
    await signed_in(house)
    house.seconds = IDLE + grace - 1
    await other.uses.flush()
    await other.uses.clean_up(house.now)
    assert len(await house.store.sessions.sessions()) == 1


async def test_one_that_leaves_writes_its_uses_and_is_not_waited_for(house: House) -> None:
    token = await signed_in(house)
    await house.second()
    await house.second()
    assert await house.one.find(token, HOST, house.now + 1) is not None
    await house.one.uses.leave()
    (stored,) = await house.store.sessions.sessions()
    assert stored.last_used_at == house.now + 1
    for _ in range(10):
        await house.second(writing=(house.two,))
    assert house.two.uses.all_are_written
    assert await house.two.find(token, HOST, house.now + IDLE + 2) is None
