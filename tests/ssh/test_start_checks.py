"""What keeps a jump host from starting is said first; and an upgrade in place does not surprise a supervisor."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from proxy.commands.plan import make_plan
from proxy.ssh.start_checks import check_host_key_of, host_key_problems, ssh_library_problems
from proxy.supervisor.orders import Outline, Plan, WorkerOrder, to_json
from tests.portal.stage import portal_settings

ON = {"listen": ("127.0.0.1:0",), "targets": ({"host": "db.corp.example"},)}
OUTLINE: dict[str, Any] = {"listen": (), "redirect": (), "admin": (), "workers": 1, "drain_seconds": 30.0}


def settings_in(folder: Path, **ssh: Any) -> Settings:
    return portal_settings(folder, ssh={**ssh, "host_key_file": folder / "key"} if ssh else {})


def test_a_missing_library_is_said_where_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(ssh_library_problems(settings_in(tmp_path, **ON))) == []
    for name in [name for name in sys.modules if name.startswith("proxy.ssh.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "asyncssh", None)  # as where it is not installed
    assert list(ssh_library_problems(settings_in(tmp_path))) == []
    ((place, message),) = ssh_library_problems(settings_in(tmp_path, **ON))
    assert (place.table, place.key) == ("ssh", "listen")
    assert "install the packages of deploy/requirements.txt" in message


def test_a_host_key_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, **ON)
    assert list(host_key_problems(settings)) == []
    (told,) = check_host_key_of(settings)
    assert (told.ok, told.detail) == (True, "is made at the first start")
    (tmp_path / "key").write_text("nothing")
    (tmp_path / "key").chmod(0o600)
    ((place, message),) = host_key_problems(settings)
    assert (place.table, place.key) == ("ssh", "host_key_file")
    assert "is no OpenSSH private key" in message
    assert not check_host_key_of(settings)[0].ok


def test_the_plan_makes_the_host_key_and_tells_where_to_listen(tmp_path: Path) -> None:
    config = tmp_path / "gatepost.toml"
    (tmp_path / "users.toml").write_text("")
    config.write_text(
        '[server]\npublic_url = "https://signin.corp.example"\n'
        '[[directories]]\ntype = "local"\nname = "local"\nfile = "users.toml"\n'
        '[smtp]\nhost = "smtp.corp.example"\nfrom = "otp@corp.example"\n'
        '[[apps]]\nname = "Wiki"\nhost = "wiki.corp.example"\nupstream = "http://10.0.0.5:8080"\n'
        '[ssh]\nlisten = ["127.0.0.1:2222"]\n[[ssh.targets]]\nhost = "db.corp.example"\n'
    )
    plan, _ = make_plan(config)
    assert plan.problems == ()
    assert plan.outline is not None
    assert plan.outline.ssh == (("127.0.0.1", 2222),)
    assert (tmp_path / "ssh_host_ed25519_key").exists()


def test_a_supervisor_from_before_reads_a_plan_without_a_jump_host() -> None:
    told = json.loads(to_json(Plan(outline=Outline(**OUTLINE))))
    assert "ssh" not in told["outline"]
    assert Plan.from_json(json.dumps(told)).outline == Outline(**OUTLINE)
    with_it = Outline(**OUTLINE, ssh=(("127.0.0.1", 2222),))
    assert Plan.from_json(to_json(Plan(outline=with_it))).outline == with_it


def test_a_worker_takes_the_order_of_a_supervisor_from_before() -> None:
    order = WorkerOrder(number=1, control=3, settings=4, folder="/run", listen=(), redirect=(), admin=())
    assert order.ssh == ()
