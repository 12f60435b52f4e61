"""The first admin page and the messages that did not arrive."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.delivery.delivery_store import DeliveryFailure, FailureReason
from proxy.operations.health import CheckState, Readiness
from proxy.portal.admin.paging import ROWS, page_of
from tests.portal.admin import ADMIN, PERSON, UNDELIVERED, admin_stage, said, signed_in_admin
from tests.portal.stage import NOW, Stage

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with admin_stage(tmp_path) as stage:
        yield stage


def failure(number: int = 0, **fields: object) -> DeliveryFailure:
    values: dict[str, object] = {
        "message_id": f"<{number}@gatepost>",
        "guid": "5f6a1c3e-0000-4000-8000-00000000a11c",
        "realm": "local",
        "username": "alice",
        "channel": "kapow",
        "destination": "•••••••• 456",
        "sent_at": NOW - 60,
        "reason": FailureReason.NUMBER_REFUSED,
        "detail": "550 unknown subscriber",
        "failed_at": NOW - 30 - number,
    }
    return DeliveryFailure(**{**values, **fields})  # type: ignore[arg-type]  # a test's fields


async def test_what_fails_is_told_first_and_in_words(stage: Stage) -> None:
    stage.readiness = Readiness(
        ready=True,
        degraded=True,
        checks={
            "store": CheckState(ok=True, detail="", at=NOW - 3),
            "relay": CheckState(ok=False, detail=f"smtp.corp.example: {EVIL}", at=NOW - 120),
            "directory corp": CheckState(ok=False, detail="no server answers", at=NOW - 5),
        },
    )
    page = await (await signed_in_admin(stage)).get(ADMIN)
    assert "Something is broken" in page.text
    assert re.findall(r'<th scope="row">([^<]+)</th>', page.text) == ["relay", "directory corp", "store"]
    assert "smtp.corp.example" in page.text
    assert "2 minutes ago" in page.text
    assert "<img" not in page.text


@pytest.mark.parametrize(
    ("ready", "degraded", "words"),
    [(True, False, "Everything works"), (True, True, "Something is broken"), (False, True, "Nobody can sign in")],
)
async def test_the_headline_says_whether_people_can_sign_in(
    stage: Stage, ready: bool, degraded: bool, words: str
) -> None:
    stage.readiness = Readiness(ready=ready, degraded=degraded, checks={})
    assert f"<h1>{words}</h1>" in (await (await signed_in_admin(stage)).get(ADMIN)).text


async def test_before_the_first_answers_nothing_is_called_broken(stage: Stage) -> None:
    unasked = CheckState(ok=False, detail="not checked yet", at=None)
    stage.readiness = Readiness(ready=False, degraded=True, checks={"store": unasked})
    page = await (await signed_in_admin(stage)).get(ADMIN)
    assert "<h1>Still checking</h1>" in page.text
    assert "not yet</td>" in page.text


async def test_what_is_broken_is_said_while_the_rest_is_still_asked(stage: Stage) -> None:
    unasked = CheckState(ok=False, detail="not checked yet", at=None)
    relay = CheckState(ok=False, detail="connection refused", at=stage.now)
    stage.readiness = Readiness(ready=False, degraded=True, checks={"store": unasked, "relay": relay})
    page = await (await signed_in_admin(stage)).get(ADMIN)
    assert "<h1>Something is broken</h1>" in page.text


async def test_people_failures_and_codes_are_counted(stage: Stage) -> None:
    await stage.sign_in(stage.browser())
    await stage.sign_in(stage.browser())
    await stage.store.deliveries.put_failure(failure())
    await stage.store.deliveries.put_failure(failure(1, failed_at=NOW - 90_000))
    browser = await signed_in_admin(stage)
    figures = re.findall(r"<strong>([^<]+)</strong> ([^<]+)</li>", (await browser.get(ADMIN)).text)
    assert figures == [
        ("2", "people with a session"),
        ("1", "codes undelivered in 24 hours"),
        ("2", "of 10,000 codes sent in 24 hours"),
    ]


async def test_what_did_not_arrive_is_listed_with_what_to_do(stage: Stage) -> None:
    await stage.store.deliveries.put_failure(failure(detail=EVIL))
    browser = await signed_in_admin(stage)
    page = await browser.get(UNDELIVERED)
    assert "local\\alice" in page.text
    assert "•••••••• 456" in page.text
    assert "number refused" in page.text
    assert "correct the number or address that the directory holds" in page.text
    assert "<img" not in page.text
    assert "Gatepost reads no failure reports" in page.text  # [bounces] is not set
    explained = await browser.post(PERSON, page.hidden)
    assert "can sign in now" in explained.text
    assert [line["failures"] for line in said(stage, "admin.undelivered_shown")] == [1]


async def test_a_long_list_comes_in_pages(stage: Stage) -> None:
    for number in range(ROWS + 1):
        await stage.store.deliveries.put_failure(failure(number, username=f"user{number}"))
    browser = await signed_in_admin(stage)
    first, second = await browser.get(UNDELIVERED), await browser.get(f"{UNDELIVERED}?page=2")
    assert "user0<" in first.text
    assert f"user{ROWS}<" not in first.text
    assert 'href="/.gatepost/admin/undelivered?page=2"' in first.text
    assert re.findall(r'<th scope="row">([^<]+)</th>', second.text) == [f"local\\user{ROWS}"]


@pytest.mark.parametrize(
    ("text", "number"),
    [("", 1), ("2", 2), ("3", 3), ("4", 3), ("0", 1), ("-1", 1), ("x", 1), ("²", 1), ("9" * 5000, 1), ("1.5", 1)],
)
def test_a_page_that_is_none_is_the_nearest(text: str, number: int) -> None:
    page = page_of(text, 2 * ROWS + 1, path="/x")
    assert (page.number, page.pages) == (number, 3)
    assert page.first < page.last <= 2 * ROWS + 1


def test_an_empty_list_has_one_page() -> None:
    page = page_of("7", 0, path="/x")
    assert (page.number, page.pages, page.first, page.last) == (1, 1, 0, 0)
