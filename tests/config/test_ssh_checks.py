"""`[ssh]` and `[[ssh.targets]]`: what cannot work is said before anybody connects."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import checks
from config.load import load_settings
from config.problems import ConfigurationError
from config.settings import Settings
from tests.config.test_admin_checks import START

LISTEN = '[ssh]\nlisten = ["127.0.0.1:2222"]\n'
TARGET = '[[ssh.targets]]\nhost = "db.corp.example"\n'
SCHEMES = """
[[schemes]]
name = "keys"
factors = ["password", "passkey"]
[[schemes]]
name = "tickets"
factors = ["kerberos"]
[[schemes]]
name = "wiki"
factors = ["password", "sms"]
apps = ["Wiki"]
[[schemes]]
name = "quick"
factors = ["password"]
[[schemes]]
name = "browser"
factors = ["password", ["passkey", "sms"]]
"""


def load(folder: Path, text: str) -> Settings:
    (folder / "users.toml").write_text("")
    (folder / "gatepost.toml").write_text(START + text)
    return load_settings(folder / "gatepost.toml", {})


def test_without_an_address_there_is_none(tmp_path: Path) -> None:
    assert not load(tmp_path, "").ssh.is_on


def test_what_is_written_is_what_is_used(tmp_path: Path) -> None:
    settings = load(tmp_path, LISTEN + TARGET + 'groups = ["DBAs"]\n')
    (target,) = settings.ssh.targets
    assert (target.host, target.ports, target.groups) == ("db.corp.example", (22,), ("DBAs",))
    assert "DBAs" in settings.group_names


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("DB.corp.example.", "db.corp.example"),
        ("*.Corp.example", "*.corp.example"),
        ("10.0.0.5", "10.0.0.5"),
        ("[2001:DB8::5]", "2001:db8::5"),
        ("10.0.0.0/8", "10.0.0.0/8"),
    ],
)
def test_hosts_are_read_in_their_canonical_form(tmp_path: Path, written: str, meant: str) -> None:
    settings = load(tmp_path, LISTEN + TARGET.replace("db.corp.example", written))
    assert settings.ssh.targets[0].host == meant


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        (LISTEN, "targets", "nobody can be let through"),
        (TARGET, "listen", "without an address there is no jump host"),
        ('[ssh]\nscheme = "browser"\n', "listen", "without an address there is no jump host"),
        (LISTEN.replace("2222", "8080") + TARGET, "listen", "is listened on already"),
        (LISTEN + 'scheme = "browsr"\n' + TARGET, "scheme", 'did you mean "browser"?'),
        (LISTEN + 'scheme = "keys"\n' + TARGET, "scheme", "cannot be typed"),
        (LISTEN + 'scheme = "wiki"\n' + TARGET, "scheme", "is for certain apps"),
        (LISTEN + 'scheme = "tickets"\n' + TARGET, "scheme", 'does not begin with "password"'),
        (LISTEN + 'login_timeout = "16m"\n' + TARGET, "login_timeout", 'at most "15m"'),
        (LISTEN + TARGET.replace("db.corp.example", "10.1"), "targets[0].host", "not an IP address in full"),
        (LISTEN + TARGET.replace("db.corp.example", "10.0.0.1/8"), "targets[0].host", "host part must be zero"),
        (LISTEN + TARGET.replace("db.corp.example", "*"), "targets[0].host", "not a host name"),
        (LISTEN + TARGET.replace("db.corp.example", "db:22"), "targets[0].host", "not a host name"),
        (LISTEN + TARGET + "ports = [0]\n", "targets[0].ports", "at least 1"),
        (LISTEN + TARGET + "ports = []\n", "targets[0].ports", "empty list"),
        (LISTEN + TARGET + "groups = []\n", "targets[0].groups", "empty list"),
        (LISTEN + TARGET + 'group = "DBAs"\n', "targets[0].group", "unknown key"),
    ],
)
def test_what_cannot_work_is_said(tmp_path: Path, text: str, key: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text + SCHEMES)
    found = [problem for problem in caught.value.problems if problem.table == "ssh"]
    assert [problem.key.partition("[1]")[0] for problem in found] in ([key], [f"{key}[0]"])
    assert message in found[0].message


def test_what_is_seldom_meant_is_warned_of(tmp_path: Path) -> None:
    text = LISTEN + 'scheme = "quick"\n' + TARGET.replace("db.", "*.")
    told = "\n".join(checks.warnings(load(tmp_path, text + SCHEMES.replace('"kerberos"', '"password"'))))
    assert 'ssh: scheme: "quick" lets everybody whom it is for through with a password alone' in told
    assert 'ssh.targets ("*.corp.example"): has no groups' in told
