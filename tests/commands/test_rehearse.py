"""`gatepost rehearse`: whose access a new configuration would change."""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from config.factors import Factor
from config.load import load_settings
from directory.users_file import read_users
from proxy.audit.lifetime import configuration_loaded
from proxy.cli import main
from proxy.rehearsal.noting import create_notes
from proxy.rehearsal.rehearsed import digest_of, rehearsal_key
from proxy.secrets.key_file import load_or_create_keys
from proxy.secrets.keys import Keys
from proxy.sessions.decided import DecidedAccess
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.support.configuration import written

USERS = "\n".join(
    f'[[users]]\nusername = "{name}"\npassword_hash = "{{hash}}"\nmobile = "07400 12345{number}"\n{more}'
    for number, (name, more) in enumerate(
        (("alice", 'groups = ["Wiki Users"]\n'), ("ben", 'groups = ["Wiki Users", "Staff"]\n'), ("cara", ""))
    )
)
MORE = """
groups = ["Wiki Users"]
[[apps]]
name = "Forms"
host = "forms.localhost"
upstream = "http://127.0.0.1:1"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = written(tmp_path, users=USERS, more=MORE)
    keys = Keys(load_or_create_keys(tmp_path / "gatepost.key", now=time.time() - 3600))
    people = {each.username: each.guid for each in read_users(tmp_path / "users.toml", "local").by_guid.values()}
    people["gone"] = "5f6a1c3e-0000-4000-8000-00000000dead"

    async def decide() -> None:
        store = SQLiteStore(tmp_path / "state.db")
        notes = create_notes(store.decisions, store.person_keys, keys, keep_seconds=30 * 86_400.0, clock=time.time)
        for name, guid in people.items():
            notes.note(
                partial(
                    DecidedAccess,
                    realm="local",
                    guid=guid,
                    username=name,
                    app="Wiki",
                    scheme="browser",
                    factors=(Factor.PASSWORD, Factor.SMS),
                    address="127.0.0.1",
                    reason="groups" if name == "cara" else "",
                )
            )
        await notes.write(100)
        await store.close()

    asyncio.run(decide())
    return file


def rehearsed(config: Path, *arguments: str) -> int:
    return main(["rehearse", *arguments, "--config", str(config)])


def changed(config: Path, before: str, after: str) -> str:
    new = config.with_name("new.toml")
    text = config.read_text()
    assert before in text
    new.write_text(text.replace(before, after))
    return str(new)


def effects(answer: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    return [(each["effect"], each["app"], [one["username"] for one in each["people"]]) for each in answer["changes"]]


def test_a_configuration_that_changes_nothing_is_told_so(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearsed(config, changed(config, "forms.localhost", "form.localhost")) == 0
    out = capsys.readouterr().out
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert out.splitlines() == [
        f"3 decisions about 3 people since {today}.",
        "Nothing changes for them.",
        "",
        "Besides:",
        '  the app "Forms" moves from forms.localhost to form.localhost',
        "  1 people are in no directory any more: local\\gone",
    ]


def test_a_group_with_a_typo_locks_its_people_out(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = changed(config, 'groups = ["Wiki Users"]', 'groups = ["Wiki User"]')
    assert rehearsed(config, new, "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert effects(answer) == [("loses", "Wiki", ["alice", "ben"])]
    assert answer["changes"][0]["why"] == "is for Wiki User"
    assert answer["missing_groups"] == {"Wiki User": "nobody is in it"}
    assert rehearsed(config, new) == 1
    assert "loses access  Wiki" in capsys.readouterr().out


def test_a_group_of_the_directory_can_be_thought_away(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearsed(config, "--without-group", "Staff") == 0
    capsys.readouterr()
    assert rehearsed(config, "--without-group", "Wiki Users", "--json") == 1
    assert effects(json.loads(capsys.readouterr().out)) == [("loses", "Wiki", ["alice", "ben"])]
    assert rehearsed(config, "--without-group", "Wikki") == 2
    assert "--without-group Wikki: nobody is in it" in capsys.readouterr().err


def test_problems_of_the_new_configuration_are_all_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = changed(config, '[[apps]]\nname = "Forms"', '[[schemes]]\nname = "x"\n[[apps]]\nnamed = "Forms"')
    assert rehearsed(config, new) == 2
    told = capsys.readouterr().err
    assert "new.toml: schemes[0]" in told
    assert "new.toml: apps[1]" in told


def test_one_of_a_file_and_a_group_is_asked_about(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearsed(config) == 2
    assert "name a new configuration, or give --without-group NAME" in capsys.readouterr().err
    assert rehearsed(config, str(config), "--without-group", "Staff") == 2
    assert "are two questions: ask one at a time" in capsys.readouterr().err


def test_where_nothing_is_kept_everybody_is_tried(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = changed(config, 'host = "forms.localhost"', 'host = "forms.localhost"\ngroups = ["Staff"]')
    assert rehearsed(config, new, "--json") == 0
    assert effects(json.loads(capsys.readouterr().out)) == []
    assert rehearsed(config, new, "--json", "--everybody") == 1
    assert effects(json.loads(capsys.readouterr().out)) == [("loses", "Forms", ["alice", "cara"])]
    (config.parent / "state.db").unlink()
    assert rehearsed(config, new, "--json") == 1
    captured = capsys.readouterr()
    assert "no decisions are kept" in captured.err
    assert effects(json.loads(captured.out)) == [("loses", "Forms", ["alice", "cara"])]


async def test_a_configuration_that_was_rehearsed_is_known_by_its_digest(config: Path) -> None:
    new = changed(config, "forms.localhost", "form.localhost")
    assert await asyncio.to_thread(rehearsed, config, new) == 0
    keys = Keys(load_or_create_keys(config.parent / "gatepost.key", now=time.time()))
    store = SQLiteStore(config.parent / "state.db")
    known = {}
    for file in (config, Path(new)):
        digest = digest_of(load_settings(file, {}), key=rehearsal_key(keys))
        known[file.name] = await store.decisions.was_rehearsed(digest, now=time.time())
    await store.close()
    assert known == {"gatepost.toml": False, "new.toml": True}


def test_a_rehearsal_is_in_the_audit_with_its_counts(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(config.read_text() + '[audit]\nfile = "audit/gatepost.jsonl"\n')
    new = changed(config, 'groups = ["Wiki Users"]', 'groups = ["Wiki User"]')
    assert rehearsed(config, new) == 1
    (file,) = (config.parent / "audit").glob("*.jsonl")
    (line,) = [line for line in file.read_text().splitlines() if "rehearsal.done" in line]
    loaded = configuration_loaded(load_settings(Path(new), {}))
    same = {"sha256": loaded.facts["sha256"]}
    assert json.loads(line)["facts"].items() >= {"decisions": 3, "lose": 2, "gain": 0, **same}.items()
    assert "alice" not in file.read_text()
