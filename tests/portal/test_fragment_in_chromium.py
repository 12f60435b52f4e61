"""The fragment of the address that a person asked for, which no server sees, is there after every way through."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from proxy.delivery.channel import Outcome
from tests.portal.front import running_front
from tests.portal.stage import NOW, PASSWORD, Stage
from tests.portal.test_kerberos import Domain
from tests.portal.test_password_change import CORP, NAME, ChangingDirectory
from tests.support.browser import chromium

pytestmark = pytest.mark.asyncio(loop_scope="module")

FRAGMENT = "#/orders/42?open=yes"
SCHEMES = [
    {"name": "inside", "factors": ["kerberos", "sms"], "apps": ["Forms"]},
    {"name": "browser", "factors": ["password", "sms"]},
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(params=[True, False], ids=["with script", "without script"], loop_scope="module")
async def context(request: pytest.FixtureRequest, browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(java_script_enabled=request.param)
    yield context
    await context.close()


async def type_password(page: Page, password: str = PASSWORD, *, username: str = "alice") -> None:
    await page.fill("#username", username)
    await page.fill("#password", password)
    await page.keyboard.press("Enter")


async def type_passcode(page: Page, passcode: str) -> None:
    await page.fill("#passcode", "")
    await page.locator("#passcode").press_sequentially(passcode[:-1])
    async with page.expect_navigation():
        await page.keyboard.press(passcode[-1])
        await page.keyboard.press("Enter")


async def send_again(page: Page, stage: Stage) -> None:
    stage.now += 60
    async with page.expect_navigation():
        await page.locator("button[name=resend]").first.evaluate(
            "button => { button.disabled = false; button.click() }"
        )


async def test_through_wrong_passwords_wrong_codes_and_a_second_message(
    tmp_path: Path, context: BrowserContext
) -> None:
    async with running_front(tmp_path) as front:
        page = await context.new_page()
        address = front.url("wiki", "/page?x=1") + FRAGMENT
        await page.goto(address)
        for _ in range(2):
            await type_password(page, "wrong")
            await page.locator("#error").wait_for()
        await type_password(page)
        await page.locator("#passcode").wait_for()
        await type_passcode(page, front.stage.wrong_passcode())
        await page.locator("#error").wait_for()
        await send_again(page, front.stage)
        await type_passcode(page, front.stage.passcode)
        await page.wait_for_url(address)
        assert "says hello to alice" in await page.inner_text("h1")


async def test_through_a_message_that_nobody_took_and_a_code_that_expired(
    tmp_path: Path, context: BrowserContext
) -> None:
    """These pages stand at the address of the step before: their forms are told by what they carry."""
    async with running_front(tmp_path) as front:
        page = await context.new_page()
        address = front.url("wiki", "/page") + FRAGMENT
        await page.goto(address)
        front.stage.phone.outcome = Outcome.UNAVAILABLE
        await type_password(page)
        await expect(page.locator("h1")).to_have_text("The code could not be sent")
        front.stage.phone.outcome = Outcome.ACCEPTED
        await page.click("button.primary")
        await page.locator("#passcode").wait_for()
        front.stage.now += 301
        await type_passcode(page, front.stage.passcode)
        await expect(page.locator("h1")).to_have_text("The code is no longer valid")
        await page.click("button.primary")
        await page.locator("#passcode").wait_for()
        await type_passcode(page, front.stage.passcode)
        await page.wait_for_url(address)


async def test_where_a_ticket_is_asked_for_first(tmp_path: Path, context: BrowserContext) -> None:
    async with running_front(tmp_path, scripted=Domain(), schemes=SCHEMES) as front:
        page = await context.new_page()
        address = front.url("forms", "/page") + FRAGMENT
        await page.goto(address)
        await page.locator("#password").wait_for()
        assert "/.gatepost/kerberos?" in page.url
        await type_password(page, "wrong")
        await page.locator("#error").wait_for()
        await type_password(page)
        await page.locator("#passcode").wait_for()
        await type_passcode(page, front.stage.passcode)
        await page.wait_for_url(address)


async def test_past_the_reminder_of_a_password_that_expires(tmp_path: Path, context: BrowserContext) -> None:
    corp = ChangingDirectory()
    corp.principal = replace(corp.principal, password_expires_at=NOW + 3 * 86_400)
    local = {"type": "local", "name": "local", "file": str(tmp_path / "users.toml")}
    async with running_front(tmp_path, scripted=corp, directories=[local, CORP]) as front:
        page = await context.new_page()
        address = front.url("wiki", "/page") + FRAGMENT
        await page.goto(address)
        await type_password(page, corp.password, username=NAME)
        await page.locator("#passcode").wait_for()
        await type_passcode(page, front.stage.passcode)
        await expect(page.locator("h1")).to_have_text("Your password is about to expire")
        await page.locator("a.quiet:visible, button.second:visible").click()
        await page.wait_for_url(address)


async def test_through_the_links_back_to_the_password_and_on_to_the_code(
    tmp_path: Path, context: BrowserContext
) -> None:
    async with running_front(tmp_path) as front:
        page = await context.new_page()
        address = front.url("wiki", "/page?x=1") + FRAGMENT
        await page.goto(address)
        await type_password(page)
        await page.locator("#passcode").wait_for()
        link = page.locator("a[data-onward]:visible, button[name=onward]:visible")
        await link.click()  # somebody else
        await page.locator("#password").wait_for()
        await link.click()  # on to the code after all
        await page.locator("#passcode").wait_for()
        await type_passcode(page, front.stage.passcode)
        await page.wait_for_url(address)
