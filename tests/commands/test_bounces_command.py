"""`gatepost bounces`: who was not reached, why, and what to do; nothing else of any mail."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from proxy.cli import main
from proxy.delivery.delivery_store import DeliveryFailure, FailureReason
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.support.configuration import written

INBOX = '[bounces]\ninbox = "smtp"\nlisten = "127.0.0.1:0"\n'


def failed(config: Path, *, ago: float, reason: FailureReason, username: str = "anna") -> None:
    async def write() -> None:
        store = SQLiteStore(config.with_name("state.db"))
        at = time.time() - ago
        await store.deliveries.put_failure(
            DeliveryFailure(
                message_id=username * 3,
                guid=f"guid-{username}",
                realm="corp",
                username=username,
                channel="kapow",
                destination="•••456",
                sent_at=at - 5,
                reason=reason,
                detail="550 5.1.1 …: User unknown",
                failed_at=at,
            )
        )
        await store.close()

    asyncio.run(write())


def test_failures_of_the_last_day_are_listed_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = written(tmp_path, more=INBOX)
    failed(config, ago=60, reason=FailureReason.NUMBER_REFUSED)
    failed(config, ago=90_000, reason=FailureReason.NO_CREDIT, username="bob")
    assert main(["bounces", "--config", str(config)]) == 0
    out = capsys.readouterr().out
    assert "corp\\anna" in out
    assert "correct the number" in out
    assert "•••456" in out
    assert "bob" not in out
    assert main(["bounces", "--since", "2d", "--json", "--config", str(config)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(each["username"], each["reason"]) for each in told] == [("anna", "number_refused"), ("bob", "no_credit")]


def test_without_an_inbox_it_says_that_nothing_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bounces", "--config", str(written(tmp_path))]) == 0
    captured = capsys.readouterr()
    assert "There are no failed deliveries." in captured.out
    assert "[bounces]" in captured.err


@pytest.mark.parametrize(("since", "why"), [("yesterday", "not a duration"), ("5d", "failures are remembered for 3d")])
def test_a_since_that_cannot_be_answered_is_wrong_usage(
    since: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["bounces", "--since", since, "--config", str(written(tmp_path))])
    assert caught.value.code == 2
    assert why in capsys.readouterr().err
