"""What was sent last, on the admin pages: to whom, by which channel, and what became of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.delivery.channel import DeliveryStatus, Outcome
from tests.portal.admin import SENDS, admin_stage, said, signed_in_admin
from tests.portal.stage import SIGN_IN_ORIGIN, Page, Stage
from tests.support.people import NOW, sending


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with admin_stage(tmp_path) as stage:
        yield stage


def states(page: Page) -> list[str]:
    return re.findall(r'<span class="mark [a-z]+">([^<]+)</span>', page.text)


async def several(stage: Stage, count: int = 60) -> None:
    """Messages of everything that may become of one, and some more."""
    outcomes = (Outcome.UNAVAILABLE, Outcome.REFUSED, Outcome.ACCEPTED)
    for number in range(count):
        one = sending(f"challenge {number}", sent_at=NOW - number, outcome=outcomes[number % 3], reason="451 later")
        await stage.store.deliveries.put_sending(one)


async def test_a_message_is_listed_masked_and_with_what_became_of_it(stage: Stage) -> None:
    browser, admin = stage.browser(), await signed_in_admin(stage)
    page = await stage.to_passcode(browser)
    listed = await admin.get(SENDS)
    assert "local\\alice" in listed.text
    assert "123456" not in listed.text
    assert stage.phone.messages[-1].number not in listed.text
    assert states(listed) == ["handed over"]
    await stage.answer(browser, page, stage.passcode)
    assert states(await admin.get(SENDS)) == ["entered"]
    assert stage.passcode not in listed.text
    assert [line["messages"] for line in said(stage, "admin.sends_shown")] == [1, 1]


async def test_each_message_of_a_challenge_is_entered_with_its_passcode(stage: Stage) -> None:
    browser, admin = stage.browser(), await signed_in_admin(stage)
    page = await stage.to_passcode(browser)
    stage.now += 120
    await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/passcode", {**page.hidden, "resend": "sms"})
    await stage.answer(browser, page, stage.passcode)
    assert states(await admin.get(SENDS)) == ["entered", "entered"]


async def test_many_are_shown_in_pages(stage: Stage) -> None:
    await several(stage)
    page = await (await signed_in_admin(stage)).get(f"{SENDS}?page=2")
    assert len(states(page)) == 10
    assert "451 later" in page.text


async def test_what_became_of_a_message_is_what_is_known_of_it(stage: Stage) -> None:
    for number, fields in enumerate(
        (
            {},
            {"outcome": Outcome.UNKNOWN},
            {"status": DeliveryStatus.DELIVERED},
            {"status": DeliveryStatus.FAILED},
            {"outcome": Outcome.REFUSED},
            {"outcome": Outcome.UNAVAILABLE},
            {"entered_at": NOW, "status": DeliveryStatus.FAILED},
        )
    ):
        await stage.store.deliveries.put_sending(sending("c", sent_at=NOW - number, **fields))
    page = await (await signed_in_admin(stage)).get(SENDS)
    expected = ["handed over"] * 2 + ["delivered", "not delivered", "not sent", "not sent", "entered"]
    assert states(page) == expected
