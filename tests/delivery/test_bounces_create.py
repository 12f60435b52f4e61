"""What is made of `[bounces]` at the start, and what stops it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import structlog

from config.problems import ConfigurationError
from config.tables.bounces import BouncesSettings
from proxy.commands.plan import make_plan
from proxy.delivery.bounces.create_bounces import Bounces, create_bounces
from proxy.delivery.bounces.smtp_inbox import SMTPInbox
from proxy.operations.metrics import Metrics
from tests.support.bounces import desk, kapow_refusal, sending
from tests.support.configuration import written
from tests.support.delivery import delivery_settings
from tests.support.memory_store import MemoryStore

IMAP = {"inbox": "imap", "host": "127.0.0.1", "username": "otp", "password": "x"}
SMTP = {"inbox": "smtp", "listen": "127.0.0.1:0"}


def created(table: dict[str, Any]) -> Bounces | None:
    settings = delivery_settings().model_copy(update={"bounces": BouncesSettings.model_validate(table)})
    log = structlog.get_logger()
    return create_bounces(settings, MemoryStore().deliveries, clock=lambda: 0.0, log=log, metrics=Metrics())


def test_without_an_inbox_there_is_none() -> None:
    assert created({}) is None


@pytest.mark.parametrize("table", [IMAP, SMTP])
async def test_an_inbox_has_no_trouble_before_it_runs(table: dict[str, Any]) -> None:
    bounces = created(table)
    assert bounces is not None
    assert await bounces.trouble() is None


async def test_readiness_hears_of_the_inbox_and_of_what_was_read() -> None:
    at = desk()
    await at.store.deliveries.put_sending(sending())
    inbox = SMTPInbox(BouncesSettings.model_validate(SMTP), at.desk)
    bounces = Bounces(inbox, at.desk)
    await at.desk.take(kapow_refusal("No credit."))
    assert "without credit" in str(await bounces.trouble())
    inbox.trouble = "the port is taken"
    assert str(await bounces.trouble()).startswith("the port is taken; kapow: ")


@pytest.mark.parametrize(
    ("table", "key"), [({**IMAP, "ca_file": "bad.pem"}, "ca_file"), ({**SMTP, "tls_certificate": "bad.pem"}, "tls_")]
)
def test_a_file_that_holds_no_certificate_stops_the_start(tmp_path: Path, table: dict[str, Any], key: str) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    changed = {name: tmp_path / value if value == "bad.pem" else value for name, value in table.items()}
    with pytest.raises(ConfigurationError) as caught:
        created(changed)
    assert f"bounces: {key}" in str(caught.value)


def test_a_mail_server_without_its_library_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "proxy.delivery.bounces.smtp_inbox", None)
    with pytest.raises(ConfigurationError) as caught:
        created(SMTP)
    assert "deploy/requirements.txt" in str(caught.value)
    assert created(IMAP) is not None


def test_a_new_configuration_is_refused_before_any_worker_reads_it(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    table = 'inbox = "smtp"\nlisten = "127.0.0.1:0"\ntls_certificate = "bad.pem"\ntls_key = "bad.pem"\n'
    plan, settings = make_plan(written(tmp_path, more=f"[bounces]\n{table}"))
    assert settings is None
    assert any("bounces: tls_certificate" in problem for problem in plan.problems)
