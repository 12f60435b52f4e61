"""What the help desk sees of second factors that people added, and removing one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.factors import Factor
from proxy.factors.enrolment import seal_enrolment
from tests.portal.admin import FACTOR, admin_stage, explained, said, signed_in_admin
from tests.portal.stage import Stage
from tests.support.people import principal

SECRET = b"12345678901234567890"
SCHEMES = [
    {"name": "admins", "factors": ["password"], "groups": ["Gatepost Admins"], "networks": ["192.0.2.0/24"]},
    {"name": "browser", "factors": ["password", ["totp", "sms"]]},
]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with admin_stage(tmp_path, schemes=SCHEMES) as running:
        yield running


async def enrol(stage: Stage, guid: str) -> str:
    person = principal(guid=guid, realm="local")
    app = seal_enrolment(stage.keys, person, Factor.TOTP, SECRET, name="<b>phone</b>", now=stage.now)
    await stage.store.enrolments.put_enrolments([app])
    return app.enrolment_id


async def test_they_are_shown_and_removed_and_the_person_is_told(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    page = await explained(browser, "alice")
    assert "Second factors that they added" not in page.text
    guid = page.hidden["guid"]
    enrolment_id = await enrol(stage, guid)
    page = await explained(browser, "alice")
    assert "&lt;b&gt;phone&lt;/b&gt;" in page.text
    assert SECRET.decode() not in page.text
    removed = await browser.post(FACTOR, {**page.hidden, "factor": enrolment_id})
    assert "It was removed." in removed.text
    assert await stage.store.enrolments.enrolments(guid) == ()
    (line,) = said(stage, "admin.factor_removed")
    assert (line["person_guid"], line["factor"]) == (guid, "totp")
    await stage.all_told()
    assert any("was removed" in text for _, text in stage.phone.told)
    assert "they no longer had it" in (await browser.post(FACTOR, {**page.hidden, "factor": enrolment_id})).text


async def test_nobody_removes_their_own_here(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    page = await explained(browser, "admin")
    enrolment_id = await enrol(stage, page.hidden["guid"])
    page = await explained(browser, "admin")
    assert "These are your own" in page.text
    assert not re.search(r'name="factor"', page.text)
    assert (await browser.post(FACTOR, {**page.hidden, "factor": enrolment_id})).status == 403
    assert len(await stage.store.enrolments.enrolments(page.hidden["guid"])) == 1
