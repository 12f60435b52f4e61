"""The mail server for reports: what it takes from whom, and that it forwards and answers nothing."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from config.tables.bounces import BouncesSettings
from proxy.delivery.bounces.smtp_inbox import MOST_A_MINUTE, MOST_CONNECTIONS, SMTPInbox
from tests.support.bounces import SENDER, Desk, desk, postfix_report, sending
from tests.support.eventually import eventually


@contextlib.asynccontextmanager
async def serving(
    at: Desk, *, most_a_minute: int = MOST_A_MINUTE, **changes: Any
) -> AsyncIterator[tuple[SMTPInbox, int]]:
    chosen = BouncesSettings.model_validate({"inbox": "smtp", "listen": "127.0.0.1:0", **changes})
    inbox = SMTPInbox(chosen, at.desk, most_a_minute=most_a_minute)
    task = asyncio.create_task(inbox.run())
    try:
        await eventually(lambda: inbox.address)
        assert inbox.address is not None
        yield inbox, inbox.address[1]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def bring(port: int, content: bytes, *, to: str = SENDER, sender: str = "", tls: Any = None) -> None:
    client = SMTP(hostname="127.0.0.1", port=port, start_tls=tls is not None, tls_context=tls, timeout=5)
    async with client:
        await client.sendmail(sender, [to], content)


async def test_a_report_that_a_relay_brings_is_noted() -> None:
    at = desk()
    await at.store.deliveries.put_sending(sending())
    async with serving(at) as (inbox, port):
        await bring(port, postfix_report())
        assert inbox.trouble is None
    assert len(await at.store.deliveries.failures(since=0.0)) == 1


@pytest.mark.parametrize("to", ["somebody@elsewhere.example", "anna@corp.example", "otp@corp.example.evil.example"])
async def test_mail_for_anybody_else_is_not_taken(to: str) -> None:
    async with serving(desk()) as (_, port):
        with pytest.raises(SMTPException) as caught:
            await bring(port, postfix_report(), to=to)
        assert "550" in str(caught.value)


async def test_mail_from_other_machines_is_not_taken() -> None:
    async with serving(desk(), networks=["192.0.2.0/24"]) as (_, port):
        with pytest.raises((SMTPException, OSError)):
            await bring(port, postfix_report())


async def test_with_a_certificate_nothing_is_taken_in_the_clear(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    at = desk()
    await at.store.deliveries.put_sending(sending())
    files = {"tls_certificate": tmp_path / "both.pem", "tls_key": tmp_path / "both.pem"}
    async with serving(at, **files) as (_, port):
        with pytest.raises(SMTPException):
            await bring(port, postfix_report())
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        await bring(port, postfix_report(), tls=trusting)
    assert len(await at.store.deliveries.failures(since=0.0)) == 1


async def test_a_mail_that_is_too_large_is_refused() -> None:
    async with serving(desk()) as (_, port):
        with pytest.raises(SMTPResponseException) as caught:
            await bring(port, postfix_report() + b"x" * 500_000)
        assert caught.value.code == 552


async def test_too_many_mails_a_minute_are_to_come_later() -> None:
    async with serving(desk(), most_a_minute=3) as (_, port):
        for _ in range(3):
            await bring(port, postfix_report())
        with pytest.raises(SMTPResponseException) as caught:
            await bring(port, postfix_report())
        assert caught.value.code == 451


async def test_connections_beyond_the_bound_are_closed() -> None:
    async with serving(desk()) as (_, port):
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_CONNECTIONS)]
        for reader, _ in opened:
            assert (await reader.readline()).startswith(b"220")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        for _, each in [*opened, (reader, writer)]:
            each.close()
        async with asyncio.timeout(5):
            while not await _is_greeted(port):  # until the others are gone
                pass


async def _is_greeted(port: int) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return (await reader.readline()).startswith(b"220")
    except ConnectionResetError:
        return False
    finally:
        writer.close()


async def test_while_the_store_is_away_the_relay_keeps_the_report() -> None:
    at = desk()
    await at.store.deliveries.put_sending(sending())
    async with serving(at) as (_, port):
        at.store.away = True
        with pytest.raises(SMTPResponseException) as caught:
            await bring(port, postfix_report())
        assert caught.value.code == 451
        at.store.away = False
        await bring(port, postfix_report())
    assert len(await at.store.deliveries.failures(since=0.0)) == 1


async def test_an_address_that_is_taken_is_told() -> None:
    async with serving(desk()) as (_, port):
        chosen = BouncesSettings.model_validate({"inbox": "smtp", "listen": f"127.0.0.1:{port}"})
        second = SMTPInbox(chosen, desk().desk)
        task = asyncio.create_task(second.run())
        await eventually(lambda: second.trouble)
        assert "cannot listen" in str(second.trouble)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
