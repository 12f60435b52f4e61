"""Passkeys in a real browser with a virtual authenticator: added after an SMS, used without one, and alone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.portal.front import Front, running_front
from tests.portal.stage import PASSWORD
from tests.support.browser import chromium
from tests.support.virtual_authenticator import VirtualAuthenticator

pytestmark = pytest.mark.asyncio(loop_scope="module")
SCHEMES = [
    {"name": "keys", "factors": ["passkey"]},
    {"name": "browser", "factors": ["password", ["passkey", "sms"]]},
]
PICTURES = os.environ.get("GATEPOST_PICTURES")
"""A folder for pictures of the pages, for somebody who wants to look at them."""


@pytest_asyncio.fixture(loop_scope="module")
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with running_front(tmp_path, schemes=SCHEMES) as front:
        yield front


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context()
    yield context
    await context.close()


async def picture(page: Page, name: str) -> None:
    for width in (320, 1280) if PICTURES else ():
        await page.set_viewport_size({"width": width, "height": 900})
        await page.screenshot(path=f"{PICTURES}/{name}-{width}.png", full_page=True)


async def fits(page: Page) -> None:
    """Nothing sticks out of a narrow window (WCAG 2.2, 1.4.10)."""
    size = page.viewport_size
    await page.set_viewport_size({"width": 320, "height": 900})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    if size is not None:
        await page.set_viewport_size(size)


async def type_password(front: Front, page: Page, path: str = "/page") -> None:
    await page.goto(front.url("wiki", path))
    await page.fill("#username", "alice")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")


async def sign_in_by_sms(front: Front, page: Page) -> None:
    await type_password(front, page)
    await page.locator("#passcode").wait_for()
    await page.fill("#passcode", front.stage.passcode)
    await page.wait_for_url(front.url("wiki", "/page"))


async def add_passkey(front: Front, page: Page, *, name: str = "My laptop") -> None:
    await page.goto(front.url("signin", "/.gatepost/me/factors"))
    await page.get_by_role("link", name="Add a passkey").click()
    await page.get_by_label("What you call it").fill(name)
    await fits(page)
    await picture(page, "add")
    await page.get_by_role("button", name="Add a passkey").click()
    await expect(page.get_by_role("heading", name=name)).to_be_visible()


async def sign_out(front: Front, page: Page) -> None:
    await page.goto(front.url("signin", "/.gatepost/sign-out"))
    await page.click("button.primary")
    await expect(page.locator("h1")).to_have_text("You are signed out")


async def test_it_is_added_after_an_sms_then_used_without_one_then_alone(front: Front, context: BrowserContext) -> None:
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text))
    device = await VirtualAuthenticator.of(page)
    await sign_in_by_sms(front, page)
    await add_passkey(front, page)
    await picture(page, "list")
    (credential,) = await device.credentials()
    assert credential["rpId"] == "signin.localhost"
    assert credential["isResidentCredential"]
    sent = len(front.stage.phone.messages)

    await sign_out(front, page)
    await type_password(front, page, "/page?x=1")
    button = page.get_by_role("button", name="Use your passkey")
    await expect(button).to_be_focused()
    await fits(page)
    await picture(page, "beside")
    await page.keyboard.press("Enter")
    await page.wait_for_url(front.url("wiki", "/page?x=1"))

    await sign_out(front, page)
    await page.goto(front.url("wiki", "/page?x=2#part"))
    await fits(page)
    await picture(page, "alone")
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await page.wait_for_url(front.url("wiki", "/page?x=2#part"))
    assert await page.inner_text("h1") == "wiki.localhost says hello to alice"
    assert len(front.stage.phone.messages) == sent
    assert complaints == []


async def test_a_browser_that_fills_in_passkeys_needs_no_button(front: Front, context: BrowserContext) -> None:
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text))
    device = await VirtualAuthenticator.of(page, fills_in=True)
    await sign_in_by_sms(front, page)
    await add_passkey(front, page)
    sent = len(front.stage.phone.messages)
    await sign_out(front, page)
    await page.goto(front.url("wiki", "/page?x=1#part"), wait_until="commit")
    await page.wait_for_url(front.url("wiki", "/page?x=1#part"))
    assert len(front.stage.phone.messages) == sent
    assert complaints == []

    # One that is refused is not chosen again by itself.
    await page.goto(front.url("signin", "/.gatepost/me/factors"))
    await page.get_by_role("link", name="Rename or remove My laptop").click()
    await page.get_by_role("button", name="Remove").click()
    await sign_out(front, page)
    assert len(await device.credentials()) == 1
    await page.goto(front.url("wiki", "/page"), wait_until="commit")
    await expect(page.get_by_role("alert").filter(has_text="That passkey did not sign you in")).to_be_visible()
    await expect(page.locator("#username")).to_have_attribute("autocomplete", "username")


_COUNT_ASKED = """
window.timesAsked = 0;
const get = CredentialsContainer.prototype.get;
CredentialsContainer.prototype.get = function (...asked) {
  const answer = get.apply(this, asked);
  window.timesAsked += 1;
  return answer;
};
"""


async def test_the_button_takes_the_place_of_what_the_browser_fills_in(front: Front, context: BrowserContext) -> None:
    """What is offered is asked for again before it is too old, and ends when the button is pressed."""
    page = await context.new_page()
    device = await VirtualAuthenticator.of(page, fills_in=True)
    await sign_in_by_sms(front, page)
    await add_passkey(front, page)
    await sign_out(front, page)
    (credential,) = await device.credentials()
    await device.remove(credential)
    await page.clock.install()
    await page.add_init_script(_COUNT_ASKED)
    asking = "**/.gatepost/passkey?*"
    async with page.expect_response(asking):
        await page.goto(front.url("wiki", "/page"))
    await expect(page.locator("#username")).to_have_attribute("autocomplete", "username webauthn")
    front.stage.now += 270
    async with page.expect_response(asking):
        await page.clock.run_for(270_000)
    # A key that is there before the browser is asked again would be taken at once: no button could be pressed.
    await page.wait_for_function("window.timesAsked === 2", polling=50)
    await device.add(credential)
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await page.wait_for_url(front.url("wiki", "/page"))


async def test_what_the_same_device_holds_already_is_not_added_twice(front: Front, context: BrowserContext) -> None:
    page = await context.new_page()
    device = await VirtualAuthenticator.of(page)
    await sign_in_by_sms(front, page)
    await add_passkey(front, page)
    await page.get_by_role("link", name="Add a passkey").click()
    await page.get_by_role("button", name="Add a passkey").click()
    await expect(page.get_by_role("alert")).to_have_text("There is a passkey on this device already.")
    await picture(page, "there")
    assert len(await device.credentials()) == 1


async def test_the_wrong_finger_opens_nothing_alone_and_the_page_says_what_to_do(
    front: Front, context: BrowserContext
) -> None:
    page = await context.new_page()
    device = await VirtualAuthenticator.of(page)
    await sign_in_by_sms(front, page)
    await add_passkey(front, page)
    await sign_out(front, page)
    await device.verify(False)
    await page.goto(front.url("wiki", "/page"))
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await expect(page.get_by_role("alert").filter(has_text="No passkey was used")).to_be_visible()
    await fits(page)
    await picture(page, "failed")
    await device.verify(True)
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await page.wait_for_url(front.url("wiki", "/page"))


async def test_a_passkey_that_was_removed_here_says_so_at_the_next_sign_in(
    front: Front, context: BrowserContext
) -> None:
    page = await context.new_page()
    await VirtualAuthenticator.of(page)
    await sign_in_by_sms(front, page)
    await add_passkey(front, page)
    await page.get_by_role("link", name="Rename or remove My laptop").click()
    await page.get_by_role("button", name="Remove").click()
    await sign_out(front, page)
    await page.goto(front.url("wiki", "/page"))
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await expect(page.get_by_role("alert").filter(has_text="That passkey did not sign you in")).to_be_visible()
    await fits(page)
    await picture(page, "refused")


async def test_without_javascript_there_is_another_way(front: Front, browser: Browser, context: BrowserContext) -> None:
    page = await context.new_page()
    await VirtualAuthenticator.of(page)
    await sign_in_by_sms(front, page)
    await add_passkey(front, page)
    plain = await browser.new_context(java_script_enabled=False)
    page = await plain.new_page()
    await type_password(front, page)
    await expect(page.get_by_text("Passkeys need JavaScript")).to_be_visible()
    await fits(page)
    await picture(page, "plain")
    await page.locator("button[value=sms]").click()
    await page.locator("#passcode").wait_for()
    await page.fill("#passcode", front.stage.passcode)
    await page.keyboard.press("Enter")
    await page.wait_for_url(front.url("wiki", "/page"))
    await plain.close()
