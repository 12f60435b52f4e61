"""A whole sign-in in a real browser: under the CSP, with and without JavaScript."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.portal.front import Front, running_front
from tests.portal.stage import PASSWORD
from tests.support.browser import chromium

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all


@pytest_asyncio.fixture(loop_scope="module")
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with running_front(tmp_path) as front:
        yield front


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
async def test_a_person_signs_in_reaches_two_apps_and_signs_out(front: Front, browser: Browser, script: bool) -> None:
    context = await browser.new_context(java_script_enabled=script)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text))
    await page.goto(front.url("wiki", "/page?x=1"))
    await page.fill("#username", "alice")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator("#passcode").wait_for()
    assert await page.locator("#passcode").evaluate("field => document.activeElement === field")
    await page.locator("#passcode").press_sequentially(front.stage.passcode)
    if not script:
        await page.keyboard.press("Enter")
    await page.wait_for_url("**/page?x=1")
    assert await page.inner_text("h1") == "wiki.localhost says hello to alice"
    await page.goto(front.url("forms", "/second"))
    assert await page.inner_text("h1") == "forms.localhost says hello to alice"
    assert len(front.stage.phone.messages) == 1

    await page.goto(front.url("wiki", "/.gatepost/sign-out"))
    await page.click("button.primary")
    assert await page.inner_text("h1") == "You are signed out"
    await page.goto(front.url("forms", "/second"))
    assert await page.inner_text("h1") == "Sign in"
    assert complaints == []
    await context.close()


async def test_a_second_tab_does_not_break_the_first(front: Front, browser: Browser) -> None:
    context = await browser.new_context()
    first, second = await context.new_page(), await context.new_page()
    await first.goto(front.url("wiki", "/first"))
    await second.goto(front.url("forms", "/second"))
    await first.fill("#username", "alice")
    await first.fill("#password", PASSWORD)
    await first.keyboard.press("Enter")
    await first.locator("#passcode").wait_for()
    await first.fill("#passcode", front.stage.passcode)
    await first.wait_for_url("**/first")
    await second.fill("#username", "alice")
    await second.fill("#password", PASSWORD)
    await second.keyboard.press("Enter")
    await second.wait_for_url("**/second")
    assert len(front.stage.phone.messages) == 1
    await context.close()
