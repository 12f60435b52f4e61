"""Many tabs, hosts of unrelated domains, and the page that shows where a person is signed in: in a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.end_to_end.home import LOCALHOST, Home, open_home
from tests.support.browser import chromium

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all, each test in a context of its own

UNRELATED = {"signin": "signin.corp.example", "wiki": "wiki.corp.example", "canteen": "canteen.other.test"}
"""Without TLS these are no trustworthy origins: browsers send no Sec-Fetch fields to them."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium("--host-resolver-rules=MAP *.corp.example 127.0.0.1, MAP *.other.test 127.0.0.1") as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with open_home(tmp_path) as home:
        yield home


async def open_tabs(home: Home, context: BrowserContext, count: int) -> list[tuple[Page, str]]:
    """All at once, each on a page of its own, alternating between the two apps."""
    tabs = [await context.new_page() for _ in range(count)]
    urls = [home.url(("wiki", "canteen")[index % 2], f"/page/{index}") for index in range(count)]
    await asyncio.gather(*(tab.goto(url) for tab, url in zip(tabs, urls, strict=True)))
    return list(zip(tabs, urls, strict=True))


@pytest.mark.parametrize(
    ("domains", "count"), [(LOCALHOST, 4), (UNRELATED, 10)], ids=["localhost", "unrelated domains"]
)
async def test_tabs_opened_at_once_all_arrive_after_one_sign_in(
    tmp_path: Path, browser: Browser, domains: dict[str, str], count: int
) -> None:
    async with open_home(tmp_path, domains) as home:
        context = await browser.new_context()
        tabs = await open_tabs(home, context, count)
        first, its_url = tabs[0]  # its cookies were overwritten by all others
        await home.sign_in(first)
        await expect(first).to_have_url(its_url)
        await asyncio.gather(*(tab.reload() for tab, _ in tabs[1:]))
        for tab, url in tabs:
            await expect(tab).to_have_url(url)
        assert home.sink.messages == []  # one SMS, which was read
        await context.close()


async def test_tabs_that_sign_in_separately_all_arrive_with_one_passcode(home: Home, browser: Browser) -> None:
    context = await browser.new_context()
    tabs = await open_tabs(home, context, 4)
    (one, one_url), (two, two_url), (three, three_url), (four, four_url) = tabs
    await home.type_password(one)
    await one.locator("#passcode").wait_for()
    await home.type_password(two)
    await two.locator("#passcode").wait_for()
    passcode = await home.passcode()
    await two.fill("#passcode", passcode)
    await expect(two).to_have_url(two_url)
    await one.fill("#passcode", "1")  # as if it had not been looked at: whatever is sent, nothing is asked again
    await one.keyboard.press("Enter")
    await expect(one).to_have_url(one_url)
    await home.type_password(three)
    await expect(three).to_have_url(three_url)
    await four.reload()
    await expect(four).to_have_url(four_url)
    assert home.sink.messages == []
    await context.close()


async def test_two_passwords_sent_at_the_same_time_still_lead_in(home: Home, browser: Browser) -> None:
    context = await browser.new_context()
    (one, one_url), (two, two_url) = await open_tabs(home, context, 2)
    await asyncio.gather(home.type_password(one), home.type_password(two))
    await asyncio.gather(one.locator("#passcode").wait_for(), two.locator("#passcode").wait_for())
    passcodes = [await home.passcode() for _ in range(len(home.sink.messages))]
    # Which of the two sessions the browser kept is chance; a form of the other one is shown again.
    for passcode in (*passcodes, *passcodes):
        async with two.expect_navigation():
            await two.fill("#passcode", passcode)
        if two.url == two_url:
            break
    await expect(two).to_have_url(two_url)
    await one.reload()
    await expect(one).to_have_url(one_url)
    await context.close()


async def test_a_tab_left_waiting_goes_on_when_it_is_looked_at(home: Home, browser: Browser) -> None:
    context = await browser.new_context()
    (one, one_url), (two, two_url) = await open_tabs(home, context, 2)
    await home.sign_in(two)
    await expect(two).to_have_url(two_url)
    await one.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    await expect(one).to_have_url(one_url)
    await context.close()


async def test_going_back_asks_nothing_and_leads_on(home: Home, browser: Browser) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(home.url("wiki", "/page/1"))
    await home.type_password(page)
    await page.locator("#passcode").wait_for()
    passcode = await home.passcode()
    await page.fill("#passcode", f"{(int(passcode) + 1) % 1_000_000:06}")
    await expect(page.locator("#error")).to_contain_text("4 tries left")
    await page.go_back()
    await expect(page.locator("#passcode")).to_be_visible()
    await page.go_forward()
    await expect(page.locator("#error")).to_contain_text("4 tries left")
    await page.fill("#passcode", passcode)
    await expect(page).to_have_url(home.url("wiki", "/page/1"))
    await page.go_back()
    await page.wait_for_load_state()
    await expect(page).to_have_url(home.url("wiki", "/page/1"))
    await context.close()


async def test_bookmarks_of_the_sign_in_page_work_whatever_they_hold(home: Home, browser: Browser) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(home.url("wiki", "/page/1"))
    days_old = page.url  # with a way back and what bound it to another visit
    await context.clear_cookies()
    await page.goto(days_old)
    await home.sign_in(page)
    await expect(page).to_have_url(home.url("wiki", "/page/1"))
    await page.goto(days_old)
    await expect(page).to_have_url(home.url("wiki", "/page/1"))
    await context.clear_cookies(domain=home.domains["wiki"])
    await page.goto(days_old)
    await expect(page).to_have_url(home.url("wiki", "/page/1"))
    await page.goto(home.url("signin", "/.gatepost/sign-in"))
    await expect(page.locator("h1")).to_have_text("Your apps")
    await context.close()


async def test_a_person_sees_where_they_are_signed_in_and_ends_it_there(home: Home, browser: Browser) -> None:
    laptop, phone = await browser.new_context(), await browser.new_context(user_agent=IPHONE)
    page = await laptop.new_page()
    await page.goto(home.url("wiki", "/page/1"))
    await home.sign_in(page)
    await expect(page).to_have_url(home.url("wiki", "/page/1"))
    other = await phone.new_page()
    await other.goto(home.url("canteen", "/page/2"))
    await home.sign_in(other)
    await expect(other).to_have_url(home.url("canteen", "/page/2"))
    await other.evaluate(
        """() => new Promise((resolve) => {
            const socket = new WebSocket(location.origin.replace("http", "ws") + "/socket");
            socket.onmessage = resolve;
            socket.onopen = () => socket.send("hello");
            window.socketClosed = new Promise((done) => { socket.onclose = (event) => done(event.code); });
        })"""
    )
    await page.goto(home.url("signin"))
    await page.get_by_role("link", name="Where you are signed in").click()
    rows = page.locator(".sessions li")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(0)).to_contain_text("Chrome on Linux")
    await expect(rows.nth(0)).to_contain_text("This browser")
    await expect(rows.nth(0)).to_contain_text("Wiki")
    await expect(rows.nth(1)).to_contain_text("Safari on iPhone")
    await expect(rows.nth(1)).to_contain_text("Canteen")
    await page.get_by_role("button", name="End this session Safari on iPhone").click()
    await expect(page.get_by_role("status")).to_have_text("That session has ended.")
    await expect(rows).to_have_count(1)
    assert await other.evaluate("() => window.socketClosed") == 4401
    await other.goto(home.url("canteen", "/page/2"))
    await expect(other.locator("h1")).to_have_text("Sign in")
    await laptop.close()
    await phone.close()


async def test_signing_out_ends_every_host_of_unrelated_domains(tmp_path: Path, browser: Browser) -> None:
    async with open_home(tmp_path, UNRELATED) as home:
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(home.url("wiki", "/page/1"))
        await home.sign_in(page)
        await expect(page).to_have_url(home.url("wiki", "/page/1"))
        await page.goto(home.url("canteen", "/page/2"))
        await expect(page).to_have_url(home.url("canteen", "/page/2"))
        await page.goto(home.url("wiki", "/.gatepost/sign-out"))
        await page.click("button.primary")
        await expect(page.locator("h1")).to_have_text("You are signed out")
        for app in ("wiki", "canteen"):
            await page.goto(home.url(app))
            await expect(page.locator("h1")).to_have_text("Sign in")
        await context.close()


IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)
