"""A person whose password was set by the help desk, in a real browser before a real domain."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.end_to_end.house import House, open_house
from tests.support.browser import chromium
from tests.support.samba import PASSWORD
from tests.support.samba_dc import SambaDC

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHOSEN = "Ein neues Paßwort ª² 🔑"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, corp: SambaDC) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house"), corp) as house:
        yield house


async def test_who_must_change_the_password_does_so_on_the_way_to_the_app(house: House) -> None:
    name = "change-in-browser"
    async with chromium() as browser:
        page = await browser.new_page()
        await house.sign_in(page, name, PASSWORD, app="canteen", path="/menu")
        await expect(page.locator("h1")).to_have_text("Choose a new password")
        await expect(page.get_by_role("textbox", name="Current password", exact=True)).to_be_focused()
        await expect(page.locator(".rules")).to_contain_text("At least 7 characters")

        async def change(old: str, new: str) -> None:
            await page.get_by_role("textbox", name="Current password", exact=True).fill(old)
            await page.get_by_role("textbox", name="New password", exact=True).fill(new)
            await page.get_by_role("textbox", name="Confirm new password", exact=True).fill(new)
            await page.get_by_role("button", name="Change password").click()

        await change(PASSWORD, "short")
        await expect(page.get_by_role("alert")).to_have_text("The new password is too short.")
        # Until it is changed, no app is opened.
        await page.goto(house.url("canteen", "/menu"))
        await page.get_by_role("link", name="Continue to your new password").click()
        await change(PASSWORD, CHOSEN)
        await expect(page).to_have_url(house.url("canteen", "/menu"))
        assert house.sink.messages == []  # one passcode was enough
        log = "".join(house.process.log)
        assert "password.changed" in log
        assert not any(secret in log for secret in (PASSWORD, CHOSEN, "Paßwort"))

        # AD takes the one before for another hour (OldPasswordAllowedPeriod), as a right one that needs a passcode;
        # what counts is that the new one opens the account, with nothing left to change.
        fresh = await (await browser.new_context()).new_page()
        await house.sign_in(fresh, name, CHOSEN, app="canteen", path="/menu")
        await expect(fresh).to_have_url(house.url("canteen", "/menu"))


async def test_a_signed_in_person_changes_it_from_the_start_page(house: House) -> None:
    name = "change-signed-in"
    async with chromium() as browser:
        other = await (await browser.new_context()).new_page()
        await house.sign_in(other, name, PASSWORD, app="canteen")
        await expect(other).to_have_url(house.url("canteen"))
        page = await (await browser.new_context(java_script_enabled=False)).new_page()
        await page.goto(house.url("canteen"))
        await house.type_password(page, name, PASSWORD)
        text = await house.next_text()
        await page.locator("input[name=passcode]").fill(text.passcode)
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await expect(page).to_have_url(house.url("canteen"))
        await page.goto(house.url("signin"))
        await page.get_by_role("link", name="Change password").click()
        await page.get_by_role("textbox", name="Current password", exact=True).fill(PASSWORD)
        await page.get_by_role("textbox", name="New password", exact=True).fill(CHOSEN)
        await page.get_by_role("textbox", name="Confirm new password", exact=True).fill(CHOSEN)
        await page.get_by_role("button", name="Change password").click()
        await expect(page.get_by_role("status")).to_contain_text("signed out everywhere else")
        await other.goto(house.url("canteen"))
        await expect(other.locator("h1")).to_have_text("Sign in")
