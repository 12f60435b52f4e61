"""`gatepost` as it is typed: exit codes, and one clear line for each thing that is wrong."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from proxy import __version__
from proxy.__main__ import main as entrance
from proxy.cli import main
from proxy.commands.config_option import USUAL_FILE, config_file
from proxy.forwarding import exchange
from tests.support.configuration import written
from tests.support.gatepost import command, environment, free_port, gatepost, gatepost_here

COMMANDS = (
    *("run", "check", "mobiles", "bounces", "explain alice", "unlock alice", "sessions list", "sessions end alice"),
    *("keys list", "keys rotate", "keys drop", "send-test 07912345678"),
)


def called(command: str) -> int:
    """As typed: `run` has an entrance of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["gatepost", *command.split()])
        return entrance()


def test_no_command_is_wrong_usage() -> None:
    assert gatepost().returncode == 2


def test_the_version_is_told_and_whether_this_is_compiled() -> None:
    result = gatepost("--version")
    form = "" if isinstance(exchange.__loader__, SourceFileLoader) else " (compiled)"
    assert (result.returncode, result.stdout) == (0, f"gatepost {__version__}{form}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_configuration_may_come_from_the_environment(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gatepost.toml"
    file.write_text("[server\n")
    monkeypatch.setenv("GATEPOST_CONFIG", str(file))
    assert called(command) == 2
    assert f"{file}: is not TOML" in "".join(capsys.readouterr())


@pytest.mark.skipif(os.path.lexists(USUAL_FILE), reason=f"{USUAL_FILE} is there")
@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_configuration_each_command_says_where_it_looked(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GATEPOST_CONFIG", raising=False)
    assert called(command) == 2
    told = capsys.readouterr().err
    assert told == (
        f"gatepost {command.split()[0]}: which configuration? Give --config FILE or set GATEPOST_CONFIG: there is no"
        f" {USUAL_FILE}\n"
    )


def test_the_usual_place_is_looked_at_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, named, given = (tmp_path / name for name in ("usual.toml", "named.toml", "given.toml"))
    usual.touch()
    monkeypatch.delenv("GATEPOST_CONFIG", raising=False)
    assert config_file(None, usual=usual) == usual
    monkeypatch.setenv("GATEPOST_CONFIG", str(named))
    assert config_file(None, usual=usual) == named
    assert config_file(given, usual=usual) == given


def test_where_the_configuration_is_is_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path)
    monkeypatch.setenv("GATEPOST_CONFIG", str(file))
    assert main(["sessions", "list"]) == 0


def test_a_missing_configuration_is_one_clear_line(tmp_path: Path) -> None:
    result = gatepost("run", "--config", str(tmp_path / "nowhere.toml"))
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "nowhere.toml" in result.stderr


def test_every_problem_is_told_at_once_with_its_file_table_and_key(tmp_path: Path) -> None:
    file = written(tmp_path)
    file.write_text(file.read_text().replace("upstream =", "upsteam =").replace("[smtp]", '[smtp]\nuser = "x"'))
    result = gatepost_here("check", "--config", str(file))
    assert result.returncode == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert all(line.startswith(str(file)) for line in lines)
    assert any("upsteam" in line and "upstream" in line and "apps[0]" in line for line in lines)
    assert any("user" in line and "smtp" in line for line in lines)


def test_a_text_that_is_no_sms_stops_the_start(tmp_path: Path) -> None:
    file = written(tmp_path)
    file.write_text(file.read_text() + '[sms]\ntext = "{passcode} ' + "x" * 160 + '"\n')
    result = gatepost("run", "--config", str(file))
    assert result.returncode == 2
    assert "160" in result.stderr


def test_an_address_in_use_is_said_plainly(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        file = written(tmp_path, port=port)
        result = gatepost("run", "--config", str(file))
        demo = gatepost("demo", "--port", str(port))
    assert result.returncode == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"{file}: server.listen: cannot listen")
    assert "in use" in last
    assert demo.returncode == 2
    said = [line for line in demo.stderr.splitlines() if not line.startswith("{")]  # the log is JSON
    assert len(said) == 1, demo.stderr  # no RuntimeWarning of Python's beside it
    assert "--port" in demo.stderr
    assert "in use by another program" in demo.stderr


def test_a_port_of_the_demos_phone_that_is_in_use_is_said_plainly() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        demo = gatepost("demo", "--port", str(free_port()), "--phone-port", str(port))
    assert demo.returncode == 2
    assert len([line for line in demo.stderr.splitlines() if not line.startswith("{")]) == 1, demo.stderr
    assert f"--phone-port {port}: cannot listen: the address is in use" in demo.stderr


def test_a_key_file_that_others_can_read_stops_the_start(tmp_path: Path) -> None:
    file = written(tmp_path)
    (tmp_path / "gatepost.key").write_text("whatever")
    (tmp_path / "gatepost.key").chmod(0o644)
    result = gatepost("run", "--config", str(file))
    assert result.returncode == 2
    assert "gatepost.key" in result.stderr


def test_check_says_what_works_and_what_does_not(tmp_path: Path) -> None:
    with socket.socket() as app:
        app.bind(("127.0.0.1", 0))
        app.listen()
        result = gatepost_here("check", "--config", str(written(tmp_path, app_port=app.getsockname()[1])))
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert any(line.startswith("ok") and "app Wiki" in line for line in lines)
    assert any(line.startswith("ok") and "store" in line for line in lines)
    assert any(line.startswith("FAIL") and "relay" in line for line in lines)


def test_output_that_nobody_reads_to_its_end_is_no_error(tmp_path: Path) -> None:
    """``gatepost check | head -1``"""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing) as nobody:
        result = subprocess.run(
            command("check", "--config", str(written(tmp_path))),
            stdout=nobody,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
            env=environment(),
        )
    assert result.returncode == 141
    assert "Traceback" not in result.stderr
    assert "BrokenPipe" not in result.stderr


def test_one_user_is_one_user(tmp_path: Path) -> None:
    result = gatepost_here("check", "--config", str(written(tmp_path)))
    assert f"{tmp_path / 'users.toml'}: 1 user\n" in result.stdout


def test_check_warns_of_a_text_that_needs_more_than_one_sms(tmp_path: Path) -> None:
    file = written(tmp_path)
    own = '[sms.gateways.own]\naddress = "{number}@sms.example"\nmax_characters = 400\n'
    text = "{passcode} " + "x" * 180
    file.write_text(file.read_text() + f'[sms]\ngateway = "own"\ntext = "{text}"\n{own}')
    warnings = gatepost_here("check", "--config", str(file)).stderr.splitlines()
    assert any("sms.text: through own" in line and ": 2 are paid for" in line for line in warnings)


def test_send_test_fails_with_advice_where_no_relay_listens(tmp_path: Path) -> None:
    result = gatepost_here("send-test", "07400 123456", "--config", str(written(tmp_path)))
    assert result.returncode == 1
    assert "07400" not in result.stdout
    assert "7400123456" not in result.stdout + result.stderr


DOMAIN = """
[[directories]]
name = "corp"
type = "active_directory"
domain = "corp.example"
servers = ["ldaps://127.0.0.1:1"]
ca_file = "ca.pem"
bind_user = "svc@corp.example"
bind_password = "x"
"""


@pytest.mark.parametrize("command", ["check", "explain alice", "sessions list --person alice"])
def test_a_directory_that_can_never_work_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    file = written(tmp_path, more=DOMAIN)
    assert main([*command.split(), "--config", str(file)]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    place = 'directories[1] ("corp"): ca_file' if command == "check" else "directory 'corp'"
    assert error.startswith(f"{file}: {place}: ")


def test_a_directory_that_can_never_work_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    result = gatepost("run", "--config", str(written(tmp_path, more=DOMAIN)))
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert 'directories[1] ("corp"): ca_file' in result.stderr
