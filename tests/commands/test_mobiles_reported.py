"""`gatepost mobiles` with what people said of their own numbers: they come first, in each of its forms."""

import argparse
import asyncio
import csv
import io
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from config.settings import MobileSettings, Settings
from directory.mobile_report import Field, SweptPerson
from directory.mobile_sweep import Findings, Rules
from directory.users_file import read_users
from proxy.commands import mobiles
from proxy.help_desk.number_sweeps import SweepCount
from proxy.mobile_formats.html_form import write as write_html
from proxy.secrets.key_file import load_or_create_keys
from proxy.secrets.keys import Keys, Purpose
from proxy.sign_in.reported_numbers import REPORTED_SECONDS, NumberReports, ReportedNumber, recognised_by, still_stands
from proxy.store.contract import Store
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.commands.test_mobiles import HASH, NOW

T = TypeVar("T")
ANN = "+447400123456"
USERS = "".join(
    f'[[users]]\nusername = "{name}"\npassword_hash = "{HASH}"\ndisplay_name = "{name.title()}"\nmobile = "{mobile}"\n'
    for name, mobile in (("aaron", ""), ("ann", "07400 123456"), ("bea", "07400 123457"))
)
KEY = b"k" * 32
REPORTED = ReportedNumber(
    guid="ann",
    realm="local",
    username="ann",
    number=recognised_by(KEY, "ann", ANN),
    masked="x",
    changed_at=None,
    at=NOW,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "users.toml").write_text(USERS)
    (tmp_path / "users.toml").chmod(0o600)
    tree = {
        "server": {"public_url": "http://signin.localhost:8080", "key_file": str(tmp_path / "keys")},
        "store": {"url": f"sqlite:{tmp_path / 'state.db'}"},
        "directories": [{"type": "local", "name": "local", "file": str(tmp_path / "users.toml")}],
        "smtp": [{"host": "127.0.0.1", "security": "none", "from": "otp@corp.example"}],
        "apps": [{"name": "Wiki", "host": "wiki.localhost", "upstream": "http://127.0.0.1:1"}],
    }
    return Settings.model_validate(tree)


def in_store(folder: Path, work: Callable[[Store], Awaitable[T]]) -> T:
    async def done() -> T:
        store = SQLiteStore(folder / "state.db")
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(done())


def report_ann(settings: Settings, folder: Path, number: str = ANN) -> None:
    key = Keys(load_or_create_keys(settings.server.key_file, now=NOW)).derive(Purpose.THROTTLE)
    users = read_users(folder / "users.toml", "local").by_guid
    guid = next(guid for guid, user in users.items() if user.username == "ann")
    reported = replace(REPORTED, guid=guid, number=recognised_by(key, guid, number), at=NOW - 3600)
    in_store(folder, lambda store: store.reported_numbers.put_reported_number(reported))


def run(settings: Settings, *arguments: str) -> tuple[int, str, str]:
    parser = argparse.ArgumentParser()
    mobiles.add_arguments(parser)
    out, err = io.StringIO(), io.StringIO()
    code = mobiles.run(parser.parse_args(arguments), settings, out, err, clock=lambda: NOW)
    return code, out.getvalue(), err.getvalue()


def test_who_said_so_comes_first_in_each_form(settings: Settings, tmp_path: Path) -> None:
    report_ann(settings, tmp_path)
    _, table, said = run(settings)
    assert said == ""
    assert "say it is not theirs" in table
    first = table.partition("NAME ")[2].splitlines()[1]
    assert first.startswith("Ann ")
    assert first.endswith("says that it is not theirs")
    rows = list(csv.DictReader(io.StringIO(run(settings, "--format", "csv")[1])))
    assert [row["username"] for row in rows] == ["ann", "aaron", "bea"]
    assert [row["reported_at"] for row in rows] == ["2027-01-15T07:00:00Z", "", ""]
    told = json.loads(run(settings, "--format", "json")[1])
    assert told["totals"]["reported"] == 1
    assert [each["reported_at"] for each in told["persons"]] == ["2027-01-15T07:00:00Z", None, None]
    page = run(settings, "--format", "html")[1]
    assert "1 say that their number is not theirs" in page
    assert '"says that it is not theirs",8]' in page
    assert "\nGet-Change" not in run(settings, "--format", "powershell")[1]  # there is no repair to propose


@pytest.mark.parametrize("number", ["+447400123457", ANN])
def test_a_report_of_another_number_is_over(settings: Settings, tmp_path: Path, number: str) -> None:
    report_ann(settings, tmp_path, number)
    assert ("not theirs" in run(settings)[1]) is (number == ANN)


def test_only_a_whole_sweep_is_counted(settings: Settings, tmp_path: Path) -> None:
    report_ann(settings, tmp_path)
    for arguments in (("--directory", "local"), ("--include-disabled",)):
        assert run(settings, *arguments)[0] == 0
    assert in_store(tmp_path, lambda store: store.sweeps.sweeps()) == ()
    run(settings)
    assert in_store(tmp_path, lambda store: store.sweeps.sweeps()) == (SweepCount(made_at=NOW, persons=3, unusable=1),)


def test_without_a_store_none_is_made_and_the_report_is_whole(settings: Settings, tmp_path: Path) -> None:
    code, table, said = run(settings)
    assert (code, said) == (0, "")
    assert "2 of 3" in table
    assert not (tmp_path / "state.db").exists()


def test_what_cannot_be_read_is_said_and_stops_nothing(settings: Settings, tmp_path: Path) -> None:
    report_ann(settings, tmp_path)
    os.unlink(tmp_path / "keys")
    code, table, said = run(settings)
    assert code == 0
    assert "2 of 3" in table
    assert said.startswith("gatepost mobiles: who said that their number is not theirs is not known: ")
    (tmp_path / "state.db").write_bytes(b"no database")
    code, table, said = run(settings)
    assert (code, "2 of 3" in table) == (0, True)
    assert said.splitlines()[1].startswith("gatepost mobiles: this sweep is not counted: ")


@pytest.mark.parametrize("age", [0.0, REPORTED_SECONDS - 1, REPORTED_SECONDS])
def test_when_a_report_still_stands(age: float) -> None:
    is_young, now = age < REPORTED_SECONDS, NOW + age
    assert still_stands(REPORTED, REPORTED.number, now=now) is is_young
    assert still_stands(REPORTED, None, now=now) is is_young, "the directory could not say"
    assert not still_stands(REPORTED, b"", now=now)
    assert not still_stands(REPORTED, recognised_by(KEY, "ann", "+447400123457"), now=now)


def test_a_number_is_recognised_for_its_person_alone() -> None:
    """Else who shares a number could be told by it."""
    assert recognised_by(KEY, "ann", ANN) != recognised_by(KEY, "bea", ANN)
    assert recognised_by(KEY, "ann", ANN) != recognised_by(b"j" * 32, "ann", ANN)


def test_a_service_account_reports_nothing_and_the_page_sorts_them_first() -> None:
    reports = NumberReports(reported={"ann": REPORTED}, key=KEY, now=NOW)
    rules = Rules(mobile=MobileSettings(), now=NOW, changed_within_seconds=60.0, reported_at=reports.reported_at)
    ann = SweptPerson(
        realm="local",
        guid="ann",
        username="ann",
        display_name="Ann",
        container="",
        department="",
        is_disabled=False,
        fields=(Field(attribute="mobile", text=ANN),),
    )
    for is_service, count in ((False, 1), (True, 0)):
        with Findings(rules) as findings:
            findings.add(replace(ann, guid="bea", fields=()))
            findings.add(replace(ann, is_service=is_service))
            assert findings.summary.reported == count
            assert [each.person.guid for each in findings] == (["ann", "bea"] if count else ["bea", "ann"])
            out = io.StringIO()
            write_html(findings, out)
