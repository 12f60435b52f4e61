"""A damaged log: what SQLite leaves out of it without a word is told, and a sound one is not called damaged."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.store.children import Child, start_child
from tests.store.contract import HOST, cookie
from tests.support.people import NOW, session

CHILD = Path(__file__).with_name("sqlite_child.py")
FRAME = 24 + 4096

Reported = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def reported() -> Reported:
    return []


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    (tmp_path / "running").mkdir()
    store = SQLiteStore(tmp_path / "running" / "state.db")
    yield store
    await store.close()


def crashed(folder: Path) -> Path:
    """The files as `kill -9` would leave them now."""
    left = folder / "left"
    shutil.rmtree(left, ignore_errors=True)
    left.mkdir()
    for each in (folder / "running").glob("state.db*"):
        if each.is_file() and not each.name.endswith("-shm"):
            shutil.copy2(each, left)
    return left / "state.db"


async def opened(path: Path, reported: Reported) -> set[str]:
    store = SQLiteStore(path, report=lambda event, **fields: reported.append((event, fields)))
    found = {each.session_id for each in await store.sessions.sessions()}
    await store.ping()
    await store.close()
    return found


async def written(store: SQLiteStore, count: int) -> list[str]:
    made = [session() for _ in range(count)]
    for each in made:
        await store.sessions.create_session(each, cookie=cookie(), host=HOST)
    return [each.session_id for each in made]


def flip(log: Path, position: int) -> None:
    with open(log, "r+b") as file:
        file.seek(position)
        (byte,) = file.read(1)
        file.seek(position)
        file.write(bytes([byte ^ 0xFF]))


def damage_the_middle(log: Path) -> None:
    flip(log, 32 + FRAME * (log.stat().st_size // FRAME // 2) + 100)


def damage_the_end(log: Path) -> None:
    """As a power failure may leave it, before it was acknowledged."""
    flip(log, log.stat().st_size - 100)


def damage_the_header(log: Path) -> None:
    flip(log, 17)


def wipe(log: Path) -> None:
    log.write_bytes(bytes(log.stat().st_size))


@pytest.mark.parametrize("damage", [damage_the_middle, damage_the_end, damage_the_header, wipe])
async def test_a_damaged_log_is_told_once_and_what_is_left_is_used(
    running: SQLiteStore, tmp_path: Path, reported: Reported, damage: Callable[[Path], None]
) -> None:
    made = await written(running, 20)
    path = crashed(tmp_path)
    damage(path.with_name("state.db-wal"))
    left = await opened(path, reported)
    assert left < set(made)
    ((event, fields),) = reported
    assert event == "store.log_damaged"
    assert fields["transactions"] >= 1
    assert "sessions end --all" in fields["remedy"]
    reported.clear()
    assert await opened(path, reported) == left
    assert reported == []


async def test_a_log_that_is_sound_is_not_called_damaged(
    running: SQLiteStore, tmp_path: Path, reported: Reported
) -> None:
    made = await written(running, 20)
    assert await opened(crashed(tmp_path), reported) == set(made)
    # Restarted, with frames of its time before behind what is its own.
    await running.database.writing.run(lambda connection: None)
    checkpoint = sqlite3.connect(tmp_path / "running" / "state.db")
    checkpoint.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
    checkpoint.close()
    made += await written(running, 1)
    assert await opened(crashed(tmp_path), reported) == set(made)
    assert reported == []


async def test_a_log_that_others_write_to_is_not_called_damaged(
    tmp_path: Path, reported: Reported, children: list[Child]
) -> None:
    """A worker that starts, or a command, opens it beside those that are at work."""
    path = tmp_path / "state.db"
    child = start_child(children, CHILD, "create", path)
    assert child.stdout is not None
    await asyncio.to_thread(child.stdout.readline)
    reading = asyncio.create_task(asyncio.to_thread(child.stdout.read))
    for _ in range(20):
        await opened(path, reported)
    child.kill()
    await reading
    assert await opened(path, reported)
    assert reported == []


async def test_a_torn_write_after_a_crash_is_recovered_from(
    running: SQLiteStore, tmp_path: Path, reported: Reported
) -> None:
    """A frame that was not whole commits nothing: nobody was told that it did."""
    made = await written(running, 5)
    path = crashed(tmp_path)
    log = path.with_name("state.db-wal")
    whole = log.read_bytes()
    log.write_bytes(whole + whole[-FRAME:][:2000])
    assert await opened(path, reported) == set(made)
    assert reported == []
    store = SQLiteStore(path)
    assert (await store.counters.add(b"k", now=NOW, window_seconds=60)).value == 1
    await store.close()
