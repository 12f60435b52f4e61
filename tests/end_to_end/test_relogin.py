"""Nothing is lost when a session ends: forms, scripts and WebSockets, in a real browser and a whole Gatepost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.end_to_end.home import Home, open_home
from tests.support.browser import chromium

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all, each test in a context of its own

IDLE = 1801.0


@pytest_asyncio.fixture(loop_scope="module")
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with open_home(tmp_path) as home:
        yield home


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context()
    yield context
    await context.close()


async def post_too_late(home: Home, page: Page, *, enctype: str, text: str) -> None:
    """Sign in, open the form, let the session end, and send the form."""
    await page.goto(home.url("wiki", f"/form?enctype={enctype}"))
    await home.sign_in(page)
    await expect(page.locator("h1")).to_have_text("Form")
    await page.fill("input[name=text]", text)
    if enctype == "multipart/form-data":
        await page.set_input_files(
            "input[name=file]", {"name": "a.bin", "mimeType": "application/octet-stream", "buffer": bytes(range(256))}
        )
    await page.evaluate("document.forms[0].action += '#part'")
    home.later += IDLE
    await page.click("button")
    await expect(page.locator("h1")).to_have_text("Sign in")
    assert home.upstream.posted == []


@pytest.mark.parametrize("enctype", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"])
async def test_a_form_that_met_an_ended_session_is_sent_on_once(
    home: Home, context: BrowserContext, enctype: str
) -> None:
    page = await context.new_page()
    await post_too_late(home, page, enctype=enctype, text="words that took an hour")
    await home.sign_in(page)
    await expect(page.locator("h1")).to_have_text("Your form was kept")
    await expect(page.locator("dl")).to_contain_text("/save/it?x=1&y=%20")
    kept_url = page.url
    assert home.upstream.posted == []
    await page.click("button.primary")
    await expect(page.locator("h1")).to_contain_text("for alice")
    # So that the answer's own links lead where they should, and its script finds its place.
    assert page.url == home.url("wiki", "/save/it?x=1&y=%20#part")
    ((who, target, content_type, body),) = home.upstream.posted
    assert (who, target) == ("alice", "/save/it?x=1&y=%20")
    assert content_type.startswith(enctype)
    assert b"words that took an hour" in body.replace(b"+", b" ")
    assert (bytes(range(256)) in body) is (enctype == "multipart/form-data")
    await page.goto(kept_url)
    await expect(page.locator("h1")).to_have_text("This form is no longer kept")
    assert len(home.upstream.posted) == 1


async def test_nobody_else_gets_or_sends_it(home: Home, context: BrowserContext) -> None:
    page = await context.new_page()
    await post_too_late(home, page, enctype="text/plain", text="private words")
    await home.sign_in(page, "bob")
    await expect(page.locator("h1")).to_have_text("This is not your form")
    assert "private words" not in await page.content()
    await page.reload()
    await expect(page.locator("h1")).to_have_text("This form is no longer kept")
    assert home.upstream.posted == []


async def test_a_script_is_told_in_json_and_a_websocket_by_its_close(home: Home, context: BrowserContext) -> None:
    page = await context.new_page()
    await page.goto(home.url("wiki", "/form"))
    await home.sign_in(page)
    await expect(page.locator("h1")).to_have_text("Form")
    await page.evaluate(
        """() => new Promise((resolve) => {
            const socket = new WebSocket(location.origin.replace("http", "ws") + "/socket");
            socket.onmessage = resolve;
            socket.onopen = () => socket.send("hello");
            window.socketClosed = new Promise((done) => {
                socket.onclose = (event) => done([event.code, event.reason]);
            });
        })"""
    )
    home.later += IDLE
    assert await page.evaluate("() => window.socketClosed") == [4401, "session ended"]
    answer = await page.evaluate(
        """async () => {
            const answer = await fetch("/api", { method: "POST", body: "x" });
            return [answer.status, answer.headers.get("WWW-Authenticate"), await answer.json()];
        }"""
    )
    assert answer[:2] == [401, 'Gatepost realm="sign-in"']
    assert answer[2]["error"] == "not_signed_in"
    assert answer[2]["sign_in"] == home.url("signin", "/.gatepost/sign-in")
    assert home.upstream.posted == []


async def test_a_form_that_another_site_sends_brings_no_cookie_and_is_not_kept(
    home: Home, context: BrowserContext
) -> None:
    page = await context.new_page()
    await page.goto(home.url("wiki", "/form"))
    await home.sign_in(page)
    await expect(page.locator("h1")).to_have_text("Form")
    home.later += IDLE
    evil = await context.new_page()
    await evil.goto(home.app_url)
    await evil.set_content(f'<form method="post" action="{home.url("wiki", "/save/it")}"><button>win</button></form>')
    await evil.click("button")
    await expect(evil.locator("h1")).to_have_text("Wiki: Sign in first")
    await expect(evil.locator("main")).to_contain_text("did not reach the app and is not kept here")
    assert "request.kept" not in home.log_text


async def test_what_cannot_be_kept_is_sent_again_after_a_sign_in_in_another_tab(
    tmp_path: Path, context: BrowserContext
) -> None:
    """As a large upload: nothing was sent, and after Back the chosen file is still there."""
    file = tmp_path / "large.bin"
    file.write_bytes(bytes(range(256)) * 20_000)
    async with open_home(tmp_path, sessions={"kept_request_bytes": 1000}) as home:
        page = await context.new_page()
        await page.goto(home.url("wiki", "/form?enctype=multipart/form-data"))
        await home.sign_in(page)
        await expect(page.locator("h1")).to_have_text("Form")
        await page.fill("input[name=text]", "words")
        await page.set_input_files("input[name=file]", file)
        home.later += IDLE
        await page.click("button")
        await expect(page.locator("h1")).to_have_text("Wiki: You were signed out")
        await expect(page.locator("main")).to_contain_text("nothing was sent")
        assert home.upstream.posted == []
        async with context.expect_page() as opened:
            await page.click("a.button")
        tab = await opened.value
        await home.sign_in(tab)
        await expect(tab.locator("h1")).to_contain_text("for alice")
        await page.go_back()
        assert await page.input_value("input[name=text]") == "words"
        assert await page.locator("input[name=file]").evaluate("input => input.files[0]?.name") == "large.bin"
        await page.click("button")
        await expect(page.locator("h1")).to_contain_text("for alice")
        ((_, _, _, body),) = home.upstream.posted
        assert file.read_bytes() in body
