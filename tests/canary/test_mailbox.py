"""A canary to a mailbox on a real IMAP server, through a real relay: it is read, deleted, and nothing else is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from config.settings import Settings
from proxy.canary.canary_message import CanaryState
from proxy.canary.create_canaries import check_canaries
from tests.support.canaries import MAIL, SMS, Watch, canary_settings, forwarded, node, text_of
from tests.support.dovecot import NAME, PASSWORD, PROGRAM, Dovecot, running_dovecot
from tests.support.eventually import eventually
from tests.support.memory_store import MemoryStore
from tests.support.smtp_sink import smtp_sink

OTHER = b"Subject: Menu\r\n\r\nWhere do I find the canteen's menu? Call 493817.\r\n"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def dovecot(authority: trustme.CA) -> Iterator[Dovecot]:
    if PROGRAM is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "dovecot is not installed: apt-get install dovecot-imapd"
        )
    with running_dovecot(authority.issue_cert("127.0.0.1")) as dovecot:
        yield dovecot


def inbox(dovecot: Dovecot, authority: trustme.CA, folder: Path, **changes: Any) -> dict[str, Any]:
    authority.cert_pem.write_to_path(folder / "ca.pem")
    values = {"host": "127.0.0.1", "port": dovecot.port, "username": NAME, "password": PASSWORD}
    return {**values, "ca_file": folder / "ca.pem", **changes}


def looking_often(settings: Settings) -> Settings:
    canaries = (
        each.model_copy(update={"inbox": each.inbox and each.inbox.model_copy(update={"poll": 0.05})})
        for each in settings.canaries
    )
    return settings.model_copy(update={"canaries": tuple(canaries)})


async def test_messages_are_read_and_deleted_and_other_mail_stays(
    dovecot: Dovecot, authority: trustme.CA, tmp_path: Path
) -> None:
    """Two canaries share the mailbox, so either may find what is the other's."""
    dovecot.empty()
    clock, own = Watch(), inbox(dovecot, authority, tmp_path)
    async with smtp_sink() as sink:
        settings = canary_settings(sink.port, {**SMS, "inbox": own}, {**MAIL, "inbox": own})
        at = node(looking_often(settings), MemoryStore().canaries, clock)
        working = asyncio.create_task(at.served.run())
        sent = [await sink.next_message(), await sink.next_message()]
        dovecot.deliver(OTHER)
        clock.now += 4
        for each in sent:
            is_mail = each.recipients[0].endswith("@corp.example")
            dovecot.deliver(each.content if is_mail else forwarded(text_of(each)))
        await eventually(lambda: dovecot.mails() == [(OTHER, True)])
        await at.served.board.look()
        states = [at.served.board.judgement(name, clock.now).state for name in ("kapow", "mail")]
        assert states == [CanaryState.ARRIVES] * 2
        assert [await check.ask() for check in at.served.checks.values()] == [None] * 4
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_nobody_is_told_of_delays_because_a_mailbox_cannot_be_read(
    dovecot: Dovecot, authority: trustme.CA, tmp_path: Path
) -> None:
    clock, store = Watch(), MemoryStore()
    away = inbox(dovecot, authority, tmp_path, port=1)
    async with smtp_sink() as sink:
        at = node(looking_often(canary_settings(sink.port, {**SMS, "inbox": away})), store.canaries, clock)
        reading = asyncio.create_task(at.served.inboxes["kapow"].run())
        await at.served.canaries.turn()
        await eventually(lambda: at.served.inboxes["kapow"].trouble)
        clock.now += 400
        await at.served.canaries.turn()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    await at.served.board.look()
    assert at.served.board.judgement("kapow", clock.now).state is CanaryState.UNKNOWN
    assert not at.served.board.is_delayed("kapow", clock.now)
    assert at.told("canary.fails") == []


async def test_a_mailbox_that_cannot_be_read_is_told_by_check(
    dovecot: Dovecot, authority: trustme.CA, tmp_path: Path
) -> None:
    good, wrong = (inbox(dovecot, authority, tmp_path, password=each) for each in (PASSWORD, "wrong"))
    found = await check_canaries(
        canary_settings(25, {**SMS, "inbox": good}, {**MAIL, "inbox": wrong}, {**SMS, "name": "x"})
    )
    assert [(each.subject, each.ok) for each in found] == [
        ("canary kapow", True),
        ("mailbox of canary kapow", True),
        ("canary mail", True),
        ("mailbox of canary mail", False),
        ("canary x", True),
    ]
    told = " ".join(each.detail for each in found)
    assert "refuses the login" in told
    assert "gatepost canary arrived x CODE" in told
    for secret in ("7400123456", "07400", "canary@corp.example", PASSWORD):
        assert secret not in told
