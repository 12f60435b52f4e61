"""The passcode page in a real browser: until when the code is valid, that it has expired, and codes that are pasted."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.portal.front import Front, running_front
from tests.portal.stage import NOW, PASSWORD
from tests.support.browser import chromium

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGE = "Your code is {passcode}.\nIt is valid for 5 minutes.\n@signin.localhost #{passcode}"


@pytest_asyncio.fixture(loop_scope="module")
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with running_front(tmp_path) as front:
        yield front


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(timezone_id="America/New_York", locale="en-GB")
    yield context
    await context.close()


async def to_passcode(front: Front, page: Page) -> None:
    await page.goto(front.url("wiki", "/page"))
    await page.fill("#username", "alice")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator("#passcode").wait_for()


async def test_the_page_says_until_when_and_then_that_it_is_over(front: Front, context: BrowserContext) -> None:
    page = await context.new_page()
    await page.clock.install(time=datetime.fromtimestamp(NOW - 1, UTC))
    await page.clock.pause_at(datetime.fromtimestamp(NOW, UTC))
    await to_passcode(front, page)
    await expect(page.locator("#until")).to_have_text("Your code is valid until 03:05.")  # 08:05 UTC
    over = page.get_by_role("status").filter(has_text="expired")
    await page.clock.run_for(299_000)
    await expect(over).to_have_count(0)
    await page.clock.run_for(2_000)
    await expect(over).to_contain_text("Your code has expired.")
    await expect(page.locator("#until")).to_be_hidden()
    front.stage.now += 301
    await over.get_by_role("button", name="Send a new code").click()
    await expect(page.locator("#until")).to_contain_text("valid until 03:10")
    assert len(front.stage.phone.messages) == 2
    await page.fill("#passcode", front.stage.passcode)
    await page.wait_for_url(front.url("wiki", "/page"))


async def test_without_script_the_instant_is_there_in_utc(front: Front, browser: Browser) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await to_passcode(front, page)
    await expect(page.locator("#until")).to_have_text("Your code is valid until 08:05 UTC.")
    # Nothing cuts a message short that is pasted whole.
    await page.fill("#passcode", MESSAGE.format(passcode=front.stage.passcode).replace("\n", " "))
    await page.keyboard.press("Enter")
    await page.wait_for_url(front.url("wiki", "/page"))
    await context.close()


@pytest.mark.parametrize("text", ["Your code is {passcode}", MESSAGE, "{passcode}"])
async def test_a_message_that_is_pasted_whole_is_a_code(front: Front, context: BrowserContext, text: str) -> None:
    page = await context.new_page()
    await to_passcode(front, page)
    await page.evaluate(
        """(text) => {
            const data = new DataTransfer();
            data.setData("text", text);
            const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
            document.getElementById("passcode").dispatchEvent(event);
        }""",
        text.format(passcode=front.stage.passcode),
    )
    await page.wait_for_url(front.url("wiki", "/page"))
