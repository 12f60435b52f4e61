"""The audit on the admin pages: found by person, app, event and day, and each search recorded."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.audit.event import AuditedPerson, AuditEvent
from proxy.audit.person_keys import PersonKeys
from tests.audit.engine import ANNA, Engine, signed_in
from tests.portal.admin import ADMIN, admin_stage, guid_of_admin, said, signed_in_admin
from tests.portal.stage import Browser, Page, Stage

AUDIT = f"{ADMIN}audit"
MAY = {"roles": [{"groups": ["Gatepost Admins"], "may": ["look", "audit"]}]}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with admin_stage(tmp_path, admin=MAY, audit={"file": str(tmp_path / "audit.jsonl")}) as stage:
        yield stage


def engine_of(stage: Stage) -> Engine:
    """What writes the audit that the stage reads."""
    assert stage.settings.audit.file is not None
    engine = Engine(stage.settings.audit.file)
    engine.keys, engine.person_keys = stage.keys, PersonKeys(stage.store.person_keys, stage.keys)
    return engine


async def written(stage: Stage, count: int = 1) -> Engine:
    """Of the admin and of somebody else; the first of all is a week older."""
    engine = engine_of(stage)
    admin = AuditedPerson(realm="local", guid=await guid_of_admin(stage), name="admin")
    engine.now = stage.now - 8 * 86_400
    await engine.write(AuditEvent(event="sign_in.stopped", actor=ANNA, address="192.0.2.66"))
    engine.now = stage.now - 60
    denied = AuditEvent(event="access.denied", actor=ANNA, address="192.0.2.66", facts={"app": "Wiki"})
    await engine.write(*(signed_in(admin, scheme=f"scheme-{number}") for number in range(count)), denied)
    return engine


async def found(browser: Browser, **fields: str) -> Page:
    form = await browser.get(AUDIT)
    return await browser.post(AUDIT, {**form.hidden, **fields})


def events(page: Page) -> list[str]:
    return [each for each in re.findall(r'<th scope="row">([a-z_.]+) <small>', page.text) if "audit." not in each]


async def test_it_is_found_by_person_app_event_and_day_and_each_search_is_recorded(stage: Stage) -> None:
    await written(stage)
    browser = await signed_in_admin(stage)
    assert events(await browser.get(AUDIT)) == [], "nothing is shown that nobody asked for"
    assert events(await found(browser)) == ["access.denied", "sign_in.succeeded"]
    assert events(await found(browser, app="Wiki")) == ["access.denied"]
    assert events(await found(browser, event="sign_in")) == ["sign_in.succeeded"]
    assert events(await found(browser, login="admin")) == ["sign_in.succeeded"]
    assert events(await found(browser, since="2020-01-01", event="sign_in")) == ["sign_in.succeeded", "sign_in.stopped"]
    assert events(await found(browser, login="bob")) == []
    lines = said(stage, "admin.audit_searched")
    assert [line["found"] for line in lines if line["app"] == "Wiki"] == [1]
    assert len({line.get("person_guid", "") for line in lines}) == 3
    assert "bob" not in stage.log_text


async def test_who_asks_for_names_that_nobody_has_is_recorded_too(stage: Stage) -> None:
    page = await found(await signed_in_admin(stage), login="nobody.at.all")
    assert page.status == 400
    assert [line["found"] for line in said(stage, "admin.audit_searched")] == [0]
    assert "nobody.at.all" not in stage.log_text


async def test_what_was_erased_is_not_shown(stage: Stage) -> None:
    engine = await written(stage)
    browser = await signed_in_admin(stage)
    assert "anna.arden" in (await found(browser, app="Wiki")).text
    await engine.person_keys.erase_person(ANNA.guid)
    page = await found(browser, app="Wiki")
    assert events(page) == ["access.denied"]
    assert "(erased)" in page.text
    assert "anna.arden" not in page.text
    assert "192.0.2.66" not in page.text


@pytest.mark.parametrize(
    "fields", [{"app": "x"}, {"event": "x"}, {"since": "yesterday"}, {"login": "nobody"}, {"since": "0000-00-00"}]
)
async def test_what_cannot_be_meant_is_told_at_its_field(stage: Stage, fields: dict[str, str]) -> None:
    page = await found(await signed_in_admin(stage), **fields)
    assert page.status == 400
    assert 'aria-invalid="true"' in page.text


async def test_files_that_cannot_be_read_are_said_to_be_so(tmp_path: Path) -> None:
    away = {"file": str(tmp_path / "away" / "audit.jsonl")}
    async with admin_stage(tmp_path, admin=MAY, audit=away) as stage:
        page = await found(await signed_in_admin(stage))
        assert page.status == 503
        assert said(stage, "audit.unreadable")


async def test_without_a_file_there_is_no_such_page(tmp_path: Path) -> None:
    async with admin_stage(tmp_path, admin=MAY) as stage:
        browser = await signed_in_admin(stage)
        assert (await browser.get(AUDIT)).status == 404
        assert "/.gatepost/admin/audit" not in (await browser.get(ADMIN)).text
