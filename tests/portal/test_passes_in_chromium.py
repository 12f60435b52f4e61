"""A pass in a real browser, with and without JavaScript: given at a desk, typed on a phone.

With SCREENSHOTS in the environment, pictures of the pages are left in that folder.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.portal.front import Front, running_front
from tests.portal.stage import PASSWORD
from tests.portal.test_admin_in_chromium import DESK, PHONE, shown
from tests.support.browser import chromium

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    schemes = [
        {"name": "admins", "factors": ["password"], "groups": ["Gatepost Admins"]},
        {"name": "browser", "factors": ["password", "sms"]},
    ]
    changes = {"admin": {"groups": ["Gatepost Admins"]}, "help_desk": {"passes": True}}
    async with running_front(tmp_path, schemes=schemes, **changes) as front:
        yield front


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
async def test_somebody_without_a_phone_gets_in(front: Front, browser: Browser, script: bool) -> None:
    desk = await browser.new_context(java_script_enabled=script, viewport=DESK)
    phoneless = await browser.new_context(java_script_enabled=script, viewport=PHONE)
    admin, page = await desk.new_page(), await phoneless.new_page()
    complaints: list[str] = []
    for each in (admin, page):
        each.on("console", lambda line: complaints.append(line.text))

    await page.goto(front.url("signin", "/"))
    await page.fill("#username", "alice")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator("text=I have a pass from the help desk").wait_for()
    await shown(page, "pass-offered")

    await admin.goto(front.url("signin", "/.gatepost/admin/person"))
    await admin.fill("#username", "admin")
    await admin.fill("#password", PASSWORD)
    await admin.keyboard.press("Enter")
    await admin.wait_for_url("**/.gatepost/admin/person")
    await admin.fill("#login", "alice")
    await admin.click("button.primary")
    await admin.locator("text=Give them a pass").wait_for()
    await shown(admin, "pass-form")
    await admin.fill("#reason", "Phone left at home; called back on the desk line")
    await admin.fill("#hours", "4")
    await admin.check('label:has-text("Wiki") >> input')
    await admin.click("text=Give a pass")
    code = await admin.inner_text(".read code")
    await shown(admin, "pass-given")
    await admin.click("text=Done")
    assert await admin.locator("tbody tr").count() == 1
    await shown(admin, "passes")
    # A narrow window has each of them as a block, its buttons in sight (WCAG 2.2, 1.4.10).
    await admin.set_viewport_size({"width": 320, "height": 900})
    box = await admin.locator("button:text-is('End')").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 320
    assert await admin.evaluate("document.querySelector('.scroll').scrollWidth") <= 320
    await shown(admin, "passes-narrow")
    await admin.set_viewport_size(DESK)

    await page.click("text=I have a pass from the help desk")
    await page.locator("#passcode").wait_for()
    await shown(page, "pass-asked")
    await page.fill("#passcode", code)
    await page.keyboard.press("Enter")
    await page.locator("text=You signed in with a pass.").wait_for()
    assert await page.locator(".apps li").count() == 1
    await shown(page, "pass-start")

    await admin.click("button:text-is('End')")
    assert "has ended, and with it one session" in await admin.inner_text("[role=status]")
    await page.reload()
    await page.locator("#username").wait_for()
    assert complaints == []
    await desk.close()
    await phoneless.close()
