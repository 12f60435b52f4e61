"""A whole step-up in a real browser: from an app that a password opens to one that asks for an SMS as well."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import expect

from tests.end_to_end.home import LOCALHOST, open_home
from tests.support.browser import chromium
from tests.support.gatepost import free_port

SCHEMES = [
    {"name": "inner", "factors": ["password"], "networks": ["127.0.0.0/8", "::1/128"]},
    {"name": "strong", "factors": ["password", "sms"]},
]


async def test_a_person_steps_up_for_one_app_and_keeps_the_other(tmp_path: Path) -> None:
    apps = [
        {"name": "Wiki", "host": LOCALHOST["wiki"], "upstream": "http://127.0.0.1:1"},
        {"name": "Canteen", "host": LOCALHOST["canteen"], "upstream": "http://127.0.0.1:1", "scheme": "strong"},
    ]
    async with open_home(tmp_path, schemes=SCHEMES, apps=apps) as home, chromium() as browser:
        context = await browser.new_context()
        page, other = await context.new_page(), await context.new_page()
        await page.goto(home.url("wiki", "/page"))
        await home.type_password(page)
        await page.wait_for_url(home.url("wiki", "/page"))
        await page.goto(home.url("canteen", "/lunch?day=1#/soup"))
        assert await page.inner_text("h1") == "One more check"
        await page.click("button.primary")
        await page.locator("#passcode").wait_for()
        answer = await other.goto(home.url("wiki", "/meanwhile"))
        assert answer is not None
        assert answer.url == home.url("wiki", "/meanwhile")
        assert await page.locator("#password").count() == 0
        await page.fill("#passcode", await home.passcode())
        await page.wait_for_url(home.url("canteen", "/lunch?day=1#/soup"))
        # The first tab's cookie was of the session before: it is handed the new one without a question.
        answer = await other.goto(home.url("wiki", "/afterwards"))
        assert answer is not None
        assert answer.url == home.url("wiki", "/afterwards")
        assert home.sink.messages == []  # one was sent, and read
        await context.close()


async def test_a_form_that_needs_one_more_proof_is_sent_on_once_it_is_there(tmp_path: Path) -> None:
    rules = [{"path": "/save/", "methods": ["POST"], "scheme": "strong"}]
    wiki = {"name": "Wiki", "host": LOCALHOST["wiki"], "rules": rules}
    async with open_home(tmp_path, schemes=SCHEMES, apps=[wiki]) as home, chromium() as browser:
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(home.url("wiki", "/form?enctype=multipart/form-data"))
        await home.type_password(page)
        await expect(page.locator("h1")).to_have_text("Form")
        await page.fill("input[name=text]", "words that took an hour")
        await page.click("button")
        await expect(page.locator("h1")).to_have_text("One more check")
        await expect(page.locator("main")).to_contain_text("What you sent has been kept")
        await page.click("button.primary")
        await page.locator("#passcode").wait_for()
        await page.fill("#passcode", await home.passcode())
        await expect(page.locator("h1")).to_have_text("Your form was kept")
        assert home.upstream.posted == []
        await page.click("button.primary")
        await expect(page.locator("h1")).to_contain_text("for alice")
        ((who, target, content_type, body),) = home.upstream.posted
        assert (who, target) == ("alice", "/save/it?x=1&y=%20")
        assert content_type.startswith("multipart/form-data")
        assert b"words that took an hour" in body
        await context.close()


async def test_the_administrators_get_in_while_the_relay_is_dead(tmp_path: Path) -> None:
    schemes = [
        {"name": "admins", "factors": ["password"], "groups": ["Gatepost Admins"], "networks": ["127.0.0.0/8"]},
        {"name": "browser", "factors": ["password", "sms"]},
    ]
    dead = [{"host": "127.0.0.1", "port": free_port(), "security": "none", "from": "otp@corp.example"}]
    async with open_home(tmp_path, schemes=schemes, smtp=dead) as home, chromium() as browser:
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(home.url("wiki", "/page"))
        await home.type_password(page, "alice")
        await page.get_by_role("button", name="Try again").wait_for()
        await context.clear_cookies()
        await page.goto(home.url("wiki", "/page"))
        await home.type_password(page, "admin")
        await page.wait_for_url(home.url("wiki", "/page"))
        assert await page.inner_text("h1") == f"{LOCALHOST['wiki']}:{home.port} /page for admin"
        await context.close()
