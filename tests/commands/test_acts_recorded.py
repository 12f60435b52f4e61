"""What commands look up and do is in the audit: by whom, and to whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.cli import main
from tests.commands.test_audit_command import AUDIT, record
from tests.support.configuration import written


def test_each_act_names_who_did_it_and_to_whom(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = written(tmp_path, more=AUDIT)
    record(config)  # makes the master key, as a first start does

    def run(*arguments: str) -> int:
        return main([*arguments, "--config", str(config)])

    def recorded(event: str) -> list[dict[str, Any]]:
        capsys.readouterr()
        assert run("audit", "find", "--event", event, "--json") == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    run("explain", "alice")
    run("explain", "hunter2")
    assert run("unlock", "alice", "--passwords") == 0
    assert run("sessions", "end", "alice") == 0
    assert run("people", "disable", "alice") == 0
    assert run("notice", "Maintenance tonight") == 0
    assert run("notice", "--clear") == 0
    assert run("mobiles") == 0
    assert run("keys", "rotate") == 0
    for shown in ("sessions list", "people list", "bounces", "tokens list", "factors alice", "who-can Wiki"):
        assert run(*shown.split()) == 0

    known, unknown = recorded("admin.explained")
    assert (known["person"]["name"], known["facts"]) == ("alice", {"found": True, "can_sign_in": False})
    assert "person" not in unknown
    (unlocked,) = recorded("admin.unlocked")
    assert unlocked["facts"] == {"wrong_ones_too": True, "address_too": False}
    assert recorded("admin.sessions_ended")[0]["facts"] == {"sessions": 0}
    for event in ("admin.unlocked", "admin.sessions_ended", "admin.person_disabled"):
        assert [each["person"]["guid"] for each in recorded(event)] == [known["person"]["guid"]]
    everything = recorded("admin")
    for what in ("sessions", "people", "undelivered", "credentials", "factors", "access"):
        assert len(recorded(f"admin.{what}_shown")) == 1, what
    assert {"admin.notice_put_up", "admin.notice_taken_down", "admin.mobiles"} <= {each["event"] for each in everything}
    assert len(recorded("keys.rotated")) == 1
    assert all(each["personal"]["by"].startswith("command of ") for each in everything)
    assert "hunter2" not in json.dumps(everything)
