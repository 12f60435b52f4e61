"""What root's commands leave behind can be used by the service, which runs as a user of its own."""

from __future__ import annotations

import _strptime  # noqa: F401  # see below
import asyncio
import codecs
import concurrent.futures.thread  # noqa: F401
import io
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from config.load import load_settings
from proxy.cli import main
from proxy.operations import own_user
from proxy.operations.own_user import WrongUser, become_owner_of
from proxy.operations.store_errors import StoreUnavailable
from proxy.secrets.key_file import load_keys
from proxy.store.open import open_store
from tests.support.configuration import written

NOBODY, NOGROUP = 65534, 65534
for name in ("utf-8-sig", "utf-16-le", "latin-1", "idna"):
    codecs.lookup(name)  # this Python may be in root's home, where nobody loads anything later

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def house() -> Iterator[Path]:
    """A configuration of root's and a folder of nobody's, where all may go (pytest's own folder is root's alone)."""
    folder = Path(tempfile.mkdtemp(prefix="gatepost-test-", dir="/tmp"))
    folder.chmod(0o755)
    state = folder / "state"
    state.mkdir(mode=0o700)
    os.chown(state, NOBODY, NOGROUP)
    more = f'[store]\nurl = "sqlite:{state}/state.db"\n'
    file = written(folder, more=more)
    file.write_text(file.read_text().replace("[server]", f'[server]\nkey_file = "{state}/gatepost.key"', 1))
    try:
        yield file
    finally:
        shutil.rmtree(folder)


def in_a_child(work: Callable[[], str], *, uid: int = 0) -> str:
    """What `work` says in a process of its own, which may change its user."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = "it broke"
        try:
            if uid:
                os.setgroups([])
                os.setresgid(NOGROUP, NOGROUP, NOGROUP)
                os.setresuid(uid, uid, uid)
            said = work()
        except BaseException:  # noqa: BLE001  # a child of pytest's must not go on as pytest
            said = traceback.format_exc()
        finally:
            os.write(write, said.encode()[:60_000])
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def commanded(file: Path, command: str, *, can_read_gatepost: bool = True) -> None:
    def run() -> str:
        if can_read_gatepost:  # it may be installed in root's home here, which Gatepost's own user would never use
            own_user.CODE = ()
        with redirect_stdout(io.StringIO()):
            return str(main([*command.split(), "--config", str(file)]))

    assert in_a_child(run) in ("0", "1")


def service(file: Path) -> str:
    """Gatepost's own user begins to use what is there: the store for reading and writing, and the keys."""

    async def use() -> str:
        settings = load_settings(file, {})
        load_keys(settings.server, now=1e9)
        store = open_store(settings.store)
        try:
            await store.ping()
        finally:
            await store.close()
        return "it works"

    return in_a_child(lambda: asyncio.run(use()), uid=NOBODY)


COMMANDS = ("check", "sessions list", "sessions end --all", "bounces")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("can_read_gatepost", [True, False], ids=["installed for all", "installed in root's home"])
def test_the_service_can_use_what_a_command_of_roots_made(house: Path, command: str, can_read_gatepost: bool) -> None:
    commanded(house, command, can_read_gatepost=can_read_gatepost)

    made = [each for each in (house.parent / "state").rglob("*")]
    assert (house.parent / "state/state.db") in made
    assert {each.stat().st_uid for each in made} == {NOBODY}
    assert service(house) == "it works"


def test_the_service_can_use_a_key_that_root_made_and_rotated(house: Path) -> None:
    """By `gatepost run` as root, once, to try it."""
    settings = load_settings(house, {})
    in_a_child(lambda: str(load_keys(settings.server, now=1e9)))
    assert settings.server.key_file.stat().st_uid == NOBODY
    commanded(house, "keys rotate")
    commanded(house, "unlock alice")
    assert {each.stat().st_uid for each in (house.parent / "state").rglob("*")} == {NOBODY}
    assert service(house) == "it works"


def test_a_key_in_a_folder_of_roots_stays_with_the_user_that_has_it(house: Path) -> None:
    settings = load_settings(house, {})
    in_a_child(lambda: str(load_keys(settings.server, now=1e9)))
    key = house.parent / "gatepost.key"
    settings.server.key_file.rename(key)
    house.write_text(house.read_text().replace(str(settings.server.key_file), str(key)))

    commanded(house, "keys rotate")

    assert (key.stat().st_uid, key.stat().st_mode & 0o777) == (NOBODY, 0o600)
    assert service(house) == "it works"


@pytest.mark.parametrize("command", ["check", "mobiles"])
def test_root_is_led_nowhere_by_a_link(house: Path, command: str) -> None:
    """In a folder of somebody else's, `state.db` may be a link to a file of root's."""
    target = house.parent / "of-root"
    target.write_bytes(b"")
    target.chmod(0o600)
    (house.parent / "state/state.db").symlink_to(target)

    commanded(house, command)

    assert (target.stat().st_uid, target.stat().st_mode & 0o777, target.read_bytes()) == (0, 0o600, b"")


@pytest.mark.parametrize("can_read_gatepost", [True, False], ids=["installed for all", "installed in root's home"])
def test_the_service_can_use_a_store_in_which_root_counted_a_sweep(house: Path, can_read_gatepost: bool) -> None:
    commanded(house, "check")
    output = house.parent / "report.csv"  # in a folder of root's
    commanded(house, f"mobiles --format csv --output {output}", can_read_gatepost=can_read_gatepost)

    assert output.stat().st_uid == 0
    assert {each.stat().st_uid for each in (house.parent / "state").rglob("*")} == {NOBODY}
    assert service(house) == "it works"


def test_root_makes_nothing_in_a_folder_that_it_shares(house: Path) -> None:
    state = house.parent / "state"
    os.chown(state, 0, NOGROUP)
    state.chmod(0o770)
    with pytest.raises(WrongUser, match=r"state\.db is not there yet, and would be root's.*sudo -u"):
        become_owner_of(state / "state.db")
    assert main(["check", "--config", str(house)]) == 2
    assert list(state.iterdir()) == []


def test_a_folder_of_roots_alone_is_roots(house: Path) -> None:
    state = house.parent / "state"
    os.chown(state, 0, 0)
    assert not become_owner_of(state / "state.db")
    assert not become_owner_of(house.parent / "nowhere/state.db")


def test_what_root_made_before_is_named_with_owner_user_and_remedy(house: Path) -> None:
    """As commands of earlier releases left it."""
    database = house.parent / "state/state.db"
    database.touch(mode=0o600)

    async def use() -> str:
        store = open_store(load_settings(house, {}).store)
        try:
            await store.ping()
        except StoreUnavailable as error:
            return str(error)
        finally:
            await store.close()
        return "it works"

    assert in_a_child(lambda: asyncio.run(use()), uid=NOBODY) == (
        f"{database}: permission denied: it belongs to root (mode 0600), and this runs as nobody:"
        f" chown nobody {database}"
    )


def test_check_reads_what_the_service_can_read(house: Path) -> None:
    secret = house.parent / "password"
    secret.write_text("s3cret")
    secret.chmod(0o600)
    relay = '[smtp]\nusername = "x"\npassword_file = "password"\n'
    house.write_text(house.read_text().replace("[smtp]\n", relay).replace('"none"', '"starttls"'))

    def check() -> str:
        own_user.CODE = ()
        with redirect_stderr(io.StringIO()) as errors:
            code = main(["check", "--config", str(house)])
        return f"{code} {errors.getvalue()}"

    assert in_a_child(check) == (
        f"2 {house}: smtp: password_file: password cannot be read: permission denied: it belongs to root (mode 0600),"
        f" and this runs as nobody: chown nobody {secret}\n"
    )
