"""Cookies blocked in a real browser's own settings: on every host, on the sign-in host, on an app's, in a frame."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, async_playwright, expect

from tests.end_to_end.home import LOCALHOST, Home, open_home
from tests.support.browser import ARGUMENTS, CHROMIUM, chromium

pytestmark = pytest.mark.asyncio(loop_scope="module")

_BLOCK = 2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Home]:
    async with open_home(tmp_path_factory.mktemp("home")) as home:
        yield home


@asynccontextmanager
async def browser_that_blocks(folder: Path, *hosts: str, script: bool = True) -> AsyncIterator[BrowserContext]:
    """Chromium with cookies blocked for these hosts; without any, for all."""
    settings = {"cookies": {f"[*.]{host},*": {"setting": _BLOCK} for host in hosts}}
    values: dict[str, object] = {"content_settings": {"exceptions": settings}}
    if not hosts:
        values["default_content_setting_values"] = {"cookies": _BLOCK}
    (folder / "Default").mkdir()
    (folder / "Default" / "Preferences").write_text(json.dumps({"profile": values}))
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            folder, executable_path=CHROMIUM, args=ARGUMENTS, java_script_enabled=script
        )
        try:
            yield context
        finally:
            await context.close()


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("hosts", [(), (LOCALHOST["signin"],)], ids=["all", "the sign-in host"])
async def test_the_sign_in_page_says_cookies(home: Home, tmp_path: Path, hosts: tuple[str, ...]) -> None:
    async with browser_that_blocks(tmp_path, *hosts) as context:
        page = await context.new_page()
        await page.goto(home.url("wiki", "/page"))
        # With script, before anything is typed.
        await expect(page.locator("#cookies-off")).to_be_visible()
        for _ in range(2):
            await home.type_password(page)
            await expect(page.locator("#error")).to_contain_text("Allow cookies for signin.localhost")
        assert home.sink.messages == []


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
async def test_an_app_whose_cookies_are_blocked_says_so_after_the_sign_in(home: Home, tmp_path: Path) -> None:
    async with browser_that_blocks(tmp_path, LOCALHOST["wiki"], script=False) as context:
        page = await context.new_page()
        await page.goto(home.url("wiki", "/page"))
        await expect(page.locator("#cookies-off")).to_be_hidden()
        await home.type_password(page)
        await page.locator("#passcode").wait_for()
        await page.fill("#passcode", await home.passcode())
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("Wiki: your browser blocks cookies")
        await expect(page.locator("main")).to_contain_text("Allow cookies for wiki.localhost")
        # Apps whose cookies are kept are open.
        await page.goto(home.url("canteen", "/lunch"))
        await expect(page.locator("h1")).to_contain_text("for alice")


async def test_in_a_frame_of_another_site_a_link_leads_into_a_tab(home: Home) -> None:
    async with chromium() as browser:
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(home.app_url)
        await page.set_content(f'<iframe width="400" height="400" src="{home.url("wiki", "/page")}"></iframe>')
        inner = page.frame_locator("iframe")
        await expect(inner.locator("h1")).to_have_text("Open this in its own tab")
        async with context.expect_page() as opened:
            await inner.locator("a.button").click()
        tab = await opened.value
        await home.sign_in(tab)
        await tab.wait_for_url(home.url("wiki", "/page"))
