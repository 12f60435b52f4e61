"""The directory of a file: the contract, the file's own rules, and what hashing may cost."""

import asyncio
import os
import statistics
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from config.problems import ConfigurationError
from config.settings import LocalDirectorySettings
from directory.bounded_threads import BoundedThreads
from directory.directory import Directory, PasswordRefused, RefusalReason
from directory.errors import DirectoryBusy, DirectoryError, DirectoryUnavailable
from directory.local_users import LocalDirectory
from directory.login_name import LoginName
from directory.principal import Principal
from directory.vital_signs import VitalSigns
from tests.directory.contract import DirectoryContract, DirectoryWorld, found
from tests.support.eventually import eventually

PASSWORD = "Correct horse 7 ñ"
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
USUAL = PasswordHasher()
HASH = CHEAP.hash(PASSWORD)


def users(*more: str, password_hash: str = HASH) -> str:
    return "\n".join(
        [
            "[[users]]",
            'username = "José"',
            f'password_hash = "{password_hash}"',
            'display_name = "José Pérez"',
            'mail = "jose@corp.example"',
            'mobile = ["07400 123456", " ", "07912 345678"]',
            'groups = ["wiki users", "Cooks"]',
            "[[users]]",
            'username = "gone"',
            f'password_hash = "{password_hash}"',
            "disabled = true",
            *more,
        ]
    )


def stat(path: Path) -> os.stat_result:
    return path.stat()


def write(path: Path, text: str) -> None:
    """Replace the file at once, as an editor or a deployment does."""
    beside = path.with_name("users.toml.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "users.toml"
    write(path, users())
    return path


def directory_of(path: Path, *, threads: BoundedThreads | None = None, want_all_groups: bool = False) -> LocalDirectory:
    settings = LocalDirectorySettings(type="local", name="Local", file=path)
    groups = {"Wiki Users", "Admins"}
    return LocalDirectory(settings, groups=groups, want_all_groups=want_all_groups, threads=threads)


@pytest.fixture
async def directory(path: Path) -> AsyncIterator[LocalDirectory]:
    directory = directory_of(path)
    yield directory
    await directory.close()


class TestTheContract(DirectoryContract):
    @pytest.fixture
    def world(self, directory: LocalDirectory) -> DirectoryWorld:
        protocol: Directory = directory
        return DirectoryWorld(
            directory=protocol,
            login="José",
            password=PASSWORD,
            spellings=("jose", "JOSÉ", "ｊｏｓｅ", "local\\jose", "LOCAL\\José", "jose@local", " José@LOCAL "),
            username="José",
            display_name="José Pérez",
            mail="jose@corp.example",
            mobiles=("07400 123456", "07912 345678"),
            groups=frozenset({"Wiki Users"}),
            wrong_password="Correct horse 8",
            unknown_login="nobody",
            foreign_login="corp\\jose",
            disabled_login="gone",
            disabled_password=PASSWORD,
        )


async def test_a_login_of_another_realm_finds_nobody(directory: LocalDirectory) -> None:
    assert await directory.find(LoginName(name="José", domain="corp")) is None
    assert await directory.find(LoginName(name="José", suffix="corp.example")) is None
    assert not directory.serves(LoginName(name="José"))


async def test_all_groups_are_told_only_when_asked_for(path: Path) -> None:
    for wanted, expected in ((False, ()), (True, ("wiki users", "Cooks"))):
        directory = directory_of(path, want_all_groups=wanted)
        principal = await directory.authenticate(await found(directory, "jose"), PASSWORD)
        assert isinstance(principal, Principal)
        assert principal.all_groups == expected
        await directory.close()


async def test_the_guid_depends_on_realm_and_folded_name_alone(path: Path, directory: LocalDirectory) -> None:
    before = (await found(directory, "jose")).guid
    write(path, users().replace("José", "JOSE").replace("jose@", "other@"))
    assert (await found(directory, "jose")).guid == before
    elsewhere = LocalDirectory(LocalDirectorySettings(type="local", name="other", file=path), groups=())
    assert (await found(elsewhere, "jose")).guid != before
    await elsewhere.close()


async def test_a_changed_file_is_in_force_at_once(path: Path, directory: LocalDirectory) -> None:
    account = await found(directory, "jose")
    write(path, users("[[users]]", 'username = "new"', f'password_hash = "{HASH}"'))
    assert (await found(directory, "new")).username == "new"
    write(path, users().replace('mail = "jose@corp.example"', "disabled = true"))
    assert await directory.authenticate(account, PASSWORD) == PasswordRefused(RefusalReason.DISABLED)
    write(path, "")
    assert await directory.find(LoginName(name="jose")) is None
    assert await directory.authenticate(account, PASSWORD) == PasswordRefused(RefusalReason.UNKNOWN)


async def test_a_change_that_keeps_size_and_time_is_seen_by_its_inode(path: Path, directory: LocalDirectory) -> None:
    status = stat(path)
    write(path, users().replace("gone", "went"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert stat(path).st_size == status.st_size
    assert (await found(directory, "went")).username == "went"


@pytest.mark.parametrize("broken", ["[[users]", "[[users]]\nusername = 'x'\n", None])
async def test_a_broken_new_file_leaves_the_old_one_in_force_and_is_reported(
    path: Path, directory: LocalDirectory, broken: str | None
) -> None:
    account = await found(directory, "jose")
    if broken is None:
        os.unlink(path)
    else:
        write(path, broken)
    assert isinstance(await directory.authenticate(account, PASSWORD), Principal)
    assert directory.last_problem is not None
    results = await directory.check()
    assert [result.ok for result in results] == [False]
    write(path, users())
    assert all(result.ok for result in await directory.check())
    assert directory.last_problem is None


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ('username = "a"', 'users[0] ("a"): password_hash: is missing'),
        (f'username = ""\npassword_hash = "{HASH}"', "username: must be a plain name"),
        (f'username = "corp\\\\a"\npassword_hash = "{HASH}"', "username: must be a plain name"),
        (f'username = "a@b"\npassword_hash = "{HASH}"', "username: must be a plain name"),
        (f'username = "a＠b"\npassword_hash = "{HASH}"', "username: must be a plain name"),
        (f'username = " a"\npassword_hash = "{HASH}"', "username: must be a plain name"),
        ('username = "a"\npassword_hash = "hunter2"', "password_hash: not an argon2 hash"),
        (f'username = "a"\npassword_hash = "{HASH[:-2]}!!"', "password_hash: not an argon2 hash"),
        (f'username = "a"\npassword_hash = "{HASH.replace("m=64", "m=99999999")}"', "password_hash: must take"),
        (f'username = "a"\npassword_hash = "{HASH}"\ndisable = true', 'disable: unknown key; did you mean "disabled"?'),
        (f'username = "a"\npassword_hash = "{HASH}"\ndisabled = "yes"', "disabled: must be true or false"),
        (f'username = "a"\npassword_hash = "{HASH}"\nmail = "a,b@c"', "mail: not a plain e-mail address"),
        (f'username = "a"\npassword_hash = "{HASH}"\ngroups = [""]', "groups: must not be blank"),
    ],
)
def test_a_user_that_is_wrong_is_refused_without_showing_secrets(path: Path, table: str, expected: str) -> None:
    write(path, f"[[users]]\n{table}\n")
    with pytest.raises(ConfigurationError) as caught:
        directory_of(path)
    assert expected in str(caught.value)
    assert HASH not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_every_problem_of_the_file_is_told_at_once(path: Path) -> None:
    write(
        path,
        users("[[users]]", 'username = "x"', "[[users]]", 'username = "GONE"', f'password_hash = "{HASH}"', "[user]"),
    )
    with pytest.raises(ConfigurationError) as caught:
        directory_of(path)
    assert [(problem.table, problem.key) for problem in caught.value.problems] == [
        ("user", ""),
        ('users[2] ("x")', "password_hash"),
        ('users[3] ("GONE")', "username"),
    ]


async def test_an_unusable_password_is_refused_before_any_hashing(path: Path) -> None:
    threads = BoundedThreads("Local", 1, waiting=0)
    directory = directory_of(path, threads=threads)
    account = await found(directory, "jose")
    async with blocked(threads, 1):  # no hashing could run now
        for password in ("", "\0", "x" * 1025, "\ud800"):
            for who in (account, None):
                outcome = await directory.authenticate(who, password)
                assert outcome == PasswordRefused(RefusalReason.UNUSABLE_PASSWORD)
    await directory.close()


async def test_an_unknown_name_costs_what_a_wrong_password_costs(path: Path) -> None:
    write(path, users(password_hash=USUAL.hash(PASSWORD)))
    directory = directory_of(path)
    account = await found(directory, "jose")
    costs: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(5):
        for is_known in costs:
            started = time.process_time()
            await directory.authenticate(account if is_known else None, "wrong")
            costs[is_known].append(time.process_time() - started)
    assert 0.6 < statistics.median(costs[False]) / statistics.median(costs[True]) < 1.6
    await directory.close()


class blocked:
    """Keeps `count` of the places taken while the block runs."""

    def __init__(self, threads: BoundedThreads, count: int) -> None:
        self._threads, self._count = threads, count
        self._go_on = threading.Event()
        self._waiting: list[asyncio.Task[bool]] = []

    def _wait(self, deadline: float) -> bool:
        return self._go_on.wait(30)

    async def __aenter__(self) -> None:
        self._waiting = [asyncio.create_task(self._threads.run(self._wait)) for _ in range(self._count)]
        await asyncio.sleep(0)  # each task runs up to its first wait

    async def __aexit__(self, *_: object) -> None:
        self._go_on.set()
        await asyncio.gather(*self._waiting)


async def test_a_full_queue_is_busy_at_once_and_free_again_later(path: Path) -> None:
    threads = BoundedThreads("Local", 1, waiting=2)
    directory = directory_of(path, threads=threads)
    account = await found(directory, "jose")
    async with blocked(threads, 3):
        with pytest.raises(DirectoryBusy):
            await directory.authenticate(account, PASSWORD)
    assert isinstance(await directory.authenticate(account, PASSWORD), Principal)
    await directory.close()


async def test_a_directory_tells_how_many_threads_work_and_what_waits_for_one(path: Path) -> None:
    threads = BoundedThreads("Local", 2, waiting=4)
    directory = directory_of(path, threads=threads)
    assert directory.vital_signs() == VitalSigns(threads=2, busy=0, waiting=0)
    async with blocked(threads, 1):
        assert directory.vital_signs() == VitalSigns(threads=2, busy=1, waiting=0)
        async with blocked(threads, 4):
            assert directory.vital_signs() == VitalSigns(threads=2, busy=2, waiting=3)
    await eventually(lambda: directory.vital_signs().busy == 0)
    await directory.close()


async def test_a_caller_that_goes_away_frees_its_place(path: Path) -> None:
    threads = BoundedThreads("Local", 1, waiting=1)
    directory = directory_of(path, threads=threads)
    account = await found(directory, "jose")
    async with blocked(threads, 1):
        for _ in range(5):
            task = asyncio.create_task(directory.authenticate(account, PASSWORD))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    assert isinstance(await directory.authenticate(account, PASSWORD), Principal)
    await directory.close()


async def test_a_closed_directory_denies(path: Path) -> None:
    directory = directory_of(path)
    account = await found(directory, "jose")
    await directory.close()
    with pytest.raises(DirectoryUnavailable):
        await directory.authenticate(account, PASSWORD)


async def test_an_account_of_another_guid_opens_nothing(directory: LocalDirectory) -> None:
    forged = replace(await found(directory, "jose"), guid="00000000-0000-4000-8000-000000000000")
    assert await directory.authenticate(forged, PASSWORD) == PasswordRefused(RefusalReason.UNKNOWN)


async def test_many_at_once_are_checked_right_or_told_to_wait(path: Path) -> None:
    threads = BoundedThreads("Local", 2, waiting=8)
    directory = directory_of(path, threads=threads)
    account = await found(directory, "jose")
    outcomes = await asyncio.gather(
        *(directory.authenticate(account, PASSWORD if even else "wrong") for even in (True, False) * 20),
        return_exceptions=True,
    )
    for even, outcome in zip((True, False) * 20, outcomes, strict=True):
        if not isinstance(outcome, DirectoryError):
            assert isinstance(outcome, Principal) == even
    assert sum(isinstance(outcome, DirectoryBusy) for outcome in outcomes) <= 30
    await directory.close()
