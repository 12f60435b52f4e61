"""The mailbox of reports on a real IMAP server: what is read, put away and told, and what stays unread."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from config.tables.bounces import BouncesSettings
from proxy.delivery.bounces.imap_inbox import (
    MOST_AT_ONCE,
    IMAPInbox,
    InboxUnavailable,
    Mailbox,
    tls_context,
    wrong_with_mailbox,
)
from proxy.delivery.delivery_store import FailureReason
from tests.support.bounces import MESSAGE_ID, PASSCODE, Desk, desk, kapow_refusal, plain_mail, postfix_report, sending
from tests.support.dovecot import NAME, PASSWORD, PROGRAM, Dovecot, running_dovecot
from tests.support.eventually import eventually

FAST = 0.05


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server(authority: trustme.CA) -> Iterator[Dovecot]:
    if PROGRAM is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "dovecot is not installed: apt-get install dovecot-imapd"
        )
    with running_dovecot(authority.issue_cert("127.0.0.1")) as dovecot:
        yield dovecot


@pytest.fixture
def dovecot(server: Dovecot) -> Dovecot:
    server.empty()
    return server


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def settings(dovecot: Dovecot, authority: Path | None, **changes: Any) -> BouncesSettings:
    values: dict[str, Any] = {
        "inbox": "imap",
        "host": "127.0.0.1",
        "port": dovecot.port,
        "username": NAME,
        "password": PASSWORD,
        "ca_file": authority,
    }
    return BouncesSettings.model_validate({**values, **changes}).model_copy(update={"poll": FAST})


@contextlib.asynccontextmanager
async def reading(chosen: BouncesSettings, desk: Desk) -> AsyncIterator[IMAPInbox]:
    inbox = IMAPInbox(chosen, desk.desk)
    task = asyncio.create_task(inbox.run())
    try:
        yield inbox
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_report_is_noted_and_deleted_and_other_mail_is_only_marked(dovecot: Dovecot, ca_file: Path) -> None:
    at = desk()
    await at.store.deliveries.put_sending(sending())
    other = plain_mail("Where do I find the canteen's menu?", in_reply_to=False, subject="Menu")
    dovecot.deliver(other)
    dovecot.deliver(postfix_report())
    async with reading(settings(dovecot, ca_file), at) as inbox:
        await eventually(lambda: dovecot.mails() == [(other, True)])
        assert inbox.trouble is None
    (failure,) = await at.store.deliveries.failures(since=0.0)
    assert (failure.message_id, failure.reason) == (MESSAGE_ID, FailureReason.NUMBER_REFUSED)
    assert (failure.guid, failure.destination) == (sending().guid, sending().destination)


async def test_reports_that_are_kept_are_read_once(dovecot: Dovecot, ca_file: Path) -> None:
    at = desk()
    await at.store.deliveries.put_sending(sending())
    report = kapow_refusal("You have no credit.")
    dovecot.deliver(report)
    async with reading(settings(dovecot, ca_file, then="keep"), at):
        await eventually(lambda: dovecot.mails() == [(report, True)])
    assert len(await at.store.deliveries.failures(since=0.0)) == 1


async def test_what_arrives_later_is_read_over_starttls_too(dovecot: Dovecot, ca_file: Path) -> None:
    at = desk()
    await at.store.deliveries.put_sending(sending())
    chosen = settings(dovecot, ca_file, port=dovecot.plain_port, security="starttls")
    async with reading(chosen, at):
        dovecot.deliver(b"Subject: first\r\n\r\n")
        await eventually(lambda: [read for _, read in dovecot.mails()] == [True])
        dovecot.deliver(postfix_report())
        await eventually(lambda: at.told("passcode.bounced"))


async def test_while_the_store_is_away_a_report_stays_unread(dovecot: Dovecot, ca_file: Path) -> None:
    at = desk()
    await at.store.deliveries.put_sending(sending())
    at.store.away = True
    dovecot.deliver(postfix_report())
    async with reading(settings(dovecot, ca_file), at) as inbox:
        await eventually(lambda: inbox.trouble)
        assert dovecot.mails() == [(postfix_report(), False)]
        at.store.away = False
        await eventually(lambda: not dovecot.mails())
        await eventually(lambda: inbox.trouble is None)
    assert len(await at.store.deliveries.failures(since=0.0)) == 1


async def test_a_flood_is_read_in_parts_and_only_the_beginning_of_large_mails(dovecot: Dovecot, ca_file: Path) -> None:
    at = desk()
    await at.store.deliveries.put_sending(sending())
    for n in range(60):
        dovecot.deliver(b"Subject: %d\r\n\r\nno\r\n" % n)
    dovecot.deliver(postfix_report() + b"x" * 5_000_000)
    async with reading(settings(dovecot, ca_file), at):
        await eventually(lambda: at.told("passcode.bounced"), seconds=20)
        await eventually(lambda: len(dovecot.mails()) == 60)
    for n in range(MOST_AT_ONCE + 1):
        dovecot.deliver(b"Subject: %d\r\n\r\nno\r\n" % n)
    mailbox = Mailbox(settings(dovecot, ca_file), tls_context(settings(dovecot, ca_file)))
    first = mailbox.unseen()
    assert len(first) == MOST_AT_ONCE
    assert b"Subject: %d\r\n" % MOST_AT_ONCE in mailbox.content(first[-1])  # the newest does not wait behind a flood
    assert b"Subject: 1\r\n" in mailbox.content(first[0])
    mailbox.close()


@pytest.mark.parametrize(
    ("changes", "trouble"),
    [
        ({"password": "wrong"}, "refuses the login"),
        ({"mailbox": "Nowhere"}, "can't be opened"),
        ({"ca_file": None}, "certificate is not accepted"),
        ({"host": "localhost"}, "certificate is not accepted"),
        ({"port": 1}, "can't be reached"),
    ],
)
async def test_what_is_wrong_is_told_without_a_secret(
    dovecot: Dovecot, ca_file: Path, changes: dict[str, Any], trouble: str
) -> None:
    async with reading(settings(dovecot, ca_file, **changes), desk()) as inbox:
        await eventually(lambda: inbox.trouble)
        assert trouble in str(inbox.trouble)
        assert PASSWORD not in str(inbox.trouble)


def test_a_refused_login_leaves_no_password_in_a_traceback(dovecot: Dovecot) -> None:
    chosen = settings(dovecot, None, security="none", port=dovecot.plain_port, password="s3cret-pässword")
    with pytest.raises(InboxUnavailable) as caught:
        Mailbox(chosen, None)
    assert caught.value.__cause__ is None
    assert "s3cret" not in repr(caught.value)


async def test_a_refused_login_is_left_alone_for_longer_and_longer() -> None:
    """It is asked every few seconds: the account would soon be locked."""
    logins = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal logins
        writer.write(b"* OK here\r\n")
        while line := await reader.readline():
            tag, verb = line.split()[:2]
            logins += verb == b"LOGIN"
            writer.write(b"* CAPABILITY IMAP4rev1\r\n" if verb == b"CAPABILITY" else b"")
            writer.write(tag + (b" NO no\r\n" if verb == b"LOGIN" else b" OK yes\r\n"))
        writer.close()

    now, turns = 0.0, 0
    at = desk()
    began = at.desk.try_again

    async def counted() -> None:
        nonlocal turns
        turns += 1
        await began()

    at.desk.try_again = counted  # type: ignore[method-assign]
    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        values = {"inbox": "imap", "host": "127.0.0.1", "port": port, "security": "none"}
        chosen = BouncesSettings.model_validate({**values, "username": "a", "password": "b"})
        inbox = IMAPInbox(chosen.model_copy(update={"poll": FAST}), at.desk, clock=lambda: now)
        task = asyncio.create_task(inbox.run())
        for tries, wait in enumerate((60, 480, 3600), start=1):
            await eventually(lambda: logins == tries)  # noqa: B023
            await eventually(lambda: f"tried again in {wait // 60} min" in str(inbox.trouble))  # noqa: B023
            since = turns
            await eventually(lambda: turns >= since + 3)  # noqa: B023
            assert logins == tries
            now += wait
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_server_that_hangs_does_not_keep_gatepost_from_ending() -> None:
    """Its thread ends with the time-out at the latest."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()

    hanging = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with hanging:
        port = hanging.sockets[0].getsockname()[1]
        values = {"inbox": "imap", "host": "127.0.0.1", "port": port, "security": "none", "timeout": 1.0}
        chosen = BouncesSettings.model_validate({**values, "username": "a", "password": "b"})
        began_at = time.monotonic()
        async with reading(chosen, desk()) as inbox:
            await eventually(lambda: inbox.trouble)
            assert "no answer in time" in str(inbox.trouble)
        assert time.monotonic() - began_at < 5


async def test_a_connection_that_is_given_up_while_it_is_made_is_closed_once_it_is() -> None:
    asked, may_answer, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await may_answer.wait()
        writer.write(b"* OK here\r\n")
        while line := await reader.readline():
            tag, verb = line.split()[:2]
            writer.write(b"* CAPABILITY IMAP4rev1\r\n" if verb == b"CAPABILITY" else b"")
            writer.write(tag + b" OK yes\r\n")
        ended.set()
        writer.close()

    async with await asyncio.start_server(answer_late, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        values = {"inbox": "imap", "host": "127.0.0.1", "port": port, "security": "none"}
        async with reading(BouncesSettings.model_validate({**values, "username": "a", "password": "b"}), desk()):
            await asked.wait()
        may_answer.set()
        async with asyncio.timeout(10):
            await ended.wait()


async def test_no_mail_is_quoted_in_the_log(dovecot: Dovecot, ca_file: Path) -> None:
    at = desk()
    await at.store.deliveries.put_sending(sending())
    dovecot.deliver(kapow_refusal(f"No credit for {PASSCODE}"))
    async with reading(settings(dovecot, ca_file), at):
        await eventually(lambda: at.told("passcode.bounced"))
    assert PASSCODE not in at.log.getvalue()


async def test_the_check_tries_the_mailbox_and_touches_nothing(dovecot: Dovecot, ca_file: Path) -> None:
    dovecot.deliver(postfix_report())
    assert await wrong_with_mailbox(settings(dovecot, ca_file)) is None
    assert dovecot.mails() == [(postfix_report(), False)]
    assert "refuses the login" in str(await wrong_with_mailbox(settings(dovecot, ca_file, password="wrong")))
