"""From an SMS to an authenticator app and recovery codes, and a sign-in with each: in a real browser."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.end_to_end.home import Home, open_home
from tests.support.browser import chromium

SCHEMES = [{"name": "browser", "factors": ["password", ["totp", "sms", "recovery_code"]]}]
SHOTS = os.environ.get("GATEPOST_SHOTS", "")
"""A folder to leave pictures of the pages in."""


async def code_of(secret: str, at: float) -> str:
    command = ["oathtool", "--totp", "--base32", f"--now=@{int(at)}", secret.replace(" ", "")]
    return (await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)).stdout.strip()


async def fits(page: Page, name: str) -> None:
    """Nothing is wider than the window."""
    width = await page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width[0] <= width[1], name
    if SHOTS:
        size = page.viewport_size
        assert size is not None
        await page.screenshot(path=f"{SHOTS}/{name}-{size['width']}.png", full_page=True)


async def fresh_context(context: BrowserContext, home: Home) -> Page:
    await context.clear_cookies()
    page = await context.new_page()
    await page.goto(home.url("wiki", "/page"))
    await home.type_password(page)
    return page


@pytest.mark.parametrize(("width", "scripts"), [(320, False), (1280, True)])
async def test_an_app_and_recovery_codes_grow_out_of_a_sign_in_by_sms(
    tmp_path: Path, width: int, scripts: bool
) -> None:
    async with open_home(tmp_path, schemes=SCHEMES) as home, chromium() as browser:
        context = await browser.new_context(
            viewport={"width": width, "height": 720}, java_script_enabled=scripts, color_scheme="light"
        )
        page = await fresh_context(context, home)
        await expect(page.locator("#safer")).to_contain_text("Text messages can be intercepted")
        await fits(page, "sms")
        await page.fill("#passcode", await home.passcode())
        if not scripts:
            await page.click("button.primary")
        await page.wait_for_url(home.url("wiki", "/page"))
        await page.goto(home.url("signin"))
        await page.get_by_role("link", name="Ways to sign in").click()
        await expect(page.locator("h1")).to_have_text("Ways to sign in")

        await page.get_by_role("link", name="Set up an authenticator app").click()
        await expect(page.get_by_role("img", name="QR code for an authenticator app")).to_be_visible()
        secret = await page.locator(".secret code").inner_text()
        box = await page.locator("svg.qr").bounding_box()
        assert box is not None
        assert box["width"] >= 200
        await fits(page, "app")
        await page.fill("#passcode", "000000")
        await page.click("button.primary")
        await expect(page.get_by_role("alert")).to_contain_text("That code is not right")
        assert await page.locator(".secret code").inner_text() == secret
        await page.fill("#passcode", await code_of(secret, time.time()))
        await page.fill("#name", "My phone")
        await page.click("button.primary")
        await expect(page.get_by_role("heading", name="My phone")).to_be_visible()

        await page.get_by_role("link", name="Make recovery codes").click()
        await fits(page, "codes-make")
        await page.get_by_role("button", name="Make ten codes").click()
        codes = await page.locator("ol.recovery code").all_inner_texts()
        assert len(codes) == 10
        await fits(page, "codes")
        await page.get_by_role("link", name="I have them").click()
        await expect(page.locator("main")).to_contain_text("10 of 10")
        await fits(page, "list")
        link = page.get_by_role("link", name="Rename or remove My phone")
        box = await link.bounding_box()
        assert box is not None
        assert box["height"] >= 24, "WCAG 2.2, 2.5.8"
        await link.click()
        await fits(page, "change")

        for _ in range(2):  # told by SMS; these people have no mail address
            told = await home.sink.next_message()
            assert b"/.gatepost/me/factors" in told.content.replace(b"=\r\n", b"")
        home.later = 60.0
        page = await fresh_context(context, home)
        await expect(page.get_by_label("The code from your authenticator app")).to_be_visible()
        await fits(page, "sign-in-app")
        await page.get_by_role("button", name="Use a recovery code").click()
        await fits(page, "sign-in-code")
        await page.fill("#passcode", codes[4].lower())
        await page.click("button.primary")
        await page.wait_for_url(home.url("wiki", "/page"))
        told = await home.sink.next_message()
        assert b"A recovery code was used" in told.content
        page = await fresh_context(context, home)
        await page.fill("#passcode", await code_of(secret, time.time() + home.later))
        if not scripts:  # the page's script sends it
            await page.click("button.primary")
        await page.wait_for_url(home.url("wiki", "/page"))
        assert home.sink.messages == [], "neither sent a passcode"
        for hidden in (secret, secret.replace(" ", ""), *codes):
            assert hidden not in home.log_text
        await context.close()
