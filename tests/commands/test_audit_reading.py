"""`gatepost audit find|export|report`: what is told of what was written, and that whoever looked is recorded."""

from __future__ import annotations

import argparse
import asyncio
import csv
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.load import load_settings
from directory.users_writing import change_user
from proxy.audit.event import AuditedPerson, AuditEvent
from proxy.commands import audit_find
from tests.audit.engine import ANNA, BEN, signed_in
from tests.commands.test_audit_command import AUDIT, record, run
from tests.support.configuration import written

HOW = {"scheme": "browser", "factors": "password sms"}
PASS = AuditEvent(
    event="admin.pass_given",
    actor=BEN,
    person=ANNA,
    address="198.51.100.9",
    facts={"apps": "Wiki", "pass_id": "p1"},
    personal={"reason": "phone is broken"},
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit of four entries, and those of each test that ran before."""
    file = written(tmp_path_factory.mktemp("audit"), more=AUDIT)
    alice = AuditedPerson(realm="local", guid=guid_of_alice(file), name="alice")
    record(file, signed_in(ANNA, **HOW), signed_in(BEN, **HOW), signed_in(alice, **HOW), PASS)
    return file


def guid_of_alice(config: Path) -> str:
    return change_user(config.parent / "users.toml", "local", "alice", {}).after.guid


def told(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    return map(json.loads, capsys.readouterr().out.splitlines())


def test_a_person_is_found_by_login_and_whoever_looked_too(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "find", "--person", "alice", "--event", "sign_in", "--json") == 0
    (found,) = told(capsys)
    assert (found["actor"]["name"], found["address"], found["facts"]) == ("alice", "192.0.2.7", HOW)

    assert run(config, "find", "--person", "alice", "--event", "admin.audit_searched", "--json") == 0
    (looked,) = told(capsys)
    assert looked["person"]["guid"] == guid_of_alice(config)
    assert looked["facts"] == {"searched": "sign_in", "found": 1}
    assert looked["personal"]["by"].startswith("command of ")


def test_what_is_asked_narrows_what_is_found(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "find", "--guid", ANNA.guid.upper(), "--app", "Wiki", "--since", "1d", "--json") == 0
    (found,) = told(capsys)
    assert (found["event"], found["actor"]["name"], found["person"]["name"]) == (PASS.event, BEN.name, ANNA.name)
    assert run(config, "find", "--guid", ANNA.guid, "--app", "Wiki", "--since", "2999-01-01") == 0
    assert capsys.readouterr().err == "gatepost audit find: nothing\n"


def test_the_table_is_for_people(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "find", "--event", "admin.pass_given") == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["TIME", "EVENT", "WHO", "TO", "WHOM", "FROM", "FACTS"]
    assert "ben.bright (corp)  anna.arden (corp)  198.51.100.9" in row
    assert "phone is broken" in row


def test_an_export_has_everything_of_one_person_and_nothing_of_another(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, "export", "--guid", ANNA.guid) == 0
    text = capsys.readouterr().out
    entries = json.loads(text)["entries"]
    assert {"sign_in.succeeded", "admin.pass_given"} <= {each["event"] for each in entries}
    for theirs in (BEN.name, BEN.guid, "198.51.100.9", "command of", guid_of_alice(config)):
        assert theirs not in text


def test_the_report_is_evidence_in_three_forms(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "report", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["sign_ins"], report["with_two_factors"]) == (3, 3)
    assert [each["person"] for each in report["by_kind"]] == ["alice (local)", "anna.arden (corp)", "ben.bright (corp)"]
    assert [each["what"] for each in report["exceptions"]] == ["a pass was given"]

    assert run(config, "report", "--csv", "--since", "1d") == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows[1][:6] == ["alice (local)", "browser", "password sms", "browser", "192.0.2.7", "1"]

    assert run(config, "report") == 0
    assert "3 sign-ins, 3 of them by two factors." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["find", "--event", "no.such"], "is none"),
        (["find", "--since", "soon"], "write a day"),
        (["export"], "required"),
    ],
)
def test_what_cannot_be_meant_is_said(
    config: Path, arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(config, *arguments)
    assert ended.value.code == 2
    assert why in capsys.readouterr().err


def test_nobody_of_that_name_is_said_and_not_written_down(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "find", "--person", "hunter2-typed") == 1
    assert "gatepost audit find:" in capsys.readouterr().err
    assert run(config, "find", "--json") == 0
    assert "hunter2" not in capsys.readouterr().out


def test_a_search_is_recorded_although_nobody_reads_it_to_its_end(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    settings = load_settings(config, {})
    arguments = argparse.Namespace(person=None, guid=ANNA.guid, app="", event="sign_in", since=None, json=True)
    with pytest.raises(BrokenPipeError):
        asyncio.run(audit_find.run(arguments, settings, Closed(), now=time.time()))
    assert run(config, "find", "--guid", ANNA.guid, "--event", "admin.audit_searched", "--json") == 0
    assert [each["facts"] for each in told(capsys)][-1] == {"searched": "sign_in", "found": 1}


def test_a_search_for_a_name_that_nobody_has_is_recorded(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "find", "--person", "nobody-of-that-name", "--event", "vouch") == 1
    assert capsys.readouterr().err.endswith("; name an account that is gone by its --guid\n")
    assert run(config, "find", "--event", "admin.audit_searched", "--json") == 0
    assert [each["facts"] for each in told(capsys)][-1] == {"searched": "vouch", "found": 0}


def test_without_a_file_there_is_nothing_to_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = written(tmp_path, more="[audit]\nstdout = true\n")
    record(config)
    assert run(config, "find") == 1
    assert "[audit] file is not set" in capsys.readouterr().err
