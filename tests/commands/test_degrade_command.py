"""`gatepost degrade`: what it puts in force, shows and ends, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.cli import main
from proxy.commands.degrade import check_rungs
from tests.portal.stage import portal_settings
from tests.support.configuration import written

RUNGS = """
[second_factor]
channels = ["kapow", "email"]
[[degrade]]
name = "by mail"
what = "mail"
longest = "3h"
[[degrade]]
name = "closed"
what = "closed"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return written(tmp_path, more=RUNGS)


@pytest.fixture(autouse=True)
def through_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "anna")


def run(config: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """The warning of the weak rung left out."""
    code = main(["degrade", *arguments, "--config", str(config)])
    told = capsys.readouterr()
    wrong = [line for line in told.err.splitlines(keepends=True) if ": warning: degrade" not in line]
    return code, told.out, "".join(wrong)


def test_a_rung_begins_is_shown_gets_another_end_and_ends(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, _ = run(config, capsys)
    assert code == 0
    assert shown == (
        "by mail: codes come by mail instead of by text message; for at most 3 hours\n  not in force\n"
        "closed: nobody new signs in; for at most 4 hours\n  not in force\n"
    )
    code, begun, _ = run(config, capsys, "by mail", "--for", "2h", "--reason", " Kapow is\n down ")
    assert code == 0
    assert begun.startswith('"by mail" has been in force since ')
    assert "by anna (as " in begun
    assert begun.endswith(": Kapow is down\nAll workers and nodes go by it within a second.\n")
    code, shown, _ = run(config, capsys)
    assert shown.count("not in force") == 1
    assert begun.removesuffix("All workers and nodes go by it within a second.\n") in shown
    code, said, wrong = run(config, capsys, "by mail", "--for", "1h", "--reason", "once more")
    assert (code, said) == (1, "")
    assert "has been in force since" in wrong
    assert "Nothing was changed: --again gives it another end" in wrong
    assert "Kapow is down" in run(config, capsys)[1]
    code, begun, _ = run(config, capsys, "by mail", "--for", "1h", "--reason", "once more", "--again")
    assert code == 0
    assert "once more" in begun
    assert run(config, capsys, "--end") == (0, '"by mail" has ended.\n', "")
    assert run(config, capsys, "--end") == (0, "Nothing was in force.\n", "")
    assert run(config, capsys)[1].count("not in force") == 2


def test_one_of_several_is_ended_by_its_name(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("by mail", "closed"):
        assert run(config, capsys, name, "--for", "1h", "--reason", "x")[0] == 0
    assert run(config, capsys, "closed", "--end") == (0, '"closed" has ended.\n', "")
    code, _, wrong = run(config, capsys, "--end", "by mial")
    assert code == 1
    assert wrong == 'gatepost degrade: "by mial" is not in force; did you mean "by mail"?\n'
    assert run(config, capsys, "--end")[1] == '"by mail" has ended.\n'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["by mail", "--for", "1h"], "--reason is missing: say why, for log and audit"),
        (["by mail", "--reason", "x"], "--for is missing: say for how long, at most 3 hours"),
        (["by mail", "--for", "181m", "--reason", "x"], '--for: "by mail" may be in force for at most 3 hours'),
        (["by mial", "--for", "1h", "--reason", "x"], 'there is no rung "by mial"; did you mean "by mail"?'),
        (["--for", "1h"], "--for belongs to a rung: name one"),
        (["by mail", "--end", "--reason", "x"], "--reason belongs to a rung that begins"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    config: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, said, wrong = run(config, capsys, *arguments)
    assert (code, said) == (2, "")
    assert wrong.startswith(f"gatepost degrade: {message}")
    assert run(config, capsys)[1].count("not in force") == 2


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--for", "for ever", "not a duration: write a string such as"),
        ("--for", "59s", "must be at least a minute"),
        ("--reason", " ", "is empty: say why, for log and audit"),
        ("--reason", "a" * 301, "is 301 characters long: 300 is the most"),
        ("--reason", "a\x1b[2Jb", "holds control characters: write plain text"),
    ],
)
def test_what_cannot_be_read_is_refused(
    config: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["degrade", "closed", option, value, "--config", str(config)])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_again_is_for_what_is_in_force(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, wrong = run(config, capsys, "closed", "--for", "1h", "--reason", "x", "--again")
    assert (code, wrong) == (1, 'gatepost degrade: --again: "closed" is not in force\n')


def test_a_rung_that_the_configuration_lost_is_told_and_not_in_force(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, capsys, "closed", "--for", "1h", "--reason", "x")[0] == 0
    config.write_text(config.read_text().replace('name = "closed"', 'name = "shut"'))
    shown = run(config, capsys)[1]
    assert "shut: nobody new signs in; for at most 4 hours\n  not in force\n" in shown
    lost = 'closed: is not in force: the configuration has no such rung (what = "closed")\n'
    assert lost in shown
    # It would be in force again with the configuration that has it.
    assert run(config, capsys, "closed", "--end") == (0, '"closed" has ended.\n', "")
    assert lost not in run(config, capsys)[1]
    config.write_text(config.read_text().replace('name = "shut"', 'name = "closed"'))
    assert run(config, capsys)[1].count("not in force") == 2


def test_without_rungs_the_command_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = written(tmp_path)
    assert "The configuration has no rungs" in run(config, capsys)[1]
    code, _, wrong = run(config, capsys, "closed", "--for", "1h", "--reason", "x")
    assert (code, wrong) == (2, "gatepost degrade: the configuration has no [[degrade]]\n")


def test_the_check_lists_the_rungs_and_says_which_is_weak(tmp_path: Path) -> None:
    rungs = [
        {"name": "gateway", "what": "channels", "channels": ["aql", "textlocal"]},
        {"name": "mail", "what": "mail"},
    ]
    settings = portal_settings(tmp_path, degrade=rungs)
    assert [f"{each.subject}: {each.detail}" for each in check_rungs(settings)] == [
        'rung "gateway": text messages go by aql, then textlocal; for at most 4 hours',
        'rung "mail": codes come by mail instead of by text message; for at most 4 hours. It is a weak one: who reads'
        " the mailbox passes for the phone",
    ]
