"""The main job: a person, a browser, an AD password, an SMS passcode, and the app."""

from __future__ import annotations

import asyncio
import base64
import re
import urllib.request
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.end_to_end.house import House, open_house
from tests.support.browser import chromium
from tests.support.samba import ALICE_PASSWORD, PASSWORD
from tests.support.samba_dc import SambaDC
from tests.support.telling import tells

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one Gatepost and one browser for all

# All these sign-ins are those of few people.
MORE = """
[throttle]
sends_per_person = 100
sends_per_number = 100

[audit]
file = "audit/gatepost.jsonl"
required = true
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory, corp: SambaDC) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house"), corp, more=MORE) as house:
        yield house


@pytest.fixture
def house(standing: House) -> House:
    assert standing.sink.messages == [], "each test reads what was sent for it"
    return standing


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """As a browser that was never here."""
    context = await browser.new_context()
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(context: BrowserContext) -> Page:
    return await context.new_page()


async def received_fields(page: Page) -> dict[str, str]:
    """What the demo's app shows of the request it received."""
    names = await page.locator("dl dt").all_inner_texts()
    values = await page.locator("dl dd").all_inner_texts()
    return {name.lower(): value for name, value in zip(names, values, strict=True)}


@pytest.mark.parametrize("name", ["alice", "ALICE", "alice@corp.example", "CORP\\alice"])
async def test_a_person_signs_in_with_each_form_of_their_name(house: House, page: Page, name: str) -> None:
    text = await house.sign_in(page, name, ALICE_PASSWORD, path="/?page=a%2Fb")
    await expect(page).to_have_url(house.url("wiki", "/?page=a%2Fb"))
    assert text.recipient == "447400123456@kapow.co.uk"
    assert text.sender == "otp@corp.example"
    assert re.fullmatch(r"[0-9]{6} is your Wiki sign-in code\. It is valid for 5 minutes\.", text.text)
    fields = await received_fields(page)
    assert fields["remote-user"] == "alice"
    assert fields["remote-groups"] == "Wiki Users"  # through a nested group
    assert fields["remote-name"] == "Alice Ångström"
    assert fields["remote-realm"] == "corp"
    assert len(fields["x-gatepost-assertion"].split(".")) == 3
    assert "gatepost" not in fields.get("cookie", "")


async def test_no_secret_reaches_the_log(house: House, page: Page) -> None:
    """Nor the audit, nor the metrics. In the audit nobody's name can be read either, nor what was typed for one."""
    typed = "Tr0ub4dor&3-typed"
    await page.goto(house.url("wiki"))
    await house.type_password(page, typed, ALICE_PASSWORD)
    await expect(page.get_by_label("User name")).to_be_visible()
    text = await house.sign_in(page, "alice", ALICE_PASSWORD)
    await expect(page).to_have_url(house.url("wiki"))
    cookies = [str(cookie["value"]) for cookie in await page.context.cookies()]
    log = "".join(house.process.log).encode()
    files = list((house.process.config.parent / "audit").glob("gatepost-*"))
    audit = b"".join([file.read_bytes() for file in files])
    metrics = (await asyncio.to_thread(admin_page, house, "/metrics")).encode()
    for event in ("sign_in.refused", "passcode.sent", "sign_in.succeeded"):
        assert event.encode() in log
        assert event.encode() in audit
    for secret in (text.passcode, ALICE_PASSWORD, "7400123456", text.text, typed, *cookies):
        for form in (secret, base64.b64encode(secret.encode()).rstrip(b"=").decode()):
            assert not any(tells(written, form) for written in (log, audit, metrics))
    for personal in (b"alice", b"ALICE", b'"address"', b'"name"', base64.b64encode(b"alice").rstrip(b"=")):
        assert personal not in audit


async def test_a_second_app_needs_no_second_sign_in(house: House, page: Page) -> None:
    await house.sign_in(page, "alice", ALICE_PASSWORD)
    await expect(page).to_have_url(house.url("wiki"))
    await page.goto(house.url("canteen", "/menu"))
    await expect(page).to_have_url(house.url("canteen", "/menu"))
    assert house.sink.messages == []


async def test_a_person_outside_the_apps_group_sees_which_group_is_asked_for(house: House, page: Page) -> None:
    await house.sign_in(page, "bob", PASSWORD, app="canteen")
    await expect(page).to_have_url(house.url("canteen"))
    answer = await page.goto(house.url("wiki"))
    assert answer is not None
    assert answer.status == 403
    await expect(page.locator("main")).to_contain_text("Wiki Users")


async def test_a_session_survives_a_crash(house: House, page: Page) -> None:
    await house.sign_in(page, "alice", ALICE_PASSWORD)
    await expect(page).to_have_url(house.url("wiki"))
    await asyncio.to_thread(house.process.kill)
    await asyncio.to_thread(house.process.start)
    await page.goto(house.url("wiki"))
    assert (await received_fields(page))["remote-user"] == "alice"
    assert house.sink.messages == []


async def test_sign_out_ends_the_session_and_its_web_sockets(house: House, page: Page) -> None:
    await house.sign_in(page, "alice", ALICE_PASSWORD)
    await expect(page.locator("#socket-state")).to_have_text("connected")
    await page.locator("#echo-form button").click()
    await expect(page.locator("#echoes li")).to_have_text("Hello through the tunnel")
    other_tab = await page.context.new_page()
    await other_tab.goto(house.url("canteen"))
    await expect(other_tab.locator("#socket-state")).to_have_text("connected")

    await page.get_by_role("link", name="Sign out").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.locator("h1")).to_contain_text("signed out")
    await expect(other_tab.locator("#socket-state")).to_have_text("closed")
    await other_tab.reload()
    await expect(other_tab.get_by_role("textbox", name="Password")).to_be_visible()


async def test_the_pages_work_without_scripts(house: House, browser: Browser) -> None:
    async with await browser.new_context(java_script_enabled=False) as context:
        page = await context.new_page()
        await page.goto(house.url("wiki"))
        await house.type_password(page, "alice", ALICE_PASSWORD)
        text = await house.next_text()
        await house.type_passcode(page, text.passcode)
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await expect(page).to_have_url(house.url("wiki"))
        assert (await received_fields(page))["remote-user"] == "alice"


async def test_ten_tabs_at_once_all_arrive(house: House, context: BrowserContext) -> None:
    tabs = [await context.new_page() for _ in range(10)]
    await tabs[0].goto(house.url("signin"))  # this browser was here before
    await asyncio.gather(
        *(tab.goto(house.url("wiki", f"/static/app.css?tab={number}")) for number, tab in enumerate(tabs))
    )
    await house.type_password(tabs[0], "alice", ALICE_PASSWORD)
    await house.type_passcode(tabs[0], (await house.next_text()).passcode)
    await expect(tabs[0]).to_have_url(house.url("wiki", "/static/app.css?tab=0"))
    for number, tab in enumerate(tabs[1:], start=1):
        await tab.reload()
        await expect(tab).to_have_url(house.url("wiki", f"/static/app.css?tab={number}"))


async def test_a_wrong_password_shows_nothing_of_the_account(house: House, page: Page) -> None:
    seen = set()
    for name in ("alice", "nobody-of-that-name", "locked", "disabled"):
        await page.goto(house.url("wiki"))
        await house.type_password(page, name, "Wrong-pass-word-1")
        await expect(page.get_by_role("alert")).to_be_visible()
        seen.add(await page.get_by_role("alert").inner_text())
    assert len(seen) == 1
    assert house.sink.messages == []


@pytest.mark.parametrize("name", ["no-mobile", "bad-mobile"])
async def test_a_person_without_a_usable_number_is_told_whom_to_ask(house: House, page: Page, name: str) -> None:
    await page.goto(house.url("canteen"))
    await house.type_password(page, name, PASSWORD)
    await expect(page.locator("h1")).to_have_text("No usable mobile number")
    await expect(page.locator("main")).to_contain_text("help desk")
    assert house.sink.messages == []


async def test_five_wrong_passcodes_end_the_sign_in(house: House, page: Page) -> None:
    await page.goto(house.url("wiki"))
    await house.type_password(page, "alice", ALICE_PASSWORD)
    right = (await house.next_text()).passcode
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    for left in ("4 tries", "3 tries", "2 tries", "one try"):
        await house.type_passcode(page, wrong)
        await expect(page.get_by_role("alert")).to_contain_text(left)
    await house.type_passcode(page, wrong)
    await expect(page.locator("h1")).to_have_text("Too many wrong codes")


async def test_a_re_send_brings_the_same_passcode_and_no_new_attempts(house: House, page: Page) -> None:
    await page.goto(house.url("wiki"))
    await house.type_password(page, "alice", ALICE_PASSWORD)
    first = await house.next_text()
    await house.type_passcode(page, f"{(int(first.passcode) + 1) % 1_000_000:06}")
    await expect(page.get_by_role("alert")).to_contain_text("4 tries")
    await page.get_by_role("button", name="Send the code again").click()
    second = await house.next_text()
    assert (second.passcode, second.recipient) == (first.passcode, first.recipient)
    await house.type_passcode(page, f"{(int(first.passcode) + 1) % 1_000_000:06}")
    await expect(page.get_by_role("alert")).to_contain_text("3 tries")
    await house.type_passcode(page, second.passcode)
    await expect(page).to_have_url(house.url("wiki"))


async def test_the_back_button_after_signing_in_leads_to_no_second_use_of_the_passcode(
    house: House, page: Page
) -> None:
    await page.goto(house.url("wiki"))
    await house.type_password(page, "alice", ALICE_PASSWORD)
    passcode = (await house.next_text()).passcode
    await house.type_passcode(page, passcode)
    await expect(page).to_have_url(house.url("wiki"))
    await page.go_back()
    await page.goto(house.url("wiki"))
    assert (await received_fields(page))["remote-user"] == "alice"


async def test_a_relay_that_is_down_is_told_and_can_be_tried_again(house: House, page: Page) -> None:
    house.sink.data = "451 try later"
    await page.goto(house.url("wiki"))
    await house.type_password(page, "alice", ALICE_PASSWORD)
    await expect(page.locator("h1")).to_have_text("The code could not be sent")
    house.sink.data = "250 OK"
    await page.get_by_role("button", name="Try again").click()
    await house.type_passcode(page, (await house.next_text()).passcode)
    await expect(page).to_have_url(house.url("wiki"))


def admin_page(house: House, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{house.admin_port}{path}", timeout=5) as answer:
        return str(answer.read().decode())


async def test_health_and_metrics_answer_on_their_own_listener(house: House) -> None:
    assert await asyncio.to_thread(admin_page, house, "/livez") == "ok\n"
    assert "gatepost" in await asyncio.to_thread(admin_page, house, "/metrics")
