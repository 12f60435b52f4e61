"""Whom a limit has stopped, on the admin pages: listed while it would stop them again, and released."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.portal.admin import THROTTLED, admin_stage, said, signed_in_admin
from tests.portal.stage import Browser, Page, Stage

LIMITS = {
    "passwords_per_person": 3,
    "passcode_failures_in_a_row": 2,
    "sends_per_number": 2,
}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with admin_stage(tmp_path, throttle=LIMITS) as stage:
        yield stage


def rows(page: Page) -> list[tuple[str, str]]:
    """Person and reason."""
    return re.findall(r'<th scope="row">([^<]+)</th>\s*<td data-label="Reason">([^<]+)</td>', page.text)


async def guess(stage: Stage, username: str, times: int) -> None:
    for number in range(times):
        await stage.password(stage.browser(), username, f"wrong {number}")


async def lock_codes(stage: Stage) -> None:
    """Of alice: as many wrong ones as lock them, and one more."""
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    for _ in range(3):
        await stage.answer(browser, page, stage.wrong_passcode())


async def released(browser: Browser, page: Page) -> Page:
    return await browser.post(f"{THROTTLED}/release", page.hidden)


async def test_who_is_stopped_is_listed_once_with_the_reason_until_the_window_ends(stage: Stage) -> None:
    await guess(stage, "bob", 6)
    await guess(stage, "alice", 2)  # counted, and not stopped
    await guess(stage, "nobody-of-this-name", 6)
    browser = await signed_in_admin(stage)
    assert rows(await browser.get(THROTTLED)) == [
        ("local\\bob", "too many wrong passwords were typed where they never signed in")
    ]
    assert said(stage, "admin.throttled_shown")[-1]["people"] == 1
    stage.now += stage.settings.throttle.window
    browser = await signed_in_admin(stage)
    assert rows(await browser.get(THROTTLED)) == []


async def test_locked_codes_stay_listed_until_somebody_resets_them(stage: Stage) -> None:
    await lock_codes(stage)
    stage.now += 30 * 86_400
    browser = await signed_in_admin(stage)
    page = await browser.get(THROTTLED)
    assert rows(page) == [("local\\alice", "their codes are locked after too many wrong ones in a row")]
    assert "somebody resets it" in page.text
    page = await released(browser, page)
    assert "Their limits were reset." in page.text
    assert rows(page) == []
    assert said(stage, "admin.unlocked")[0]["person_guid"]
    again = stage.browser()
    answer = await stage.answer(again, await stage.to_passcode(again), stage.passcode)
    assert answer.location == "/"


async def test_a_number_that_got_too_many_codes_is_listed_and_released(stage: Stage) -> None:
    for _ in range(3):
        await stage.password(stage.browser())
    browser = await signed_in_admin(stage)
    page = await browser.get(THROTTLED)
    assert rows(page) == [("local\\alice", "too many codes were sent to their number or mail address")]
    assert rows(await released(browser, page)) == []


async def test_who_is_unlocked_elsewhere_leaves_the_list(stage: Stage) -> None:
    await guess(stage, "bob", 6)
    browser = await signed_in_admin(stage)
    assert rows(await browser.get(THROTTLED))
    (listed,) = await stage.store.counters.throttled(now=stage.now)
    await stage.throttle.clear_passwords(person=listed.guid, still_counted=0, now=stage.now)
    assert rows(await browser.get(THROTTLED)) == []


async def test_nobody_is_released_by_a_form_of_nobody(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    await guess(stage, "bob", 6)
    token = (await browser.get(THROTTLED)).hidden["csrf_token"]
    for fields in (
        {},
        {"realm": "local", "guid": "x"},
        {"realm": "local", "guid": "0" * 8 + "-0000" * 3 + "-" + "0" * 12},
    ):
        assert (await browser.post(f"{THROTTLED}/release", {"csrf_token": token, **fields})).status == 403
    assert len(rows(await browser.get(THROTTLED))) == 1
