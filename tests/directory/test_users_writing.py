"""A users file changed by a program, while hands and other programs change it too, and while the disk is full."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import stat
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from config.problems import ConfigurationError
from directory.users_file import read_users
from directory.users_text import Value
from directory.users_writing import (
    CannotChange,
    NameTaken,
    NoSuchUser,
    add_user,
    change_user,
    exchange_in_steps,
    put_back,
    why_unchangeable,
)

HASH = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("Correct horse 7")
NUMBER = "+447400123456"


def person(username: str, *more: str) -> str:
    return "\n".join(["[[users]]", f'username = "{username}"', f'password_hash = "{HASH}"', *more, ""])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "users.toml"
    path.write_text("# kept\n" + person("José") + "\n" + person("ann", 'mobile = "07400 000000" # of hers'))
    path.chmod(0o640)
    return path


def mobiles(path: Path) -> dict[str, tuple[str, ...]]:
    return {user.username: user.mobiles for user in read_users(path, "local").by_guid.values()}


def alone(path: Path) -> None:
    """Nothing was left beside it."""
    assert [each.name for each in path.parent.iterdir() if each.name.startswith(".users")] == []


def test_one_user_is_changed_by_any_spelling_of_the_name(path: Path) -> None:
    changed = change_user(path, "local", "JOSE", {"mobile": NUMBER})
    assert changed.before is not None
    assert (changed.before.mobiles, changed.after.mobiles) == ((), (NUMBER,))
    assert mobiles(path) == {"José": (NUMBER,), "ann": ("07400 000000",)}
    assert path.read_text().startswith("# kept\n")
    alone(path)


def test_a_user_is_added_once_in_any_spelling(path: Path) -> None:
    added = add_user(path, "local", "bob", {"password_hash": HASH, "mobile": NUMBER, "groups": ("Cooks",)})
    assert (added.username, added.mobiles, added.groups) == ("bob", (NUMBER,), ("Cooks",))
    with pytest.raises(NameTaken, match=r"users\.toml: users: 'BOB' is there already"):
        add_user(path, "local", "BOB", {"password_hash": HASH})
    assert list(mobiles(path)) == ["José", "ann", "bob"]


def test_whom_the_file_does_not_have_cannot_be_changed(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(NoSuchUser, match="users: there is no 'bob'"):
        change_user(path, "local", "bob", {"mobile": NUMBER})
    assert path.read_bytes() == before


@pytest.mark.parametrize("values", [{"display_name": "Ann \udcff"}, {"groups": ("\udcff",)}])
def test_what_is_no_text_is_not_written(path: Path, values: dict[str, Value]) -> None:
    before = path.read_bytes()
    with pytest.raises(CannotChange, match=r"users\.toml: what it is to hold is not UTF-8 text"):
        change_user(path, "local", "ann", values)
    with pytest.raises(CannotChange, match="is not UTF-8 text"):
        add_user(path, "local", "bob\udcff", {"password_hash": HASH})
    assert path.read_bytes() == before
    alone(path)


def test_what_would_be_wrong_afterwards_is_not_written(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(ConfigurationError) as caught:
        change_user(path, "local", "ann", {"mail": "a,b@c"})
    (problem,) = caught.value.problems
    assert (problem.file, problem.table, problem.key) == (str(path), 'users[1] ("ann")', "mail")
    assert path.read_bytes() == before


def test_a_file_that_is_wrong_already_is_left_to_its_editor(path: Path) -> None:
    path.write_text(path.read_text() + "[[users]\n")
    before = path.read_bytes()
    with pytest.raises(ConfigurationError):
        change_user(path, "local", "ann", {"mobile": NUMBER})
    assert path.read_bytes() == before


def test_a_change_of_nothing_writes_nothing(path: Path) -> None:
    before = path.stat()
    change_user(path, "local", "ann", {"mobile": "07400 000000"})
    assert os.path.samestat(path.stat(), before)


def test_mode_and_access_lists_stay_and_so_does_a_link(path: Path, tmp_path: Path) -> None:
    try:
        os.setxattr(path, "user.note", b"kept")
    except OSError as error:
        assert error.errno == errno.ENOTSUP  # noqa: PT017
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    change_user(link, "local", "ann", {"mobile": NUMBER})
    assert link.is_symlink()
    assert mobiles(path)["ann"] == (NUMBER,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    if "user.note" in os.listxattr(path):
        assert os.getxattr(path, "user.note") == b"kept"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_leaves_the_file_to_its_owner(path: Path) -> None:
    os.chown(path, 4321, 1234)
    change_user(path, "local", "ann", {"mobile": NUMBER})
    assert (path.stat().st_uid, path.stat().st_gid) == (4321, 1234)
    assert mobiles(path)["ann"] == (NUMBER,)


def test_many_at_once_lose_no_change(path: Path) -> None:
    names = [f"user{number}" for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: add_user(path, "local", name, {"password_hash": HASH}), names))
        list(pool.map(lambda name: change_user(path, "local", name, {"mobile": NUMBER}), names))
    assert {name: mobiles(path)[name] for name in names} == dict.fromkeys(names, (NUMBER,))
    alone(path)


def test_another_program_is_waited_for(path: Path) -> None:
    held = os.open(path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change_user, path, "local", "ann", {"mobile": NUMBER})
        assert not changing.done()
        os.close(held)
        changing.result(timeout=30)
    assert mobiles(path)["ann"] == (NUMBER,)


def test_the_new_file_is_locked_before_anybody_can_find_it(path: Path) -> None:
    def look() -> None:
        (beside,) = path.parent.glob(".users*")
        with beside.open() as opened, pytest.raises(BlockingIOError):
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)

    change_user(path, "local", "ann", {"mobile": NUMBER}, replacing=look)
    assert mobiles(path)["ann"] == (NUMBER,)


def renamed(path: Path, text: str) -> None:
    """As vim and sed save."""
    beside = path.with_name("by-hand")
    beside.write_text(text)
    beside.replace(path)


def in_place(path: Path, text: str) -> None:
    """As nano and a shell save."""
    path.write_text(text)


Save = Callable[[Path, str], None]


@pytest.mark.parametrize("save", [renamed, in_place])
def test_what_a_hand_saves_in_the_last_moment_is_kept_and_the_change_is_made_again(path: Path, save: Save) -> None:
    saved = iter(["by-hand", "by-hand-again"])

    def by_hand() -> None:
        if name := next(saved, ""):
            save(path, path.read_text() + person(name))

    change_user(path, "local", "ann", {"mobile": NUMBER}, replacing=by_hand)
    assert mobiles(path) == {"José": (), "ann": (NUMBER,), "by-hand": (), "by-hand-again": ()}
    alone(path)


@pytest.mark.parametrize("save", [renamed, in_place])
@pytest.mark.parametrize("wrong", ["[[users]\n", "# nobody\n"])
def test_what_a_hand_saves_stands_where_the_change_cannot_be_made_again(path: Path, save: Save, wrong: str) -> None:
    saved = iter([wrong])

    def by_hand() -> None:
        for text in saved:
            save(path, text)

    with pytest.raises((ConfigurationError, NoSuchUser)):
        change_user(path, "local", "ann", {"mobile": NUMBER}, replacing=by_hand)
    assert path.read_text() == wrong
    alone(path)


@pytest.mark.parametrize(("there", "stands"), [("ours", "by hand"), ("by hand, later", "by hand, later")])
def test_of_two_saved_by_hand_the_later_one_stands(path: Path, there: str, stands: str) -> None:
    beside = path.with_name("beside")
    beside.write_text("by hand")
    path.write_text(there)
    put_back(path, beside, b"ours")
    assert path.read_text() == stands


def test_who_saves_all_the_time_wins(path: Path) -> None:
    last = ""

    def by_hand() -> None:
        nonlocal last
        last = path.read_text() + "# once more\n"
        renamed(path, last)

    with pytest.raises(CannotChange, match="is being saved by something else all the time"):
        change_user(path, "local", "ann", {"mobile": NUMBER}, replacing=by_hand)
    assert path.read_text() == last
    alone(path)


def test_a_disk_that_takes_no_more_leaves_the_old_file(path: Path) -> None:
    path.write_text(path.read_text() + "# long\n" * 2000)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        with pytest.raises(CannotChange, match=r"users\.toml: cannot be changed: file too large"):
            change_user(path, "local", "ann", {"disabled": True})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    alone(path)


def test_two_files_change_places_where_that_takes_steps(path: Path) -> None:
    beside = path.with_name("beside")
    beside.write_text("new")
    old = path.read_text()
    exchange_in_steps(beside, path)
    assert (path.read_text(), beside.read_text()) == ("new", old)
    assert len(list(path.parent.iterdir())) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
@pytest.mark.parametrize(
    ("folder_mode", "owner", "expected"),
    [
        (
            0o755,
            4321,
            "cannot be changed: permission denied: the folder {folder} belongs to root (mode 0755)",
        ),
        (0o777, 0, "cannot be changed: it belongs to root, and this runs as 4321: run it as root"),
    ],
)
def test_whoever_may_not_is_told_why(tmp_path: Path, folder_mode: int, owner: int, expected: str) -> None:
    with tempfile.TemporaryDirectory() as name:  # one that others may enter
        Path(name).chmod(0o755)
        folder = Path(name) / "etc"
        folder.mkdir()
        file = folder / "users.toml"
        file.write_text(person("ann"))
        file.chmod(0o644)
        os.chown(file, owner, owner)
        folder.chmod(folder_mode)
        os.seteuid(4321)
        try:
            foreseen = why_unchangeable(file)
            with pytest.raises(CannotChange) as caught:
                change_user(file, "local", "ann", {"mobile": NUMBER})
        finally:
            os.seteuid(0)
        assert expected.format(folder=folder) in str(caught.value)
        assert foreseen == caught.value.reason
        assert why_unchangeable(file) == "", "root may"
        assert file.read_text() == person("ann")
