"""Renaming one's own second factors, and what comes back where a form holds what no page of ours has written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from proxy.portal.own_factors.page import TOO_MANY
from tests.portal.stage import SIGN_IN_ORIGIN, Browser, Page, Stage, running_portal
from tests.portal.test_own_factors import CHOICE, FACTORS, add_app

NAMES = (
    "a&told=added",
    "a#b",
    "a\r\nSet-Cookie: b=c",
    "a\nb",
    "日本",
    "%0d%0a",
    "a b+c",
    "../../sign-out?x=",
    "\x00",
    "",
)


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    async with running_portal(tmp_path, schemes=CHOICE) as stage:
        yield await with_app(stage)


async def with_app(stage: Stage) -> Browser:
    browser = stage.browser()
    await stage.sign_in(browser)
    await add_app(stage, browser)
    return browser


async def follow(browser: Browser, answer: Page) -> Page:
    assert answer.status == 303, answer.text
    return await browser.get(SIGN_IN_ORIGIN + answer.location)


async def test_a_name_is_changed_and_an_empty_one_is_asked_for_again(browser: Browser) -> None:
    page = await browser.get(FACTORS)
    (link,) = [part.split('"')[0] for part in page.text.split('href="/.gatepost/me/factors?change=')[1:]]
    page = await browser.get(f"{FACTORS}?change={link}")
    fields = {**page.hidden, "rename": link}
    again = await follow(browser, await browser.post(FACTORS, {**fields, "name": " \u200b "}))
    assert 'value="My phone"' in again.text
    listed = await follow(browser, await browser.post(FACTORS, {**fields, "name": "Écran <2>"}))
    assert "Écran &lt;2&gt;" in listed.text
    assert "My phone" not in listed.text


async def test_what_is_no_factor_comes_back_as_it_was_and_is_gone(browser: Browser) -> None:
    """It stays in its own field of the address: nothing of it becomes another field, a fragment or a header."""
    page = await browser.get(f"{FACTORS}?add=totp")
    for name in NAMES:
        fields = {"csrf_token": page.hidden["csrf_token"], "rename": name, "name": ""}
        answer = await browser.post(FACTORS, fields)
        assert answer.status == 303, name
        assert "Set-Cookie" not in answer.headers
        parts = urlsplit(answer.location)
        assert (parts.path, parts.fragment) == ("/.gatepost/me/factors", "")
        assert parse_qs(parts.query, keep_blank_values=True) == {"change": [name]}
        again = await browser.get(SIGN_IN_ORIGIN + answer.location)
        assert again.location == "/.gatepost/me/factors?told=gone"


async def test_who_finds_no_room_any_more_is_told(browser: Browser) -> None:
    assert "You have as many as you can have" in (await browser.get(f"{FACTORS}?told={TOO_MANY}")).text
