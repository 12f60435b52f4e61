"""A login name leads to one directory, by how it is written."""

from pathlib import Path

import pytest

from config.settings import LocalDirectorySettings
from directory.local_users import LocalDirectory
from directory.login_name import LoginName, parse_login_name
from directory.realms import Realms


def create(path: Path, *names: str) -> list[LocalDirectory]:
    file = path / "users.toml"
    file.write_text("")
    return [LocalDirectory(LocalDirectorySettings(type="local", name=name, file=file), groups=()) for name in names]


async def test_a_login_name_leads_to_the_directory_of_its_qualifier(tmp_path: Path) -> None:
    first, second = create(tmp_path, "staff", "guests")
    realms = Realms([first, second])
    for typed, expected in {
        "alice": first,
        "staff\\alice": first,
        "GUESTS\\alice": second,
        "alice@guests": second,
        "alice@elsewhere": None,
        "elsewhere\\alice": None,
        "staff\\alice@guests": first,
    }.items():
        login_name = parse_login_name(typed)
        assert login_name is not None
        assert realms.choose(login_name) is expected, typed
    assert list(realms) == [first, second]
    assert realms.of("guests") is second
    assert realms.of("Guests") is None
    await realms.close()


async def test_a_qualifier_of_two_directories_leads_to_none(tmp_path: Path) -> None:
    realms = Realms(create(tmp_path, "staff", "STAFF"))
    assert realms.choose(LoginName(name="alice", domain="staff")) is None
    await realms.close()


def test_realms_are_some_and_different(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one directory"):
        Realms([])
    with pytest.raises(ValueError, match="a realm of its own"):
        Realms(create(tmp_path, "staff", "staff"))
