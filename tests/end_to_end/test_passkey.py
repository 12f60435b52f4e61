"""A passkey from end to end: a real domain, Chromium's virtual authenticator, two workers, and a relay that counts."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession
from playwright.async_api import BrowserContext, Page, Request, expect

from tests.end_to_end.house import House, open_house
from tests.support import changes as admin
from tests.support.browser import chromium
from tests.support.samba import PASSWORD, person
from tests.support.samba_dc import SambaDC
from tests.support.virtual_authenticator import VirtualAuthenticator

SCHEMES = """
[[schemes]]
name = "passkey"
factors = ["passkey"]
[[schemes]]
name = "browser"
factors = ["password", ["passkey", "sms"]]
"""
NAME = "keeps-a-key"
ENABLED = "replace: userAccountControl\nuserAccountControl: 512"
NO_HOUR = "replace: logonHours\nlogonHours:: " + base64.b64encode(bytes(21)).decode()
ANY_HOUR = "replace: logonHours\nlogonHours:: " + base64.b64encode(b"\xff" * 21).decode()
MUST_CHANGE, MAY_STAY = "replace: pwdLastSet\npwdLastSet: 0", "replace: pwdLastSet\npwdLastSet: -1"


@pytest.fixture
async def house(tmp_path: Path, corp: SambaDC) -> AsyncIterator[House]:
    corp.add([person(NAME)])
    async with open_house(tmp_path, corp, more=SCHEMES, environ={"GATEPOST_SERVER__WORKERS": "2"}) as house:
        yield house


async def sign_out(house: House, page: Page) -> None:
    await page.goto(house.url("signin", "/.gatepost/sign-out"))
    await page.click("button.primary")
    await expect(page.locator("h1")).to_have_text("You are signed out")


async def by_passkey(house: House, page: Page) -> Request:
    """Open the app and press the button; the form that was sent."""
    await page.goto(house.url("canteen"))
    async with page.expect_request(lambda request: request.method == "POST") as sent:
        await page.get_by_role("button", name="Sign in with a passkey").click()
    return await sent.value


async def test_a_passkey_takes_the_place_of_sms_and_password_for_as_long_as_the_account_may_be_used(
    house: House, corp: SambaDC
) -> None:
    async with chromium() as browser:
        context = await browser.new_context()
        page = await context.new_page()
        await VirtualAuthenticator.of(page)
        await house.sign_in(page, NAME, PASSWORD, app="canteen")
        await expect(page).to_have_url(house.url("canteen"))
        await page.goto(house.url("signin", "/.gatepost/me/factors?add=passkey"))
        await page.get_by_role("button", name="Add a passkey").click()
        told = await house.next_text()
        assert told.text.startswith("A passkey was added")
        await sign_out(house, page)

        # Beside the password: nothing is sent.
        await page.goto(house.url("canteen"))
        await house.type_password(page, NAME, PASSWORD)
        await page.get_by_role("button", name="Use your passkey").click()
        await expect(page).to_have_url(house.url("canteen"))
        await sign_out(house, page)

        # Alone: nothing is typed.
        sent = await by_passkey(house, page)
        await expect(page).to_have_url(house.url("canteen"))
        assert house.sink.messages == []
        await _replayed(house, context, sent)

        for closed, opened, reason in (
            ("replace: userAccountControl\nuserAccountControl: 514", ENABLED, "disabled"),
            (NO_HOUR, ANY_HOUR, "logon_hours"),
            (MUST_CHANGE, MAY_STAY, "must_change_password"),
        ):
            await context.clear_cookies()
            admin.modify(corp, NAME, closed)
            await by_passkey(house, page)
            await expect(page.get_by_role("alert").filter(has_text="That passkey did not sign you in")).to_be_visible()
            await asyncio.to_thread(house.process.wait_for_log, reason)
            admin.modify(corp, NAME, opened)
        await by_passkey(house, page)
        await expect(page).to_have_url(house.url("canteen"))
        assert house.sink.messages == []


async def _replayed(house: House, context: BrowserContext, sent: Request) -> None:
    """The same form from the same browser, on connections of their own, so that each worker gets some."""
    form, target = sent.post_data, urlsplit(sent.url)
    assert form is not None
    cookies = "; ".join(f"{each['name']}={each['value']}" for each in await context.cookies(sent.url))
    for _ in range(8):
        async with (
            ClientSession() as client,
            client.post(
                f"http://127.0.0.1:{house.port}{target.path}?{target.query}",
                data=form,
                headers={
                    "Host": target.netloc,
                    "Cookie": cookies,
                    "Origin": house.url("signin", ""),
                    "Content-Type": "application/x-www-form-urlencoded",
                },
                allow_redirects=False,
            ) as answer,
        ):
            assert answer.status == 401
            assert "That passkey did not sign you in" in await answer.text()
    await asyncio.to_thread(house.process.wait_for_log, "passkey_seen_before")
