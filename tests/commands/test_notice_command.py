"""`gatepost notice`: what it puts up, shows and takes down, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.cli import main
from tests.support.configuration import written

SLOW = "SMS to Vodafone are slow today"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return written(tmp_path)


def said(config: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["notice", *arguments, "--config", str(config)]) == 0
    return capsys.readouterr().out


def test_a_notice_is_put_up_shown_replaced_and_taken_down(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(config, capsys) == "There is no notice.\n"
    shown = f"{SLOW}\n(on the sign-in, passcode and start pages, until gatepost notice --clear)\n"
    assert said(config, capsys, f"  {SLOW.replace(' ', '  ')}\n") == shown
    assert said(config, capsys) == shown
    shown = said(config, capsys, "Wiki is down until noon", "--for", "2h")
    assert shown.startswith("Wiki is down until noon\n(on the sign-in, passcode and start pages, until ")
    assert "--clear" not in shown
    assert said(config, capsys, "--clear") == "The notice is taken down.\n"
    assert said(config, capsys, "--clear") == "There was no notice.\n"
    assert said(config, capsys) == "There is no notice.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([""], "the text is empty: write what people should know, or --clear"),
        (["a" * 301], "the text is 301 characters long: 300 is the most"),
        (["a\x1b[2Jb"], "the text holds control characters: write plain text"),
        ([SLOW, "--clear"], "not allowed with argument"),
        ([SLOW, "--for", "soon"], "--for: not a duration: write a string such as"),
        ([SLOW, "--for", "0h"], "--for: must be more than nothing"),
        ([SLOW, "--for", "367d"], "at most a year"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    config: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["notice", *arguments, "--config", str(config)])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_time_without_a_text_is_refused(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notice", "--for", "2h", "--config", str(config)]) == 2
    assert "--for: there is no text" in capsys.readouterr().err
