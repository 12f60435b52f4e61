"""Processes that share one SQLite file: what one did is heard by the others before it is acknowledged."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from config.settings import SessionSettings
from proxy.sessions.session_store import NOTICE_SECONDS
from proxy.store.sqlite.news import KEPT_SECONDS
from proxy.store.sqlite.sqlite_store import SQLiteStore
from proxy.store.sqlite.threads import SQLiteLimits
from tests.store.children import Child, heard_by, start_child
from tests.store.contract import HOST, cookie
from tests.support.people import principal, session

CHILD = Path(__file__).with_name("sqlite_child.py")


@pytest.fixture
def waits_long() -> None:
    """However slow the machine is: who hears late is waited for."""


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> SQLiteLimits:
    return SQLiteLimits(notice_seconds=30.0) if "waits_long" in request.fixturenames else SQLiteLimits()


@pytest.fixture
async def store(tmp_path: Path, limits: SQLiteLimits) -> AsyncIterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "state.db", limits=limits)
    await store.ping()
    yield store
    await store.close()


@pytest.fixture
async def other(tmp_path: Path, limits: SQLiteLimits) -> AsyncIterator[SQLiteStore]:
    """Another worker's."""
    other = SQLiteStore(tmp_path / "state.db", limits=limits)
    yield other
    await other.close()


def start(children: list[Child], task: str, folder: Path) -> Child:
    return start_child(children, CHILD, task, folder / "state.db")


def start_hearing(children: list[Child], folder: Path) -> Child:
    child = start(children, "hear", folder)
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    os.set_blocking(child.stdout.fileno(), False)
    return child


def sockets(folder: Path) -> set[str]:
    return set(os.listdir(folder / "state.db.peers"))


def owners(folder: Path) -> list[tuple[int, int]]:
    """Of all that is in it."""
    return [(each.lstat().st_uid, each.lstat().st_gid) for each in folder.rglob("*")]


async def stored(store: SQLiteStore) -> str:
    written = session()
    await store.sessions.create_session(written, cookie=cookie(), host=HOST)
    return written.session_id


async def until_read(child: Child) -> str:
    """Its next line."""
    assert child.stdout is not None
    os.set_blocking(child.stdout.fileno(), True)
    return (await asyncio.get_running_loop().run_in_executor(None, child.stdout.readline)).decode().strip()


@pytest.mark.usefixtures("waits_long")
async def test_an_end_is_heard_by_every_process_before_it_is_acknowledged(
    store: SQLiteStore, tmp_path: Path, children: list[Child]
) -> None:
    for _ in range(2):
        start_hearing(children, tmp_path)
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
async def test_ends_at_once_are_all_heard(store: SQLiteStore, tmp_path: Path, children: list[Child]) -> None:
    child = start_hearing(children, tmp_path)
    ended = [await stored(store) for _ in range(100)]
    await asyncio.gather(*(store.sessions.end_session(session_id) for session_id in ended))
    assert sorted(heard_by(child)) == sorted(ended)


async def test_an_end_of_a_process_that_was_killed_before_it_told_is_heard_by_looking(
    store: SQLiteStore, tmp_path: Path, children: list[Child]
) -> None:
    heard: list[str] = []
    store.sessions.on_session_end(heard.append)
    await store.sessions.catch_up()
    session_id = await stored(store)
    child = start(children, "end", tmp_path)
    child.communicate(f"{session_id}\n".encode())
    assert child.returncode == -signal.SIGKILL
    assert heard == []
    await store.sessions.catch_up()
    assert heard == [session_id]


@pytest.mark.usefixtures("waits_long")
@pytest.mark.parametrize("again", ["end_session", "end_sessions_of", "ends_heard"])
async def test_an_end_of_a_process_that_was_killed_before_it_told_is_heard_before_it_is_acknowledged(
    store: SQLiteStore, tmp_path: Path, children: list[Child], again: str
) -> None:
    """Whoever had no answer asks again, and nothing is left to end."""
    session_id = await stored(store)
    hearing = start_hearing(children, tmp_path)
    start(children, "end", tmp_path).communicate(f"{session_id}\n".encode())
    assert heard_by(hearing) == []
    asked = {"end_session": (session_id,), "end_sessions_of": (principal().guid,)}
    assert not await getattr(store.sessions, again)(*asked.get(again, ()))
    assert heard_by(hearing) == [session_id]


async def test_a_process_that_hangs_is_waited_for_no_longer_than_its_time(
    store: SQLiteStore, tmp_path: Path, children: list[Child]
) -> None:
    child = start_hearing(children, tmp_path)
    session_id = await stored(store)
    child.send_signal(signal.SIGSTOP)
    begun_at = time.monotonic()
    assert await asyncio.wait_for(store.sessions.end_session(session_id), 20)
    assert time.monotonic() - begun_at >= NOTICE_SECONDS
    assert heard_by(child) == []
    child.send_signal(signal.SIGCONT)
    assert await until_read(child) == session_id


@pytest.mark.usefixtures("waits_long")
async def test_the_dead_are_not_waited_for_and_leave_nothing(
    store: SQLiteStore, tmp_path: Path, children: list[Child]
) -> None:
    for _ in range(2):
        start_hearing(children, tmp_path)
    children[0].kill()
    children[0].wait()
    assert await asyncio.wait_for(store.sessions.end_session(await stored(store)), 20)
    assert len([name for name in sockets(tmp_path) if name.endswith(".hears")]) == 1
    children[1].send_signal(signal.SIGSTOP)
    ending = asyncio.create_task(store.sessions.end_session(await stored(store)))
    assert not (await asyncio.wait([ending], timeout=0.3))[0]
    children[1].kill()  # while it is waited for
    assert await asyncio.wait_for(ending, 20)
    await store.close()
    assert sockets(tmp_path) == set()


@pytest.mark.usefixtures("waits_long")
async def test_a_change_is_heard_by_others_and_not_by_who_made_it(store: SQLiteStore, other: SQLiteStore) -> None:
    heard: list[str] = []
    own: list[str] = []
    store.sessions.on_session_change(own.append)
    other.sessions.on_session_change(heard.append)
    for each in (store, other):
        await each.sessions.catch_up()
    written = session()
    await store.sessions.create_session(written, cookie=cookie(), host=HOST)
    await store.sessions.update_principal(written)
    await store.sessions.update_principal(session())  # of nobody
    await other.sessions.catch_up()
    await store.sessions.catch_up()
    assert (heard, own) == ([written.session_id], [])


async def test_an_end_is_told_once_to_who_ended_it(store: SQLiteStore) -> None:
    heard: list[str] = []
    store.sessions.on_session_end(heard.append)
    await store.sessions.catch_up()
    session_id = await stored(store)
    await store.sessions.end_session(session_id)
    await store.sessions.catch_up()
    assert heard == [session_id]


async def test_what_was_before_the_first_look_is_not_told(store: SQLiteStore, other: SQLiteStore) -> None:
    await store.sessions.end_session(await stored(store))
    heard: list[str] = []
    other.sessions.on_session_end(heard.append)
    await other.sessions.catch_up()
    assert heard == []


async def test_a_session_that_is_read_is_heard_of_from_then_on(store: SQLiteStore, other: SQLiteStore) -> None:
    heard: list[str] = []
    other.sessions.on_session_end(heard.append)
    session_id = await stored(store)
    assert await other.sessions.sessions_by_id([session_id])
    await store.sessions.end_session(session_id)
    assert heard == [session_id]


async def test_who_has_not_looked_for_long_is_told_of_a_gap(tmp_path: Path, other: SQLiteStore) -> None:
    now = time.time()
    store = SQLiteStore(tmp_path / "state.db", clock=lambda: now)
    gaps: list[None] = []
    other.sessions.on_gap(lambda: gaps.append(None))
    await other.sessions.catch_up()
    for name in sockets(tmp_path):
        (tmp_path / "state.db.peers" / name).unlink()  # it cannot be called
    limits = SessionSettings(idle=1800.0, absolute=43_200.0)
    await store.sessions.end_session(await stored(store))
    now += KEPT_SECONDS
    await store.sessions.remove_expired(now=now, limits=limits)
    await other.sessions.catch_up()
    assert len(gaps) == 1
    await store.sessions.end_session(await stored(store))
    await other.sessions.catch_up()
    assert len(gaps) == 1
    await store.close()


async def test_the_folder_of_sockets_is_its_owners_alone(store: SQLiteStore, tmp_path: Path) -> None:
    await store.sessions.end_session(await stored(store))
    assert stat.S_IMODE((tmp_path / "state.db.peers").stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of others")
async def test_what_a_command_of_root_makes_is_for_gatepost_to_use() -> None:
    """Or nobody could answer it, and each end would take as long as somebody who hangs may take."""
    nobody = 65534
    with TemporaryDirectory() as name:  # not `tmp_path`: its parents are root's alone
        folder = Path(name)
        os.chown(folder, nobody, nobody)
        store = SQLiteStore(folder / "state.db")
        await store.sessions.end_session(await stored(store))
        assert owners(folder) == [(nobody, nobody)] * 5, "the database's three, the folder, the socket of who told"
        assert (os.geteuid(), os.getegid()) == (0, 0)
        await store.close()


@pytest.mark.usefixtures("waits_long")
async def test_a_path_may_be_longer_than_that_of_a_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    store, other = SQLiteStore(folder / "state.db"), SQLiteStore(folder / "state.db")
    heard: list[str] = []
    other.sessions.on_session_end(heard.append)
    await other.sessions.catch_up()
    session_id = await stored(store)
    await asyncio.wait_for(store.sessions.end_session(session_id), 20)
    assert heard == [session_id]
    for each in (store, other):
        await each.close()


async def test_where_no_sockets_can_be_an_end_waits_until_everybody_has_looked(
    store: SQLiteStore, other: SQLiteStore, tmp_path: Path
) -> None:
    (tmp_path / "state.db.peers").touch()
    heard: list[str] = []
    other.sessions.on_session_end(heard.append)
    await other.sessions.catch_up()
    begun_at = time.monotonic()
    session_id = await stored(store)
    await store.sessions.end_session(session_id)
    assert time.monotonic() - begun_at >= NOTICE_SECONDS
    await other.sessions.catch_up()
    assert heard == [session_id]


async def test_who_has_sessions_is_kept_up_to_date_whoever_changed_it(
    store: SQLiteStore, other: SQLiteStore, tmp_path: Path
) -> None:
    async def listed() -> dict[str, float]:
        """The same from a store that has followed and from one that reads everything."""
        whole = SQLiteStore(tmp_path / "state.db")
        followed, read = await store.sessions.persons(), await whole.sessions.persons()
        await whole.close()
        assert followed == read
        assert await store.sessions.persons() is followed
        return followed

    now = time.time()
    assert await listed() == {}
    first = session(guid="a", created_at=now)
    await store.sessions.create_session(first, cookie=cookie(), host=HOST)
    await other.sessions.create_session(session(guid="a", created_at=now + 5), cookie=cookie(), host=HOST)
    await other.sessions.create_session(session(guid="b", created_at=now - 1e6), cookie=cookie(), host=HOST)
    assert await listed() == {"a": now + 5, "b": now - 1e6}
    await other.sessions.replace_session(
        first.session_id, session(guid="a", created_at=now + 7), cookie=cookie(), host=HOST
    )
    assert await listed() == {"a": now + 7, "b": now - 1e6}
    await other.sessions.remove_expired(now=now, limits=SessionSettings(idle=1800.0, absolute=43_200.0))
    assert await listed() == {"a": now + 7}
    await other.sessions.end_sessions_of("a")
    assert await listed() == {}
    await other.sessions.create_session(session(guid="c", created_at=now), cookie=cookie(), host=HOST)
    late = SQLiteStore(tmp_path / "state.db", clock=lambda: now + KEPT_SECONDS + 60)
    await late.sessions.remove_expired(now=now, limits=SessionSettings(idle=1800.0, absolute=43_200.0))  # notices too
    await late.close()
    assert await listed() == {"c": now}


async def test_who_hears_is_called_again_after_the_folder_of_sockets_was_removed(
    store: SQLiteStore, other: SQLiteStore, tmp_path: Path
) -> None:
    """As `rm -r state.db*` removes it: an end would be acknowledged that nobody else has heard of."""
    heard: list[str] = []
    other.sessions.on_session_end(heard.append)
    await other.sessions.catch_up()
    ended = [await stored(store) for _ in range(3)]
    await store.sessions.end_session(ended[0])
    shutil.rmtree(tmp_path / "state.db.peers")
    await other.sessions.catch_up()
    assert len([name for name in sockets(tmp_path) if name.endswith(".hears")]) == 1
    for session_id in ended[1:]:
        await store.sessions.end_session(session_id)
    assert heard == ended


async def test_who_has_lost_the_folder_of_sockets_waits_until_everybody_has_looked(
    store: SQLiteStore, other: SQLiteStore, tmp_path: Path
) -> None:
    other.sessions.on_session_end(lambda _: None)
    await other.sessions.catch_up()
    await store.sessions.end_session(await stored(store))
    session_id = await stored(store)
    shutil.rmtree(tmp_path / "state.db.peers")
    begun_at = time.monotonic()
    await store.sessions.end_session(session_id)
    assert time.monotonic() - begun_at >= NOTICE_SECONDS
