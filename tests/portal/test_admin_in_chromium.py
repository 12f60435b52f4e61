"""The admin pages in a real browser, with and without JavaScript, at a desk and on a phone.

With SCREENSHOTS in the environment, pictures of them are left in that folder.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, ViewportSize

from config.settings import MobileSettings
from directory.mobile_report import Field, SweptPerson
from directory.mobile_sweep import Findings, Rules
from proxy.operations.health import CheckState, Readiness
from proxy.portal.admin.parts import ADMIN_PARTS
from proxy.portal.admin.report import pack
from tests.portal.front import Front, running_front
from tests.portal.stage import PASSWORD
from tests.portal.test_admin_overview import failure
from tests.support.browser import chromium

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all

DESK, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=320, height=844)
SCREENSHOTS = os.environ.get("SCREENSHOTS", "")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    schemes = [
        {"name": "admins", "factors": ["password"], "groups": ["Gatepost Admins"]},
        {"name": "browser", "factors": ["password", "sms"]},
    ]
    admin = {"groups": ["Gatepost Admins"], "people_groups": ["Gatepost Admins"]}
    async with running_front(tmp_path, admin=admin, schemes=schemes) as front:
        now = front.stage.now
        front.stage.readiness = Readiness(
            ready=True,
            degraded=True,
            checks={
                "store": CheckState(ok=True, detail="", at=now - 4),
                "passcodes of the day": CheckState(ok=True, detail="", at=now - 4),
                "relay": CheckState(ok=False, detail="smtp.corp.example:587: connection refused", at=now - 4),
                "directory local": CheckState(ok=True, detail="", at=now - 4),
            },
        )
        await front.stage.store.deliveries.put_failure(failure(detail="550 5.1.1 unknown subscriber"))
        await front.stage.store.deliveries.put_failure(failure(4000, username="bob.the-one-with-a-long-name"))
        yield front


async def shown(page: Page, name: str) -> None:
    """At both widths nothing is wider than the window; a table scrolls by itself."""
    for size, place in ((DESK, "desk"), (PHONE, "phone")):
        await page.set_viewport_size(size)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} at {place}"
        if SCREENSHOTS:
            await page.screenshot(path=f"{SCREENSHOTS}/{name}-{place}.png", full_page=True)
    await page.set_viewport_size(DESK)


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
async def test_an_admin_finds_out_why_and_helps(front: Front, browser: Browser, script: bool) -> None:
    context = await browser.new_context(java_script_enabled=script, viewport=DESK)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text))
    await page.goto(front.url("signin", "/.gatepost/admin/"))
    await page.fill("#username", "admin")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/.gatepost/admin/")
    assert await page.inner_text("h1") == "Something is broken"
    await shown(page, "overview")

    await page.click("text=Why can't they sign in?")
    await shown(page, "person")
    await page.fill("#login", "carol")
    await page.select_option("#app", "Wiki")
    await page.click("button.primary")
    await page.locator(".verdict").wait_for()
    assert await page.inner_text("h1") == (
        "Carol (carol) cannot sign in and reach Wiki now: the mobile field has a landline number (it ends in 000)"
    )
    assert (
        await page.locator(".verdict").evaluate("each => getComputedStyle(each).borderLeftColor") == "rgb(194, 42, 42)"
    )
    assert not await page.locator(".rest .steps").is_visible(), "what is in order is folded"
    assert await page.locator(".steps").first.is_visible(), "what blocks is not"
    assert "carol" not in page.url
    await shown(page, "explanation")
    assert await page.input_value("#login") == "carol"
    assert await page.input_value("#app") == "Wiki"
    await page.click("text=Reset limits")
    assert await page.inner_text("[role=status]") == "Their limits were reset."
    assert (await page.inner_text("h1")).startswith("Carol (carol) cannot sign in and reach Wiki now: ")
    await page.click("text=Everything else that was checked")
    await shown(page, "explanation-after")

    await page.click("text=Undelivered codes")
    await shown(page, "undelivered")

    await page.click("text=Mobile numbers")
    await page.click("button.primary")
    await front.stage.portal[ADMIN_PARTS].reports.settled()
    # With its script the page looks again by itself: going there meanwhile would meet its own way there.
    if not script:
        await page.click("text=Check again")
    await page.wait_for_selector("h1:text-is('25.0% can receive a code')")
    await shown(page, "mobiles")
    await page.click("nav.chips >> text=landline")
    assert await page.locator("tbody tr").count() == 1
    for ending in ("csv", "json", "html", "txt", "ps1"):
        async with page.expect_download() as download:
            await page.click(f"a[download]:text-is('{ending}')")
        assert (await download.value).suggested_filename == f"mobiles-2027-01-15-0800.{ending}"
    await page.click("nav.chips >> text=everybody")
    await page.fill("#search", "bob")
    await page.press("#search", "Enter")
    assert await page.locator("tbody tr").count() == 1
    await page.click("thead >> text=Name")
    assert await page.locator("th[aria-sort=ascending]").inner_text() == "Name"
    assert await page.locator("tbody tr").count() == 1, "the search stays"

    await page.goto(front.url("signin", "/"))
    await page.click("text=Administration")
    assert await page.inner_text("h1") == "Something is broken"
    assert complaints == []
    await context.close()


async def test_a_local_person_gets_a_number_that_is_judged_while_it_is_typed(front: Front, browser: Browser) -> None:
    context = await browser.new_context(viewport=DESK)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text))
    await page.goto(front.url("signin", "/.gatepost/admin/people"))
    await page.fill("#username", "admin")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/.gatepost/admin/people")
    await shown(page, "people")
    await page.get_by_role("button", name="Edit Alice <Liddell>").click()
    await page.get_by_label("New mobile number").press_sequentially("020 7946")
    await page.wait_for_selector("#judged:text-is('This is not a valid number.')")
    await shown(page, "people-judged-wrong")
    await page.fill("#mobile", "07400 999111")
    await page.wait_for_selector("#judged[data-usable=yes]:text('Codes will go to')")
    assert "+44 7400 999111" in await page.inner_text("#judged")
    await shown(page, "people-judged")
    await page.fill("#mobile", "020 7946 0000")
    await page.keyboard.press("Enter")
    assert await page.inner_text("#error") == "This is not a mobile number."
    assert await page.evaluate("document.activeElement.id") == "mobile"
    await shown(page, "people-wrong")
    await page.fill("#mobile", "07400 999111")
    await page.get_by_role("button", name="Update").click()
    await page.wait_for_selector("[role=status]:text('Codes go to •••••••• 111 now.')")
    await shown(page, "people-updated")
    assert [each for each in complaints if "status of 400" not in each] == []
    await context.close()


async def test_long_and_odd_names_stay_within_the_window(front: Front, browser: Browser) -> None:
    long = "Ünbrëakäble" * 12
    with Findings(Rules(mobile=MobileSettings(), now=front.stage.now, changed_within_seconds=60)) as findings:
        for number in range(60):
            findings.add(
                SweptPerson(
                    realm="corp",
                    guid=f"guid-{number}",
                    username=f"{long}{number}",
                    display_name=f"\u202e{long}<i>",
                    container=f"{long}{number % 3}/{long}",
                    department=f"{long}{number % 2}",
                    is_disabled=False,
                    fields=(Field(attribute="mobile", text="\u0660" * 64),),
                )
            )
        report = pack(findings)
    reports = front.stage.portal[ADMIN_PARTS].reports
    await reports.keep(report, begun_at=front.stage.now)
    context = await browser.new_context(viewport=DESK)
    page = await context.new_page()
    await page.goto(front.url("signin", "/.gatepost/admin/mobiles"))
    await page.fill("#username", "admin")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator("summary >> nth=0").click()
    await page.locator("summary >> nth=1").click()
    await shown(page, "mobiles-odd")
    await page.goto(front.url("signin", "/.gatepost/admin/person"))
    await page.fill("#login", "W" * 200)
    await page.click("button.primary")
    await page.locator(".verdict").wait_for()
    await shown(page, "explanation-odd")
    await context.close()


@pytest.mark.parametrize("place", ["Pacific/Auckland", "America/New_York"])
async def test_a_pause_is_told_in_the_time_of_who_reads_it(front: Front, browser: Browser, place: str) -> None:
    """On the page of the person, and on that of the help desk; amber, since they can where they signed in before."""
    context = await browser.new_context(viewport=DESK, timezone_id=place, locale="en-GB")
    page = await context.new_page()
    await page.goto(front.url("signin", "/.gatepost/sign-in"))
    for password in ("one", "two", "three", PASSWORD):
        await page.fill("#username", "alice")
        await page.fill("#password", password)
        await page.click("button.primary")
        await page.locator("#error").wait_for()
    ends_at = datetime.fromtimestamp(front.stage.now + front.stage.settings.throttle.window, ZoneInfo(place))
    told = await page.inner_text("#error")
    assert f"It cannot be used to sign in until {ends_at.day} {ends_at:%b %Y, %H:%M}. It may still work" in told
    await shown(page, "paused")
    await page.fill("#username", "admin")
    await page.fill("#password", PASSWORD)
    await page.click("button.primary")
    await page.wait_for_url(front.url("signin", "/"))
    await page.goto(front.url("signin", "/.gatepost/admin/person"))
    await page.fill("#login", "alice")
    await page.click("button.primary")
    await page.locator(".verdict.amber").wait_for()
    assert f"{ends_at:%H:%M}" in await page.inner_text(".verdict dd >> nth=0")
    await shown(page, "explanation-amber")
    await page.click("text=Reset limits")
    await page.locator(".verdict.green").wait_for()
    await shown(page, "explanation-green")
    await context.close()
