"""The store's file removed, moved, or replaced by another while it is open: by several workers, as in a real house."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from proxy.operations.store_errors import StoreUnavailable
from proxy.store.sqlite.marks import mark_all_ended
from proxy.store.sqlite.schema import MIGRATIONS
from proxy.store.sqlite.sqlite_store import SQLiteStore
from proxy.store.sqlite.succession import take_over
from proxy.throttle.counter_store import Count
from tests.store.contract import HOST, cookie
from tests.store.contract.person_keys import person_key
from tests.support.eventually import eventually
from tests.support.people import NOW, challenge, session

Reported = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def reported() -> Reported:
    return []


@pytest.fixture
async def store(tmp_path: Path, reported: Reported) -> AsyncIterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "state.db", report=lambda event, **fields: reported.append((event, fields)))
    await store.ping()
    yield store
    await store.close()


@pytest.fixture
async def closing() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as closing:
        yield closing


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    """Another worker's."""
    other = SQLiteStore(tmp_path / "state.db")
    await other.ping()
    yield other
    await other.close()


async def stored(store: SQLiteStore, **fields: object) -> tuple[str, bytes]:
    written, digest = session(**fields), cookie()
    await store.sessions.create_session(written, cookie=digest, host=HOST)
    return written.session_id, digest


async def standing(path: Path) -> set[str]:
    """What somebody finds who opens the file now."""
    store = SQLiteStore(path)
    found = {each.session_id for each in await store.sessions.sessions()}
    await store.close()
    return found


def remove(path: Path, *suffixes: str) -> None:
    for suffix in suffixes:
        path.with_name(path.name + suffix).unlink()


def copy_of(path: Path) -> Path:
    """As `sqlite3 state.db ".backup copy.db"` makes it."""
    copy = path.with_name("copy.db")
    copy.unlink(missing_ok=True)
    with sqlite3.connect(path) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()
    return copy


def is_sound(path: Path) -> bool:
    connection = sqlite3.connect(path)
    (answer,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return bool(answer == "ok")


# Removed.


@pytest.mark.parametrize("left", [(), ("-wal",), ("-shm",), ("-wal", "-shm")])
async def test_a_removed_file_is_made_again_with_all_that_it_held(
    store: SQLiteStore, other: SQLiteStore, tmp_path: Path, reported: Reported, left: tuple[str, ...]
) -> None:
    path = tmp_path / "state.db"
    one, one_cookie = await stored(store)
    half, _ = await stored(store, is_half=True)
    pending = challenge(half)
    await store.challenges.put_challenge(pending)
    for _ in range(3):
        await store.counters.add(b"k", now=NOW, window_seconds=60)
    ended, ended_cookie = await stored(store)
    await store.sessions.end_session(ended)
    assert len(await other.sessions.sessions()) == 2
    remove(path, *({"", "-wal", "-shm"} - set(left)))
    two, _ = await stored(store)
    three, _ = await stored(other)
    assert await standing(path) == {one, half, two, three}
    for each in (store, other):
        assert await each.sessions.session_by_cookie(one_cookie, HOST) is not None
        assert await each.sessions.session_by_cookie(ended_cookie, HOST) is None
        assert await each.challenges.challenge(pending.challenge_id, session_id=half, now=NOW) == pending
        assert await each.counters.read(b"k", now=NOW) == Count(3, NOW + 60)
        await each.ping()
    assert [event for event, _ in reported] == ["store.file_gone"]
    assert is_sound(path)


async def test_the_rows_of_every_table_are_taken_over(tmp_path: Path) -> None:
    """Of those that are added later too."""
    connections = []
    for name in ("gone.db", "state.db"):
        store = SQLiteStore(tmp_path / name)
        await store.ping()
        await store.close()
        connections.append(sqlite3.connect(tmp_path / name))
    gone, connection = connections
    gone.execute("PRAGMA foreign_keys = OFF")
    tables = [name for (name,) in gone.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    tables = [name for name in tables if not name.startswith("sqlite") and name != "notices"]
    sample = {"TEXT": "x", "INTEGER": 1, "REAL": 1.0, "BLOB": b"x", "ANY": "x"}
    for table in tables:
        columns = [kind for (_, _, kind, *_) in gone.execute(f"PRAGMA table_info({table})")]
        gone.execute(
            f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(columns))})",
            [sample[kind] for kind in columns],
        )
    take_over(gone, connection)
    counts = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
    assert [name for name, count in counts.items() if not count] == []
    for each in connections:
        each.close()


async def test_keys_of_persons_are_taken_over_beside_those_that_are_there(tmp_path: Path) -> None:
    kept = [person_key(bytes([number]) * 32) for number in range(4)]
    connections = []
    for name, own in (("gone.db", kept[:3]), ("state.db", kept[3:])):
        store = SQLiteStore(tmp_path / name)
        for each in own:
            await store.person_keys.keep_person_key(each)
        if name == "gone.db":
            await store.person_keys.erase_person_keys(owner=kept[0].owner)
        await store.close()
        connections.append(sqlite3.connect(tmp_path / name))
    take_over(*connections)
    connections[1].commit()
    for each in connections:
        each.close()
    store = SQLiteStore(tmp_path / "state.db")
    assert set(await store.person_keys.person_keys()) == set(kept[1:])
    await store.close()


async def test_whoever_keeps_sessions_reads_everything_again_after_the_file_was_removed(
    store: SQLiteStore, tmp_path: Path
) -> None:
    gaps: list[None] = []
    store.sessions.on_gap(lambda: gaps.append(None))
    await stored(store)
    await store.sessions.catch_up()
    persons = await store.sessions.persons()
    remove(tmp_path / "state.db", "", "-wal", "-shm")
    await store.sessions.catch_up()
    await store.sessions.catch_up()
    assert gaps == [None]
    assert await store.sessions.persons() == persons


async def test_what_ended_after_the_file_was_removed_is_not_put_back_by_who_notices_later(
    store: SQLiteStore, other: SQLiteStore, tmp_path: Path
) -> None:
    ended, digest = await stored(store)
    standing_still, _ = await stored(store)
    assert len(await other.sessions.sessions()) == 2
    remove(tmp_path / "state.db", "", "-wal", "-shm")
    assert await store.sessions.end_session(ended)
    assert await other.sessions.session_by_cookie(digest, HOST) is None
    assert {each.session_id for each in await other.sessions.sessions()} == {standing_still}
    assert not await other.sessions.end_session(ended)


async def test_what_a_command_made_meanwhile_is_given_all_that_the_lost_file_held(
    store: SQLiteStore, tmp_path: Path
) -> None:
    path = tmp_path / "state.db"
    one, _ = await stored(store)
    await store.counters.add(b"k", now=NOW, window_seconds=60)
    remove(path, "", "-wal", "-shm")
    command = SQLiteStore(path)
    two, _ = await stored(command)
    await command.counters.add(b"k", now=NOW, window_seconds=60)
    await command.close()
    assert {each.session_id for each in await store.sessions.sessions()} == {one, two}
    assert (await store.counters.add(b"k", now=NOW, window_seconds=60)).value == 3


@pytest.mark.parametrize("suffixes", [("", "-wal", "-shm"), ("",), ("-wal",), ("-shm",)])
async def test_nothing_is_acknowledged_that_was_written_to_a_file_that_is_gone(
    store: SQLiteStore, tmp_path: Path, suffixes: tuple[str, ...]
) -> None:
    """Removed between the look at it and the commit."""
    heard: list[None] = []

    def write(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM counters")
        remove(tmp_path / "state.db", *suffixes)

    with pytest.raises(StoreUnavailable, match="removed or replaced"):
        await store.database.writing.run(write, durable=True, after=lambda _: heard.append(None))
    assert heard == []
    one, _ = await stored(store)
    assert one in await standing(tmp_path / "state.db")


@pytest.mark.parametrize("suffixes", [("-wal",), ("-shm",), ("-wal", "-shm")])
async def test_a_log_that_was_removed_takes_nothing_along(
    store: SQLiteStore, other: SQLiteStore, tmp_path: Path, suffixes: tuple[str, ...]
) -> None:
    path = tmp_path / "state.db"
    written = {(await stored(each))[0] for each in (store, other) for _ in range(20)}
    remove(path, *suffixes)
    written |= {(await stored(each))[0] for each in (other, store) for _ in range(20)}
    assert {each.session_id for each in await store.sessions.sessions()} == written
    assert await standing(path) == written
    assert is_sound(path)


async def test_removed_again_and_again_under_load_nothing_acknowledged_is_lost(
    store: SQLiteStore, other: SQLiteStore, tmp_path: Path
) -> None:
    path = tmp_path / "state.db"
    acknowledged: set[str] = set()
    is_over = False

    async def write(to: SQLiteStore) -> None:
        while not is_over:
            try:
                acknowledged.add((await stored(to))[0])
            except StoreUnavailable:
                await asyncio.sleep(0)

    writers = [asyncio.create_task(write(each)) for each in (store, other, store, other)]
    for round_ in range(12):
        goal = len(acknowledged) + 20
        await eventually(lambda goal=goal: len(acknowledged) >= goal)
        for suffix in (("", "-wal", "-shm"), ("-wal",), ("",), ("-shm",))[round_ % 4]:
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    is_over = True
    await asyncio.gather(*writers)
    for each in (store, other):
        await each.ping()
    assert acknowledged <= await standing(path)
    assert is_sound(path)


async def test_a_file_system_with_coarse_times_hides_no_removal(store: SQLiteStore, tmp_path: Path) -> None:
    """The folder was changed a second ago, and shows the same time after the removal."""
    one, digest = await stored(store)
    a_second_ago = time.time_ns() - 1_000_000_000
    os.utime(tmp_path, ns=(a_second_ago, a_second_ago))
    await store.ping()
    assert await store.sessions.session_by_cookie(digest, HOST) is not None
    remove(tmp_path / "state.db", "", "-wal", "-shm")
    os.utime(tmp_path, ns=(a_second_ago, a_second_ago))
    two, _ = await stored(store)
    assert await standing(tmp_path / "state.db") == {one, two}


# Moved.


async def test_a_file_that_was_moved_and_linked_to_is_the_same(
    store: SQLiteStore, other: SQLiteStore, tmp_path: Path
) -> None:
    one, digest = await stored(store)
    assert await other.sessions.session_by_cookie(digest, HOST) is not None
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = tmp_path / "state.db"
    path.rename(elsewhere / "state.db")
    path.symlink_to(elsewhere / "state.db")
    two, _ = await stored(other)
    three, _ = await stored(store)
    assert {each.session_id for each in await store.sessions.sessions()} == {one, two, three}
    assert await standing(elsewhere / "state.db") == {one, two, three}


async def test_a_whole_copy_put_in_its_place_is_the_same(
    store: SQLiteStore, tmp_path: Path, reported: Reported
) -> None:
    path = tmp_path / "state.db"
    one, _ = await stored(store)
    copy_of(path).replace(path)
    assert {each.session_id for each in await store.sessions.sessions()} == {one}
    two, _ = await stored(store)
    assert await standing(path) == {one, two}
    assert reported == []


# Something else in its place.


def make_garbage(path: Path) -> None:
    path.write_bytes(b"garbage " * 1000)


def make_of_newer_version(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()


def make_dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_garbage, "NOTADB"),
        (make_of_newer_version, "newer Gatepost"),
        (make_dangling_link, "leads nowhere"),
        (Path.mkdir, "is not a file"),
        (os.mkfifo, "is not a file"),
    ],
)
async def test_what_is_no_store_is_unavailable_until_it_is_taken_away(
    store: SQLiteStore, tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / "state.db"
    one, digest = await stored(store)
    assert await store.sessions.session_by_cookie(digest, HOST) is not None
    remove(path, "", "-wal", "-shm")
    make(path)
    before = path.lstat()
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=reason):
            await stored(store)
        with pytest.raises(StoreUnavailable, match=reason):
            await store.sessions.session_by_cookie(digest, HOST)
        with pytest.raises(StoreUnavailable, match=reason):
            await store.ping()
    if not path.is_file():
        assert path.lstat().st_mode == before.st_mode
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    two, _ = await stored(store)
    assert await standing(path) == {one, two}


async def test_a_file_of_an_older_version_is_another_stores(store: SQLiteStore, tmp_path: Path) -> None:
    """Before files had ids: it may be a copy from before the upgrade."""
    path = tmp_path / "state.db"
    await stored(store)
    remove(path, "", "-wal", "-shm")
    connection = sqlite3.connect(path, isolation_level=None)
    for migration in MIGRATIONS[:9]:
        for statement in migration:
            connection.execute(statement)
    connection.execute(
        "INSERT INTO sessions (session_id, guid, principal, scheme, factors, created_at, last_used_at, client_address, "
        "user_agent, proven) VALUES ('s', 'g', '{}', '', '[]', 0.0, 0.0, '', '', '[]')"
    )
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(StoreUnavailable, match="older copy"):
        await store.sessions.sessions()


# An older copy.


def put_in_place(copy: Path, path: Path) -> None:
    copy.replace(path)


def write_over(copy: Path, path: Path) -> None:
    """As `sqlite3 state.db ".restore copy.db"` does it: the file stays where it is."""
    with sqlite3.connect(copy) as source, sqlite3.connect(path) as target:
        source.backup(target)
    source.close()
    target.close()


@pytest.mark.parametrize("restore", [put_in_place, write_over])
async def test_nobody_is_served_from_an_older_copy_until_all_sessions_were_ended(
    store: SQLiteStore,
    other: SQLiteStore,
    tmp_path: Path,
    reported: Reported,
    restore: Callable[[Path, Path], None],
) -> None:
    path = tmp_path / "state.db"
    gaps: list[None] = []
    store.sessions.on_gap(lambda: gaps.append(None))
    other.sessions.on_gap(lambda: gaps.append(None))
    signed_out, digest = await stored(store)
    copy = copy_of(path)
    for each in (store, other):
        await each.sessions.catch_up()
    assert await store.sessions.end_session(signed_out)
    _, held = await stored(other)
    restore(copy, path)
    for each in (store, other):
        with pytest.raises(StoreUnavailable, match="sessions end --all"):
            await each.sessions.catch_up()
    for each in (store, other, SQLiteStore(path)):  # a worker that is started now remembers nothing
        with pytest.raises(StoreUnavailable, match="older copy"):
            await each.sessions.session_by_cookie(digest, HOST)
        with pytest.raises(StoreUnavailable, match="older copy"):
            await stored(each)
        with pytest.raises(StoreUnavailable, match="older copy"):
            await each.ping()
    assert [event for event, _ in reported] == ["store.restored"]
    command = SQLiteStore(path)
    assert await command.sessions.end_all_sessions() == 1
    await command.close()
    for each in (store, other):
        await each.sessions.catch_up()
        assert await each.sessions.session_by_cookie(digest, HOST) is None
        assert await each.sessions.session_by_cookie(held, HOST) is None
        await each.ping()
    assert gaps == [None, None]
    new, _ = await stored(store)
    assert {each.session_id for each in await other.sessions.sessions()} == {new}
    assert await standing(path) == {new}


@pytest.mark.parametrize("restore", [put_in_place, write_over])
async def test_an_older_copy_whose_sessions_end_while_it_is_judged_is_not_doubted_again(
    other: SQLiteStore, tmp_path: Path, closing: AsyncExitStack, restore: Callable[[Path, Path], None]
) -> None:
    path = tmp_path / "state.db"

    def end_all_now(event: str, **fields: Any) -> None:
        """Between the judgement and what is written of it, as a command of another process may."""
        with sqlite3.connect(path) as connection:
            connection.execute("DELETE FROM sessions")
            mark_all_ended(connection, time.time())
        connection.close()

    store = SQLiteStore(path, report=end_all_now)
    closing.push_async_callback(store.close)
    signed_out, digest = await stored(store)
    copy = copy_of(path)
    for each in (store, other):
        each.sessions.on_gap(lambda: None)
        await each.sessions.catch_up()
    assert await store.sessions.end_session(signed_out)
    restore(copy, path)
    with pytest.raises(StoreUnavailable, match="older copy"):
        await store.sessions.catch_up()
    for each in (store, other):
        assert await each.sessions.session_by_cookie(digest, HOST) is None
        new, _ = await stored(each)
    assert new in await standing(path)


async def test_what_was_ended_with_all_others_is_not_put_back_from_a_file_that_was_lost(
    store: SQLiteStore, other: SQLiteStore, tmp_path: Path
) -> None:
    path = tmp_path / "state.db"
    await stored(store)
    assert len(await other.sessions.sessions()) == 1
    remove(path, "", "-wal", "-shm")
    command = SQLiteStore(path)
    await command.sessions.end_all_sessions()
    await command.close()
    for each in (store, other):
        await each.ping()
        assert await each.sessions.sessions() == []
    assert await standing(path) == set()


async def test_a_copy_from_before_an_end_of_all_sessions_is_an_older_one(store: SQLiteStore, tmp_path: Path) -> None:
    """That all sessions were ended counts once: the mark of an earlier time says nothing of a copy."""
    path = tmp_path / "state.db"
    await store.sessions.end_all_sessions()
    await stored(store)
    copy = copy_of(path)
    await store.sessions.end_all_sessions()
    copy.replace(path)
    with pytest.raises(StoreUnavailable, match="older copy"):
        await store.sessions.sessions()
