"""`gatepost canary`: the state of each, and phones and scripts that say that a message is there."""

from __future__ import annotations

import asyncio
import io
import json
import time
from pathlib import Path

import pytest

from proxy.canary.canary_message import CanaryMessage, CanaryRecord
from proxy.cli import main
from proxy.delivery.channel import Outcome
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.support.configuration import written

CANARY = '[[canaries]]\nname = "kapow"\nchannel = "kapow"\nto = "+44 7400 123456"\n'
CODE = "493817"
TEXT = f"{CODE} is your [Wiki] code.\n\n@signin.corp.example #{CODE}"


def sent(folder: Path, *, ago: float = 30.0) -> Path:
    """A configuration whose canary sent this message."""
    config = written(folder, more=CANARY)

    async def write() -> None:
        store = SQLiteStore(config.with_name("state.db"))
        message = CanaryMessage(
            message_id="canary-1", code=CODE, text=TEXT, sent_at=time.time() - ago, outcome=Outcome.ACCEPTED
        )
        await store.canaries.put_canary(CanaryRecord(name="kapow", version=1, messages=(message,)))
        await store.close()

    asyncio.run(write())
    return config


def run(config: Path, *arguments: str) -> int:
    return main(["canary", *arguments, "--config", str(config)])


def test_what_arrived_by_command_is_known_and_counts_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = sent(tmp_path)
    assert run(config, "arrived", "kapow", CODE) == 0
    assert "It took 3" in capsys.readouterr().out
    assert run(config, "arrived", "kapow", CODE) == 0
    assert "before" in capsys.readouterr().out
    assert run(config, "list") == 0
    out = capsys.readouterr().out
    assert "arrives" in out
    assert "3" in out
    assert run(config, "list", "--json") == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["name"], told["channel"], told["state"], told["reason"]) == ("kapow", "kapow", "arrives", "")
    assert 30 <= told["arrival_seconds"] < 60


def test_a_whole_text_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = sent(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"From +44: {TEXT.replace('[', '<')}"))
    assert run(config, "arrived", "kapow", "--text", "-") == 1
    assert 'characters are changed, "[" (U+005B)' in capsys.readouterr().out
    assert run(config, "list") == 1
    out = capsys.readouterr().out
    assert "mangled" in out
    assert CODE not in out


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("arrived", "kapow", "111111"), 1, "has that code"),
        (("arrived", "kapwo", CODE), 2, 'did you mean "kapow"?'),
    ],
)
def test_what_is_not_known_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, why: str
) -> None:
    assert run(sent(tmp_path), *arguments) == code
    assert why in capsys.readouterr().err


def test_one_that_did_not_arrive_is_an_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(sent(tmp_path, ago=500), "list") == 1
    assert "lost" in capsys.readouterr().out


def test_without_canaries_there_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(written(tmp_path), "list") == 0
    assert "There are no [[canaries]]." in capsys.readouterr().out
