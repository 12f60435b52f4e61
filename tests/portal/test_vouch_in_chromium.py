"""A vouch in two real browsers, with and without JavaScript: asked for on a phone, given at a desk, and the other way.

With SCREENSHOTS in the environment, pictures of the pages are left in that folder.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.portal.front import Front, running_front
from tests.portal.stage import PASSWORD
from tests.portal.test_admin_in_chromium import DESK, PHONE, shown
from tests.portal.test_vouch import managed
from tests.support.browser import chromium

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    changes = {"admin": {"groups": ["Gatepost Admins"]}, "help_desk": {"vouching": True}}
    async with running_front(
        tmp_path, schemes=[{"name": "browser", "factors": ["password", "sms"]}], **changes
    ) as front:
        managed(tmp_path, alice="bob")
        yield front


async def password(page: Page, url: str, name: str) -> None:
    await page.goto(url)
    await page.fill("#username", name)
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator("#passcode").wait_for()


async def fits(page: Page) -> bool:
    """Whether nothing is cut off at the side."""
    return bool(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize(
    ("script", "asks_at", "answers_at"),
    [(True, PHONE, DESK), (False, DESK, PHONE)],
    ids=["with JavaScript", "without JavaScript"],
)
async def test_somebody_whose_manager_vouches_gets_in(
    front: Front, browser: Browser, script: bool, asks_at: object, answers_at: object
) -> None:
    asking = await browser.new_context(java_script_enabled=script, viewport=asks_at)  # type: ignore[arg-type]
    answering = await browser.new_context(java_script_enabled=script, viewport=answers_at)  # type: ignore[arg-type]
    page, mine = await asking.new_page(), await answering.new_page()
    complaints: list[str] = []
    for each in (page, mine):
        each.on("console", lambda line: complaints.append(line.text))
    of = "phone" if asks_at is PHONE else "desk"

    await password(page, front.url("wiki", "/page#part"), "alice")
    await shown(page, f"vouch-{of}-offered")
    await page.click("text=I don’t have my phone")
    await page.locator("#reason").wait_for()
    assert await page.locator("text=Wiki >> input").is_checked()
    await page.fill("#reason", "Phone left in the car of a colleague")
    await page.fill("#hours", "3")
    await shown(page, f"vouch-{of}-ask")
    assert await fits(page)
    await page.click("button.primary")
    words = await page.inner_text(".read strong")
    await shown(page, f"vouch-{of}-words")
    assert await fits(page)

    await password(mine, front.url("signin", "/"), "bob")
    await mine.fill("#passcode", front.stage.passcode)
    if not script:
        await mine.keyboard.press("Enter")
    await mine.locator("text=Somebody asks you to vouch for them").wait_for()
    await shown(mine, f"vouch-{of}-start-of-manager")
    await mine.click("text=Somebody asks you to vouch for them")
    await mine.locator("text=Which words did they tell you?").wait_for()
    assert await mine.locator("input[type=radio]").count() == 6
    assert await mine.locator("input[type=radio]:checked").count() == 0
    await mine.check(f'label:has-text("{words}") >> input')
    await shown(mine, f"vouch-{of}-answer")
    assert await fits(mine)
    await mine.click("text=Yes, I vouch for")
    await mine.locator("text=You vouched.").wait_for()
    await shown(mine, f"vouch-{of}-answered")

    if not script:
        await page.frame_locator("iframe").locator("text=Bob has answered.").wait_for()  # by itself
        await shown(page, f"vouch-{of}-answered-frame")
        await page.click("button:text-is('Look again')")
    await page.locator("text=Bob vouched for you").wait_for()  # by itself with a script
    await shown(page, f"vouch-{of}-given")
    assert await fits(page)
    await page.click("button.primary")
    await page.locator("text=wiki.localhost says hello to alice").wait_for()
    assert page.url == front.url("wiki", "/page#part")
    await page.goto(front.url("signin", "/"))
    assert await page.locator(".apps li").count() == 1
    assert complaints == []
    await asking.close()
    await answering.close()


async def test_a_no_is_shown_by_itself(front: Front, browser: Browser) -> None:
    context, other = await browser.new_context(viewport=PHONE), await browser.new_context(viewport=DESK)
    page, mine = await context.new_page(), await other.new_page()
    await password(page, front.url("signin", "/"), "alice")
    await page.click("text=I don’t have my phone")
    await page.fill("#reason", "At home")
    await page.click('label:has-text("Forms") >> input')
    await page.click("button.primary")
    await page.locator(".read").wait_for()
    await password(mine, front.url("signin", "/.gatepost/me/vouch"), "bob")
    await mine.fill("#passcode", front.stage.passcode)
    await mine.click("button:text-is('No')")
    await mine.locator("text=You said no.").wait_for()
    await page.locator("text=Your manager said no").wait_for()
    await shown(page, "vouch-phone-no")
    await context.close()
    await other.close()
