"""`gatepost factors`: what a person has added, without anything that proves it; and removing it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from config.factors import Factor
from config.load import load_settings
from directory.users_file import read_users
from proxy.cli import main
from proxy.factors.enrolment import seal_enrolment
from proxy.secrets.key_file import load_keys
from proxy.secrets.keys import Keys
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.support.configuration import USER, written
from tests.support.people import NOW, principal

SECRET = b"12345678901234567890"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = written(tmp_path, users=USER)
    guid = read_users(tmp_path / "users.toml", "local").by_folded["alice"].guid
    keys = Keys(load_keys(load_settings(file, {}).server, now=NOW))
    alice = principal(guid=guid, realm="local", username="alice")

    async def write() -> None:
        store = SQLiteStore(tmp_path / "state.db")
        app = seal_enrolment(keys, alice, Factor.TOTP, SECRET, name="My \x1b[2J phone", now=NOW)
        await store.enrolments.put_enrolments([app])
        codes = [seal_enrolment(keys, alice, Factor.RECOVERY_CODE, b"x", name=str(n), now=NOW) for n in range(10)]
        await store.enrolments.put_enrolments(codes)
        await store.close()

    asyncio.run(write())
    return file


def test_they_are_listed_and_removed_by_the_name_in_the_list(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["factors", "alice", "--config", str(config)]) == 0
    listed = capsys.readouterr().out
    assert "\x1b" not in listed
    app, codes = listed.splitlines()[1:]
    assert "totp" in app
    assert "phone" in app
    assert "10 left" in codes
    for secret in (SECRET.decode(), "GEZDGNBVGY3TQOJQ"):
        assert secret not in listed
    assert main(["factors", "alice", "--remove", app.split()[0], "--config", str(config)]) == 0
    assert "removed" in capsys.readouterr().out
    assert main(["factors", "alice", "--remove", "recovery_code", "--config", str(config)]) == 0
    capsys.readouterr()
    assert main(["factors", "alice", "--config", str(config)]) == 0
    assert "has added none" in capsys.readouterr().out


def test_what_is_not_there_is_said(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["factors", "alice", "--remove", "unheard-of", "--config", str(config)]) == 1
    assert "unheard-of" in capsys.readouterr().err
    assert main(["factors", "nobody", "--config", str(config)]) == 1
    assert "no such account" in capsys.readouterr().err
