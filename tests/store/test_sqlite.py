"""The SQLite store: the contract, its file, crashes, several processes, and disks that fail."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections import Counter as Tally
from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path

import pytest

from config.factors import ChannelKind, Factor
from config.settings import SessionSettings, StoreSettings
from proxy.factors.proof import Proof
from proxy.operations.store_errors import StoreUnavailable
from proxy.store.open import open_store
from proxy.store.session_records import factors_to_json, principal_to_json
from proxy.store.sqlite import database
from proxy.store.sqlite.schema import MIGRATIONS
from proxy.store.sqlite.session_rows import delete_unused_since
from proxy.store.sqlite.sqlite_store import SQLiteStore
from proxy.store.sqlite.threads import SQLiteLimits
from proxy.throttle.counter_store import Count
from tests.store.contract import HOST, StoreContract, cookie
from tests.store.contract.person_keys import person_key
from tests.support.people import NOW, challenge, session

CHILD = Path(__file__).with_name("sqlite_child.py")
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "state.db")
    yield store
    await store.close()


def start_child(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, CHILD, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )


def files_of_store(folder: Path) -> list[Path]:
    return list(folder.glob("state.db*"))


class TestSQLiteStore(StoreContract):
    pass


async def test_a_process_that_comes_and_goes_takes_nothing_along(store: SQLiteStore, tmp_path: Path) -> None:
    """The last one to close the file removes the log beside it: nobody else may take itself for that one."""
    await store.counters.add(b"k", now=NOW, window_seconds=60)
    assert await store.counters.read(b"k", now=NOW) == Count(1, NOW + 60)  # on a connection of its own
    log = tmp_path / "state.db-wal"
    before = log.stat().st_ino
    for _ in range(2):
        child = start_child("reset", str(tmp_path / "state.db"))
        told, _ = await asyncio.to_thread(child.communicate)
        assert told == "0\n"
        assert log.stat().st_ino == before
        assert await store.counters.read(b"k", now=NOW) is None
        await store.counters.add(b"k", now=NOW, window_seconds=60)


async def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.touch(mode=0o644)
    store = SQLiteStore(path)
    await store.sessions.create_session(session(), cookie=cookie(), host=HOST)
    files = files_of_store(tmp_path)
    assert len(files) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    await store.close()


async def test_a_store_is_read_again_by_the_next_process(tmp_path: Path) -> None:
    written, digest = session(), cookie()
    for store in (SQLiteStore(tmp_path / "state.db"), SQLiteStore(tmp_path / "state.db")):
        found = await store.sessions.session_by_cookie(digest, HOST)
        if found is None:
            await store.sessions.create_session(written, cookie=digest, host=HOST)
        await store.close()
    assert found == written


@pytest.mark.parametrize("_", range(3))
def test_an_acknowledged_session_survives_kill_9(tmp_path: Path, _: int) -> None:
    path = tmp_path / "state.db"
    child = start_child("create", str(path))
    assert child.stdout is not None
    acknowledged = [child.stdout.readline().strip() for _ in range(20)]
    child.kill()
    # What was acknowledged until the signal arrived counts as well.
    acknowledged += [line.strip() for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    child.wait()
    child.stdout.close()
    assert child.stdin is not None
    child.stdin.close()

    async def read() -> set[str]:
        store = SQLiteStore(path)
        found = {each.session_id for each in await store.sessions.sessions()}
        await store.close()
        return found

    assert set(acknowledged) <= asyncio.run(read())


async def test_of_two_processes_that_answer_rightly_one_is_accepted(tmp_path: Path, store: SQLiteStore) -> None:
    pending = []
    for _ in range(20):
        half = session(is_half=True)
        await store.sessions.create_session(half, cookie=cookie(), host=HOST)
        pending.append(challenge(half.session_id))
        await store.challenges.put_challenge(pending[-1])
    children = [start_child("answer", str(tmp_path / "state.db")) for _ in range(2)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    lines = "".join(f"{each.challenge_id} {each.session_id}\n" for each in pending)
    loop = asyncio.get_running_loop()
    outputs = await asyncio.gather(*(loop.run_in_executor(None, child.communicate, lines) for child in children))
    accepted = Tally(
        line.split()[0] for output, _ in outputs for line in output.splitlines() if line.endswith(" accepted")
    )
    assert accepted == {each.challenge_id: 1 for each in pending}


async def test_processes_that_start_at_once_migrate_once_and_count_together(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    children = [start_child("count", str(path)) for _ in range(3)]
    loop = asyncio.get_running_loop()
    outputs = await asyncio.gather(*(loop.run_in_executor(None, child.communicate, "") for child in children))
    counted = sorted(int(line) for output, _ in outputs for line in output.splitlines())
    assert counted == list(range(1, 301))


async def test_processes_that_reserve_at_once_never_pass_the_limit(tmp_path: Path) -> None:
    children = [start_child("reserve", str(tmp_path / "state.db")) for _ in range(3)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    loop = asyncio.get_running_loop()
    outputs = await asyncio.gather(*(loop.run_in_executor(None, child.communicate, "go\n") for child in children))
    assert Tally(line for output, _ in outputs for line in output.splitlines()) == {"granted": 150, "done": 3}


async def test_durable_writes_are_synced_to_the_disk(store: SQLiteStore) -> None:
    """`synchronous` is 2 (FULL) where the contract says durable, and 1 (NORMAL) for last uses."""
    modes: list[int] = []

    def note(connection: sqlite3.Connection) -> None:
        modes.append(connection.execute("PRAGMA synchronous").fetchone()[0])

    await store.database.writing.run(note, durable=True)
    await store.database.writing.run(note, durable=False)
    await store.database.writing.run(note, durable=True)
    assert modes == [2, 1, 2]


async def test_a_ping_writes_as_much_as_a_sign_in_and_as_durably(
    store: SQLiteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or `/readyz` would be content while nobody can sign in."""
    log = tmp_path / "state.db-wal"
    await store.ping()
    sizes, modes = [log.stat().st_size], []
    tried = database.try_to_write

    def note(connection: sqlite3.Connection) -> None:
        modes.append(connection.execute("PRAGMA synchronous").fetchone()[0])
        tried(connection)

    monkeypatch.setattr(database, "try_to_write", note)
    await store.sessions.create_session(session(user_agent="x" * 500), cookie=cookie(), host=HOST)
    sizes.append(log.stat().st_size)
    await store.ping()
    sizes.append(log.stat().st_size)
    await store.ping()
    sizes.append(log.stat().st_size)
    assert sizes[2] - sizes[1] >= 16_384
    assert sizes[3] - sizes[2] == sizes[2] - sizes[1], "what was tried before is replaced"
    assert modes == [2, 2]


async def test_one_failing_write_of_a_group_is_undone_alone(store: SQLiteStore) -> None:
    good, bad, digest = session(), session(), cookie()
    await store.sessions.create_session(session(), cookie=digest, host=HOST)
    results = await asyncio.gather(
        store.sessions.create_session(bad, cookie=digest, host=HOST),  # this cookie exists
        store.sessions.create_session(good, cookie=cookie(), host=HOST),
        return_exceptions=True,
    )
    assert isinstance(results[0], StoreUnavailable)
    assert results[1] is None
    found = {each.session_id for each in await store.sessions.sessions()}
    assert good.session_id in found
    assert bad.session_id not in found


async def test_a_write_that_fails_by_itself_leaves_nothing_behind(store: SQLiteStore) -> None:
    bad, digest = session(), cookie()
    await store.sessions.create_session(session(), cookie=digest, host=HOST)
    with pytest.raises(StoreUnavailable):  # the cookie exists, but the session's own row was written by then
        await store.sessions.create_session(bad, cookie=digest, host=HOST)
    await store.sessions.create_session(good := session(), cookie=cookie(), host=HOST)
    found = {each.session_id for each in await store.sessions.sessions()}
    assert good.session_id in found
    assert bad.session_id not in found


async def test_what_was_begun_is_told_even_if_its_caller_was_cancelled(store: SQLiteStore) -> None:
    begun, heard, may_go_on = asyncio.Event(), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work(connection: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(begun.set)
        assert may_go_on.wait(30)

    caller = asyncio.create_task(store.database.writing.run(work, durable=True, after=lambda _: heard.set()))
    await asyncio.wait_for(begun.wait(), 30)
    caller.cancel()
    may_go_on.set()
    await asyncio.wait_for(heard.wait(), 30)


async def test_a_session_that_was_used_meanwhile_is_not_removed(store: SQLiteStore) -> None:
    written = session(created_at=NOW - 2000)
    await store.sessions.create_session(written, cookie=cookie(), host=HOST)
    await store.sessions.touch_sessions([(written.session_id, NOW)])
    for last_used_at, ended in ((NOW - 2000, []), (NOW, [(written.session_id, written.principal.guid)])):
        over = [(written.session_id, last_used_at)]
        assert await store.database.writing.run(delete_unused_since, over, NOW) == ended


async def test_a_failing_listener_does_not_keep_others_from_hearing(store: SQLiteStore) -> None:
    written, heard, reported = session(), [], []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    def fail(session_id: str) -> None:
        raise ValueError

    store.sessions.on_session_end(fail)
    store.sessions.on_session_end(heard.append)
    await store.sessions.create_session(written, cookie=cookie(), host=HOST)
    assert await store.sessions.end_session(written.session_id)
    assert heard == [written.session_id]
    assert len(reported) == 1


async def test_a_record_of_another_version_is_no_session(store: SQLiteStore) -> None:
    digest = cookie()
    await store.sessions.create_session(session(), cookie=digest, host=HOST)
    await store.database.writing.run(
        lambda connection: connection.execute("""UPDATE sessions SET principal = '{"v":99}'""").rowcount
    )
    assert await store.sessions.session_by_cookie(digest, HOST) is None
    assert await store.sessions.sessions() == []


@pytest.mark.parametrize("column", ["factors", "proven", "principal"])
async def test_a_session_that_cannot_be_read_is_removed_in_time_and_in_nobodys_way(
    store: SQLiteStore, column: str
) -> None:
    await store.sessions.create_session(session(created_at=NOW), cookie=cookie(), host=HOST)
    await store.database.writing.run(
        lambda connection: connection.execute(f"UPDATE sessions SET {column} = '{{'").rowcount
    )
    await store.sessions.create_session(session(created_at=NOW - 100), cookie=cookie(), host=HOST)
    limits = SessionSettings(idle=100.0, absolute=100.0)
    assert await store.sessions.remove_expired(now=NOW, limits=limits) == 1
    assert await store.sessions.remove_expired(now=NOW + 100, limits=limits) == 1


@pytest.mark.parametrize("field", ["factor", "kind"])
async def test_a_challenge_of_a_factor_that_is_not_known_here_is_none(tmp_path: Path, field: str) -> None:
    store = SQLiteStore(tmp_path / "state.db")
    mine = session(is_half=True)
    await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
    known, newer = challenge(mine.session_id, factor=Factor.TOTP), challenge(mine.session_id, created_at=NOW + 1)
    for each in (known, newer):
        await store.challenges.put_challenge(each)
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute(f"UPDATE challenges SET {field} = 'palm' WHERE challenge_id = ?", (newer.challenge_id,))
    other.close()
    assert await store.challenges.challenge(newer.challenge_id, session_id=mine.session_id, now=NOW + 2) is None
    assert await store.challenges.challenge_of_session(mine.session_id, now=NOW + 2) == known
    # And the next one can be asked for.
    assert await store.challenges.put_challenge(
        challenge(mine.session_id, created_at=NOW + 2), newest=known.challenge_id
    )
    await store.close()


async def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "state.db")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    store = SQLiteStore(tmp_path / "state.db")
    with pytest.raises(StoreUnavailable, match="newer"):
        await store.ping()
    await store.close()


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"garbage " * 1000)
    store = SQLiteStore(tmp_path / "state.db")
    with pytest.raises(StoreUnavailable, match="NOTADB"):
        await store.sessions.sessions()
    with pytest.raises(StoreUnavailable):
        await store.sessions.create_session(session(), cookie=cookie(), host=HOST)
    await store.close()


async def test_a_store_recovers_when_its_folder_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "later" / "state.db"
    store = SQLiteStore(path)
    with pytest.raises(StoreUnavailable, match=f"{path}: there is no folder"):
        await store.ping()
    (tmp_path / "later").mkdir()
    await store.ping()
    await store.close()


async def test_a_full_disk_is_unavailable_and_what_was_there_stays(store: SQLiteStore) -> None:
    written, digest = session(), cookie()
    await store.sessions.create_session(written, cookie=digest, host=HOST)

    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    await store.database.writing.run(fill)
    large = session(user_agent="x" * 100_000)
    with pytest.raises(StoreUnavailable, match="FULL"):
        await store.sessions.create_session(large, cookie=cookie(), host=HOST)
    assert await store.sessions.session_by_cookie(digest, HOST) == written


async def test_a_lock_that_another_process_never_gives_back_is_unavailable(
    tmp_path: Path,
) -> None:
    store = SQLiteStore(tmp_path / "state.db", limits=SQLiteLimits(busy_seconds=0.05))
    await store.ping()
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="BUSY"):
        await store.counters.add(b"k", now=NOW, window_seconds=60)
    assert await store.counters.read(b"k", now=NOW) is None
    other.execute("ROLLBACK")
    other.close()
    assert (await store.counters.add(b"k", now=NOW, window_seconds=60)).value == 1
    await store.close()


async def test_a_hanging_disk_is_unavailable_and_the_loop_goes_on(store: SQLiteStore) -> None:
    await store.ping()
    store.database.writing.limits = SQLiteLimits(deadline_seconds=0.05)
    hanging = threading.Event()
    stuck = asyncio.create_task(store.database.writing.run(lambda connection: hanging.wait(10)))
    await asyncio.sleep(0)  # it is begun
    with pytest.raises(StoreUnavailable, match="no answer"):
        await store.counters.add(b"k", now=NOW, window_seconds=60)
    with pytest.raises(StoreUnavailable):
        await stuck
    hanging.set()
    store.database.writing.limits = SQLiteLimits()
    # What timed out before it was begun is not done afterwards.
    assert (await store.counters.add(b"k", now=NOW, window_seconds=60)).value == 1


async def test_too_much_that_waits_is_refused_at_once(store: SQLiteStore) -> None:
    store.database.writing.limits = SQLiteLimits(most_waiting=10)
    results = await asyncio.gather(
        *(store.counters.add(b"k", now=NOW, window_seconds=60) for _ in range(500)), return_exceptions=True
    )
    assert any(isinstance(result, StoreUnavailable) for result in results)


async def test_a_closed_store_is_unavailable(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "state.db")
    await store.ping()
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.ping()


@pytest.mark.parametrize(
    "url", ["", "sqlite:", "postgres://h", "state.db", "sqlite://host/x.db", "sqlite:///x.db", "sqlite:a?mode=ro"]
)
def test_an_unknown_store_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="store"):
        open_store(StoreSettings(url=url))


@pytest.mark.parametrize(
    ("url", "path"),
    [("sqlite:a.db", "a.db"), ("sqlite:/var/a.db", "/var/a.db")],
)
def test_a_sqlite_url_names_a_path(url: str, path: str) -> None:
    settings = StoreSettings(url=url)
    assert isinstance(open_store(settings), SQLiteStore)
    assert settings.file is not None
    assert os.fspath(settings.file) == path


def make_file_of_version(path: Path, version: int) -> sqlite3.Connection:
    """As the Gatepost that knew so many migrations left it."""
    connection = sqlite3.connect(path, isolation_level=None)
    for migration in MIGRATIONS[:version]:
        for statement in migration:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {version}")
    return connection


async def test_a_file_from_before_factors_were_named_keeps_its_sessions(tmp_path: Path) -> None:
    written = [
        session(proven=(Proof(Factor.PASSWORD, NOW - 9.5), Proof(Factor.SMS, NOW - 0.25))),
        session(proven=(Proof(Factor.PASSWORD, NOW - 9.5),)),
        session(factors=((Factor.PASSWORD,),), proven=(Proof(Factor.PASSWORD, NOW),), password_must_change=True),
    ]
    cookies = [cookie() for _ in written]
    connection = make_file_of_version(tmp_path / "state.db", 3)
    for each, digest in zip(written, cookies, strict=True):
        proven = {proof.factor: proof.at for proof in each.proven}
        connection.execute(
            """
            INSERT INTO sessions (session_id, guid, principal, scheme, factors, password_proven_at, passcode_proven_at,
                created_at, last_used_at, client_address, user_agent, password_must_change)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            (
                each.session_id,
                each.principal.guid,
                principal_to_json(each.principal),
                each.scheme,
                factors_to_json(each.factors),
                proven[Factor.PASSWORD],
                proven.get(Factor.SMS),
                each.created_at,
                each.last_used_at,
                each.client_address,
                each.user_agent,
                each.password_must_change,
            ),
        )
        connection.execute("INSERT INTO cookies VALUES (?, ?, ?)", (digest, HOST, each.session_id))
    connection.close()
    store = SQLiteStore(tmp_path / "state.db")
    assert [await store.sessions.session_by_cookie(digest, HOST) for digest in cookies] == written
    await store.sessions.end_session(written[0].session_id)
    assert len(await store.sessions.sessions()) == 2
    await store.close()


async def test_a_challenge_from_before_factors_were_kept_is_of_an_sms(tmp_path: Path) -> None:
    pending = challenge(session(is_half=True).session_id)
    connection = make_file_of_version(tmp_path / "state.db", 5)
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute(
        "INSERT INTO challenges VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', x'')",
        (
            pending.challenge_id,
            pending.session_id,
            pending.guid,
            pending.digest,
            pending.masked_destination,
            pending.created_at,
            pending.expires_at,
            pending.attempts_left,
            pending.last_sent_at,
        ),
    )
    connection.close()
    store = SQLiteStore(tmp_path / "state.db")
    found = await store.challenges.challenge(pending.challenge_id, session_id=pending.session_id, now=NOW)
    assert (found, pending.factor, pending.kind) == (pending, Factor.SMS, ChannelKind.SMS)
    await store.close()


def test_migrations_are_numbered_without_a_gap_and_none_twice() -> None:
    folder = resources.files("proxy.store.sqlite") / "migrations"
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(".sql"))
    assert [int(name.partition("_")[0]) for name in names] == list(range(1, len(MIGRATIONS) + 1))


async def test_a_key_of_a_person_that_is_destroyed_is_in_no_file_any_more(store: SQLiteStore, tmp_path: Path) -> None:
    """Among so many that pages are split, while another process has the store open; and its place is used again."""
    other = SQLiteStore(tmp_path / "state.db")
    kept = [person_key(os.urandom(32), f"2026-{1 + number % 12:02}") for number in range(600)]
    await asyncio.gather(*(store.person_keys.keep_person_key(each) for each in kept))
    gone, staying = kept[::60], [each for each in kept if each not in kept[::60]]
    assert await other.person_keys.person_keys_by_id([gone[0].key_id]) == (gone[0],)
    held = b"".join(file.read_bytes() for file in files_of_store(tmp_path))
    assert all(each.wrapped in held and each.owner in held and each.key_id.encode() in held for each in gone)
    for each in gone:
        assert await store.person_keys.erase_person_keys(owner=each.owner) == 1
    held = b"".join(file.read_bytes() for file in files_of_store(tmp_path))
    assert not any(each.wrapped in held or each.owner in held or each.key_id.encode() in held for each in gone)
    assert all(each.wrapped in held for each in staying)
    size = (tmp_path / "state.db").stat().st_size
    for _ in gone:
        await other.person_keys.keep_person_key(person_key(os.urandom(32)))
    await store.person_keys.erase_person_keys(owner=gone[0].owner)  # writes all to the file
    assert (tmp_path / "state.db").stat().st_size <= size + 3 * 4096
    await other.close()
