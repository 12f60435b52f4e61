"""`gatepost who-can APP`: the access review."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from proxy.cli import main
from tests.support.configuration import written

USERS = "\n".join(
    f'[[users]]\nusername = "{name}"\npassword_hash = "{{hash}}"\n{more}'
    for name, more in (
        ("alice", 'display_name = "Alice"\ngroups = ["Wiki Users", "Wiki Admins"]\n'),
        ("ben", 'display_name = "=cmd"\ngroups = ["Wiki Users"]\ndisabled = true\n'),
        ("cara", 'display_name = "Cara"\ngroups = ["Wiki Admins"]\n'),
        ("dan", 'display_name = "Dan"\n'),
    )
)
MORE = """
groups = ["Wiki Users", "Wiki Gests"]
[[apps.rules]]
path = "/healthz"
public = true
[[apps.rules]]
path = "/admin/"
methods = ["POST"]
groups = ["Wiki Admins"]
[[apps]]
name = "Forms"
host = "forms.localhost"
upstream = "http://127.0.0.1:1"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return written(tmp_path, users=USERS, more=MORE)


def told(config: Path, *arguments: str) -> int:
    return main(["who-can", *arguments, "--config", str(config)])


def test_people_are_told_by_part_and_group_with_disabled_ones_marked(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(config, "Wiki") == 0
    out, err = capsys.readouterr()
    first, public, _, *rows = out.splitlines()
    assert first == "Wiki: 2 people can open it, 1 of them with an account that is disabled or has expired."
    assert public == "Open to everybody, without a sign-in: /healthz"
    assert [row.split() for row in rows] == [
        ["all", "else", "Wiki", "Users", "local\\alice", "Alice"],
        ["all", "else", "Wiki", "Users", "local\\ben", "=cmd", "disabled"],
        ["POST", "/admin/", "Wiki", "Admins", "local\\alice", "Alice"],
        ["POST", "/admin/", "Wiki", "Admins", "local\\cara", "Cara"],
    ]
    assert err == "gatepost who-can: Wiki Gests: nobody is in it\n"


def test_programs_get_json_and_spreadsheets_no_formula(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(config, "Forms", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert [(each["username"], each["group"]) for each in answer["people"]] == [
        (name, "everybody") for name in ("alice", "ben", "cara", "dan")
    ]
    assert told(config, "Wiki", "--csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["name"] for row in rows if row["person"] == "local\\ben"] == ["'=cmd"]


def test_an_app_that_is_not_there_is_wrong_usage(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(config, "Wikki") == 2
    assert "there are: Wiki, Forms" in capsys.readouterr().err
