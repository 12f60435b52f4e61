"""What a screen reader is told, by Chromium's accessibility tree: errors at once, with their field; news politely."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.portal.front import Front, running_front
from tests.portal.stage import PASSWORD
from tests.support.browser import chromium

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with running_front(tmp_path) as front:
        yield front


class Tree:
    """What assistive technology is given of a page, now."""

    def __init__(self, nodes: list[dict[str, Any]]) -> None:
        self._nodes = {node["nodeId"]: node for node in nodes}

    @classmethod
    async def of(cls, page: Page) -> Tree:
        session = await page.context.new_cdp_session(page)
        await session.send("Accessibility.enable")
        tree = await session.send("Accessibility.getFullAXTree")
        await session.detach()
        return cls(tree["nodes"])

    def property_of(self, node: dict[str, Any], name: str) -> Any:
        return next((each["value"].get("value") for each in node.get("properties", []) if each["name"] == name), None)

    def with_role(self, role: str) -> list[dict[str, Any]]:
        return [each for each in self._nodes.values() if each.get("role", {}).get("value") == role]

    def text_of(self, node: dict[str, Any]) -> str:
        """Of what is in it."""
        if node.get("role", {}).get("value") == "StaticText":
            return str(node["name"]["value"])
        found = [self._nodes[each] for each in node.get("childIds", []) if each in self._nodes]
        return " ".join(filter(None, map(self.text_of, found)))

    def told(self, live: str) -> list[str]:
        """The texts of the regions that are announced: `live` is ``assertive`` (at once) or ``polite``."""
        regions = [*self.with_role("alert"), *self.with_role("status")]
        return [self.text_of(each) for each in regions if self.property_of(each, "live") == live]

    @property
    def focused(self) -> dict[str, Any]:
        (node,) = [
            each
            for each in self._nodes.values()
            if self.property_of(each, "focused") and each["role"]["value"] != "RootWebArea"
        ]
        return node


async def test_an_error_is_told_at_once_and_belongs_to_its_field(front: Front, browser: Browser) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(front.url("wiki"))
    await page.fill("#username", "alice")
    await page.fill("#password", "wrong")
    await page.keyboard.press("Enter")
    await expect(page).to_have_title("Error: Sign in · Gatepost")
    tree = await Tree.of(page)
    (said,) = tree.told("assertive")
    assert said.startswith("Your user name or password is not right.")
    assert tree.focused["name"]["value"] == "Password"
    assert tree.focused["description"]["value"].startswith("Your user name or password is not right.")
    assert tree.property_of(tree.focused, "invalid") == "true"

    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator("#passcode").wait_for()
    await page.locator("#passcode").press_sequentially(front.stage.wrong_passcode())
    await expect(page).to_have_title("Error: Enter your code · Gatepost")
    tree = await Tree.of(page)
    (said,) = tree.told("assertive")
    assert said.startswith("That code is not right.")
    assert said in tree.focused["description"]["value"]
    assert "It is sent as soon as all digits are there." in tree.focused["description"]["value"]
    assert tree.property_of(tree.focused, "invalid") == "true"
    await context.close()


async def test_news_is_told_politely_and_moves_no_focus(front: Front, browser: Browser) -> None:
    front.stage.phone.reports = True
    context = await browser.new_context()
    page = await context.new_page()
    await page.clock.install()
    await page.goto(front.url("wiki"))
    await page.fill("#username", "alice")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator("#passcode").wait_for()
    tree = await Tree.of(page)
    assert tree.told("assertive") == []
    assert any("sent" in each or "sending" in each for each in tree.told("polite")), tree.told("polite")
    assert tree.focused["name"]["value"] == "6-digit code"
    await page.get_by_role("link", name="Sign in as someone else").focus()
    await page.clock.run_for(301_000)
    tree = await Tree.of(page)
    assert any(each.startswith("Your code has expired.") for each in tree.told("polite"))
    assert tree.focused["name"]["value"] == "Sign in as someone else"
    await context.close()
