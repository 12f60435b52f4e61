"""A run by keyboard alone: sign-in, step-up, a wrong code, a re-send, enrolment, another way, and an admin's look-up.

Each stop of the focus is looked at on the way: it is seen, it is not covered, and it is where it says.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.portal.front import Front, running_front
from tests.portal.stage import PASSWORD
from tests.portal.test_own_factors import totp
from tests.support.browser import chromium

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all

SCHEMES = [
    {"name": "admins", "factors": ["password"], "groups": ["Gatepost Admins"]},
    {"name": "quick", "factors": ["password"], "networks": ["127.0.0.0/8"]},
    {"name": "browser", "factors": ["password", "sms"]},
    {"name": "app", "factors": ["password", ["totp", "sms"]]},
]
MOST_STOPS = 60
WRONG = re.compile("^Your user name or password is not right.")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def front(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    folder: Path = tmp_path_factory.mktemp("keyboard")
    async with running_front(folder, schemes=SCHEMES, admin={"groups": ["Gatepost Admins"]}) as front:
        yield front


class Keyboard:
    """Hands that have no mouse."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def type(self, text: str) -> None:
        await self.page.keyboard.type(text)

    async def press(self, key: str) -> None:
        await self.page.keyboard.press(key)

    async def to(self, name: str, *, at_most: int = MOST_STOPS) -> None:
        """Tab to the next control whose name begins so."""
        passed: list[str] = []
        for _ in range(at_most):
            await self.press("Tab")
            at = await self.page.evaluate(_FOCUSED)
            assert at["is_seen"], f"the focus cannot be seen on {at['name']!r} of {self.page.url}"
            assert at["is_bare"], f"{at['name']!r} of {self.page.url} has the focus and is covered"
            if at["name"].startswith(name):
                return
            passed.append(at["name"])
        pytest.fail(f"no way to {name!r}; passed {passed}")

    async def is_at(self, name: str) -> None:
        """That the page has put the focus there itself."""
        await expect(self.page.locator(":focus")).to_have_accessible_name(name)

    async def heading(self, text: str) -> None:
        await expect(self.page.locator("h1")).to_have_text(text)


async def sign_in(hands: Keyboard, username: str) -> None:
    await hands.is_at("User name")
    await hands.type(username)
    await hands.to("Password", at_most=1)
    await hands.type(PASSWORD)
    await hands.press("Enter")


async def test_a_person_gets_by_without_a_mouse(front: Front, browser: Browser) -> None:
    context = await browser.new_context()
    hands, stage = Keyboard(await context.new_page()), front.stage
    page = hands.page

    # Sign-in, with a mistake; the password is looked at before it is sent again.
    await page.goto(front.url("signin", "/"))
    await hands.type("alice")
    await hands.to("Password", at_most=1)
    await hands.type("wrong")
    await hands.press("Enter")
    await expect(page).to_have_title("Error: Sign in · Gatepost")
    await hands.is_at("Password")
    await expect(page.locator(":focus")).to_have_accessible_description(WRONG)
    await hands.type(PASSWORD)
    await hands.to("Show", at_most=1)
    await hands.press("Space")
    await expect(page.locator("#password")).to_have_attribute("type", "text")
    await hands.to("Continue", at_most=1)
    await hands.press("Enter")
    await hands.heading("Your apps")

    # Step-up, with a wrong code and a message that is asked for again.
    await page.goto(front.url("signin", "/.gatepost/step-up?scheme=browser"))
    await hands.is_at("Send the code")
    await hands.press("Enter")
    await hands.is_at("6-digit code")
    await hands.type(stage.wrong_passcode())
    await expect(page).to_have_title("Error: Enter your code · Gatepost")
    await hands.is_at("6-digit code")
    stage.now += 60
    await page.reload()
    await hands.to("Send the code again")
    await hands.press("Enter")
    await expect(page.get_by_role("status").first).to_contain_text("same code as before")
    await hands.is_at("6-digit code")
    await hands.type(stage.passcode)
    await hands.heading("Your apps")

    # Enrolment of an authenticator app, from the start page.
    await hands.to("Ways to sign in")
    await hands.press("Enter")
    await hands.heading("Ways to sign in")
    await hands.to("Set up an authenticator app")
    await hands.press("Enter")
    await hands.heading("Set up an authenticator app")
    await hands.to("Then enter the code that the app shows")
    await hands.type(totp(await page.inner_text(".secret code"), stage.now))
    await hands.to("Add it")
    await hands.press("Enter")
    await expect(page.get_by_role("status")).to_be_visible()
    await expect(page.locator(".sessions h2")).to_have_count(1)

    # Signing out, and in again by another way than the app.
    await page.goto(front.url("signin", "/"))
    await hands.to("Sign out")
    await hands.press("Enter")
    await hands.heading("Sign out?")
    await hands.is_at("Sign out")
    await hands.press("Enter")
    await hands.heading("You are signed out")
    await page.goto(front.url("signin", "/"))
    await sign_in(hands, "alice")
    await hands.heading("Your apps")
    await page.goto(front.url("signin", "/.gatepost/step-up?scheme=app"))
    await hands.heading("One more check")
    await hands.press("Enter")
    await hands.is_at("The code from your authenticator app")
    await hands.to("Send a code to your phone")
    await hands.press("Enter")
    await hands.is_at("6-digit code")
    await hands.type(stage.passcode)
    await hands.heading("Your apps")
    await context.close()


async def test_an_admin_looks_somebody_up_without_a_mouse(front: Front, browser: Browser) -> None:
    context = await browser.new_context()
    hands = Keyboard(await context.new_page())
    page = hands.page
    await page.goto(front.url("signin", "/"))
    await sign_in(hands, "admin")
    await hands.heading("Your apps")
    await hands.to("Administration")
    await hands.press("Enter")
    await page.wait_for_url("**/.gatepost/admin/")
    await hands.to("Skip to the content", at_most=1)
    await hands.to("Why can't they sign in?")
    await hands.press("Enter")
    await hands.is_at("User name")
    await hands.type("carol")
    await hands.press("Enter")
    await page.locator(".verdict").wait_for()
    await hands.to("Skip to the content", at_most=1)
    await hands.press("Enter")
    await hands.to("Everything else that was checked", at_most=1)
    await hands.press("Enter")
    await expect(page.locator("details")).to_have_attribute("open", "")
    await hands.to("Reset limits")
    await hands.press("Enter")
    await expect(page.get_by_role("status")).to_have_text("Their limits were reset.")
    await context.close()


_FOCUSED = """() => {
  const at = document.activeElement;
  const style = getComputedStyle(at), box = at.getBoundingClientRect();
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  const labels = (at.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id));
  const named = at.getAttribute("aria-label") ?? at.labels?.[0]?.innerText ?? at.innerText;
  return {
    name: (labels[0] ? labels.map((each) => each.innerText).join(" ") : named).trim(),
    is_seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    is_bare: at === top || at.contains(top) || (top?.contains(at) ?? false),
  };
}"""
