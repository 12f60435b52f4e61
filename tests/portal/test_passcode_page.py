"""The passcode page: what became of the message is told to its session alone, and phones may fill the passcode in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from config.factors import ChannelKind
from proxy.delivery.channel import DeliveryStatus
from proxy.sign_in.messages import ASK_AGAIN_SECONDS
from tests.portal.front import Front, running_front
from tests.portal.stage import PASSWORD, SIGN_IN_ORIGIN, Stage
from tests.support.browser import chromium

STATUS = f"{SIGN_IN_ORIGIN}/.gatepost/passcode/status"
FAKE_OTP = """
window.otp = {};
window.OTPCredential = class {};
navigator.credentials.get = (asked) => new Promise((give, refuse) => {
  window.otp.transport = asked.otp.transport.join();
  window.otp.give = (code) => give({ code });
  asked.signal.addEventListener("abort", () => { window.otp.aborted = true; refuse(asked.signal.reason); });
});
"""


async def test_the_status_is_told_to_the_session_of_the_challenge_only(stage: Stage) -> None:
    stage.phone.reports = True
    stage.phone.status = DeliveryStatus.DELIVERED
    mine, other, stranger = stage.browser(), stage.browser(), stage.browser()
    page = await stage.to_passcode(mine)
    url = f"{STATUS}?challenge={page.hidden['challenge']}"
    told = await mine.get(url)
    assert json.loads(told.text) == {
        "state": "delivered",
        "text": "The message was delivered to your phone.",
        "lead": "We sent a text message with a code to your mobile",
        "settled": True,
    }
    assert told.headers["Cache-Control"] == "no-store"
    await stage.to_passcode(other)
    for browser in (other, stranger):
        answer = await browser.get(url, Accept="application/json")
        assert answer.status == 404
        assert "delivered" not in answer.text
    assert (await mine.get(STATUS)).status == 404
    assert (await mine.post(url, {})).status == 405


async def test_the_status_of_a_used_or_expired_challenge_is_gone(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    url = f"{STATUS}?challenge={page.hidden['challenge']}"
    assert (await browser.get(url)).status == 200
    stage.now += 300
    assert (await browser.get(url)).status == 404
    page = await stage.to_passcode(browser)
    await stage.answer(browser, page, stage.passcode)
    assert (await browser.get(f"{STATUS}?challenge={page.hidden['challenge']}")).status == 404


async def test_the_gateway_is_asked_no_more_often_than_every_few_seconds(stage: Stage) -> None:
    stage.phone.reports = True
    stage.phone.status = DeliveryStatus.SENT
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    url = f"{STATUS}?challenge={page.hidden['challenge']}"
    for _ in range(10):
        assert json.loads((await browser.get(url)).text)["state"] == "sent"
    assert stage.phone.asked == ["phone:77"]
    stage.now += ASK_AGAIN_SECONDS
    stage.phone.status = DeliveryStatus.DELIVERED
    assert json.loads((await browser.get(url)).text)["state"] == "delivered"
    stage.now += ASK_AGAIN_SECONDS
    await browser.get(url)
    assert len(stage.phone.asked) == 2  # what is settled is not asked for again


async def test_without_a_script_a_reload_tells_and_other_workers_know_it_too(stage: Stage) -> None:
    stage.phone.reports = True
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    stage.phone.status = DeliveryStatus.DELAYED
    stage.now += ASK_AGAIN_SECONDS
    again = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/passcode?challenge={page.hidden['challenge']}")
    assert "may be off or without signal" in again.text
    (sent,) = await stage.store.deliveries.sendings_of(page.hidden["challenge"], now=stage.now)
    assert sent.status is DeliveryStatus.DELAYED


async def test_a_report_of_failure_is_shown_and_no_later_word_of_the_gateway_hides_it(stage: Stage) -> None:
    stage.phone.reports = True
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    (sent,) = await stage.store.deliveries.sendings_of(page.hidden["challenge"], now=stage.now)

    async def bounce_meanwhile(report_id: str) -> DeliveryStatus:
        await stage.store.deliveries.put_sending(replace(sent, status=DeliveryStatus.FAILED))
        return DeliveryStatus.SENT

    stage.phone.delivery_status = bounce_meanwhile  # type: ignore[method-assign]
    stage.now += ASK_AGAIN_SECONDS
    url = f"{STATUS}?challenge={page.hidden['challenge']}"
    for _ in range(2):
        told = json.loads((await browser.get(url)).text)
        assert told["state"] == "failed"
        assert told["text"] == "The message could not be delivered to •••••••• 456."


async def test_the_page_may_ask_its_own_host_and_no_other(stage: Stage) -> None:
    page = await stage.to_passcode(stage.browser())
    assert "connect-src 'self';" in page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    form = await stage.browser().get(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in")
    assert "connect-src" not in form.headers["Content-Security-Policy"]


# In a real browser.
@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with running_front(tmp_path, sms={"webotp": True}) as front:
        front.stage.phone.has_tags = True
        front.stage.phone.channels = {"phone": ChannelKind.SMS, "own": ChannelKind.SMS}
        yield front


async def to_passcode(front: Front, page: Page, complaints: list[str]) -> None:
    page.on("console", lambda line: complaints.append(line.text))
    await page.goto(front.url("signin", "/.gatepost/sign-in"))
    await page.fill("#username", "alice")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator("#passcode").wait_for()


async def test_a_passcode_that_the_phone_hands_over_signs_in(front: Front, browser: Browser) -> None:
    page = await (await browser.new_context()).new_page()
    complaints: list[str] = []
    await page.add_init_script(FAKE_OTP)
    await to_passcode(front, page, complaints)
    assert await page.evaluate("otp.transport") == "sms"
    assert await page.inner_text("#tag strong") == front.stage.phone.messages[0].tag
    code = front.stage.passcode
    async with page.expect_navigation():
        await page.evaluate("code => { otp.give(code); }", code)
    await page.locator("h1", has_text="Your apps").wait_for()
    assert complaints == []


async def test_a_passcode_that_is_typed_ends_the_wait_for_the_phone(front: Front, browser: Browser) -> None:
    page = await (await browser.new_context()).new_page()
    complaints: list[str] = []
    await page.add_init_script(FAKE_OTP)
    await to_passcode(front, page, complaints)
    await page.evaluate("document.forms[0].addEventListener('submit', (event) => event.preventDefault())")
    await page.locator("#passcode").press_sequentially(front.stage.passcode)
    assert await page.evaluate("otp.aborted")
    assert complaints == []


async def test_the_page_tells_by_itself_that_the_message_was_delivered(front: Front, browser: Browser) -> None:
    stage = front.stage
    stage.phone.reports = True
    stage.phone.status = DeliveryStatus.SENT
    page = await (await browser.new_context()).new_page()
    complaints: list[str] = []
    await page.clock.install()
    await to_passcode(front, page, complaints)
    progress = page.locator("#progress")
    assert await progress.inner_text() == "The phone network has the message."
    stage.phone.status = DeliveryStatus.DELIVERED
    stage.now += ASK_AGAIN_SECONDS
    await page.clock.run_for(4000)
    await page.locator('#progress[data-state="delivered"]').wait_for()
    assert await progress.inner_text() == "The message was delivered to your phone."
    assert complaints == []


async def test_back_after_a_wrong_passcode_asks_for_nothing_to_be_sent_again(front: Front, browser: Browser) -> None:
    page = await (await browser.new_context()).new_page()
    complaints: list[str] = []
    await to_passcode(front, page, complaints)
    await page.locator("#passcode").press_sequentially(front.stage.wrong_passcode())
    await page.locator("#error").wait_for()
    await page.go_back()
    await page.locator("#passcode").wait_for()
    await page.locator("#passcode").press_sequentially(front.stage.passcode)
    await page.locator("h1", has_text="Your apps").wait_for()
