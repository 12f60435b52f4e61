"""The pretend phone: a real relay's client can send to it, and its page shows what came."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import aiosmtplib
import pytest

from proxy.delivery.channel import Outcome
from proxy.delivery.create_channels import create_channels
from proxy.demo.phone import Phone
from tests.support.delivery import delivery_settings, passcode_message, relay_settings


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    phone = Phone()
    await phone.start()
    yield phone
    await phone.close()


async def send(phone: Phone, **changes: str) -> None:
    channel = create_channels(delivery_settings(relay_settings(phone.smtp_port)))
    delivery = await channel.send(passcode_message(**changes))
    await channel.close()
    assert delivery.outcome is Outcome.ACCEPTED


async def page(phone: Phone) -> str:
    async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{phone.http_port}/") as answer:
        assert answer.status == 200
        return await answer.text()


async def test_a_passcode_message_arrives_as_an_sms(phone: Phone) -> None:
    await send(phone)
    (message,) = phone.messages
    assert message.text == "493817 is your Wiki sign-in code. It is valid for 5 minutes."
    assert (message.number, message.recipient) == ("447400123456", "447400123456@kapow.co.uk")
    assert "493817" not in repr(message)


async def test_the_page_shows_the_text_without_javascript(phone: Phone) -> None:
    assert "No messages yet." in await page(phone)
    await send(phone)
    html = await page(phone)
    assert "493817 is your Wiki sign-in code." in html
    assert "To +447400123456" in html
    assert '<noscript><meta http-equiv="refresh"' in html


async def test_a_text_cannot_inject_markup(phone: Phone) -> None:
    await send(phone, app="<script>x</script>")
    assert "<script>x" not in await page(phone)


async def test_the_page_allows_no_inline_code_and_nothing_from_elsewhere(phone: Phone) -> None:
    async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{phone.http_port}/") as answer:
        policy = answer.headers["Content-Security-Policy"]
        html = await answer.text()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "style=" not in html
    assert "onclick" not in html


async def test_an_open_page_is_told_of_each_message(phone: Phone) -> None:
    url = f"http://127.0.0.1:{phone.http_port}/events"
    async with asyncio.timeout(5), aiohttp.ClientSession() as client, client.get(url) as events:
        assert await events.content.readline() == b"data: 0\n"
        await send(phone)
        assert await events.content.readline() == b"\n"
        assert await events.content.readline() == b"data: 1\n"


async def test_two_messages_on_one_connection_both_arrive(phone: Phone) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=phone.smtp_port, start_tls=False) as client:
        for text in ("first", "..second"):
            await client.sendmail("a@b.example", ["447700900123@kapow.co.uk"], f"Subject: {text}\r\n\r\n.dot\r\n")
    assert [message.text for message in phone.messages] == ["first", "..second"]


async def test_a_broken_client_does_not_disturb_the_next(phone: Phone) -> None:
    for sent in (b"", b"\xff\xfe\r\n", b"x" * 100_000, b"MAIL FROM:<a@b>\r\nDATA\r\n"):
        _, writer = await asyncio.open_connection("127.0.0.1", phone.smtp_port)
        writer.write(sent)
        writer.close()
    await send(phone)
    assert len(phone.messages) == 1
