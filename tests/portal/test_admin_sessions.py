"""Who is signed in, on the admin pages: found, seen and ended, without anything that opens a session."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from proxy.help_desk.sessions import short_name_of
from proxy.sessions.session import Session
from proxy.sessions.way import Way
from tests.portal.admin import ADMIN, SESSIONS, admin_stage, said, signed_in_admin
from tests.portal.stage import Browser, Page, Stage
from tests.support.people import principal, session

BOB = "5f6a1c3e-0000-4000-8000-0000000000b0"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    places = [{"name": "Ward", "addresses": ["198.51.100.0/24"], "shared": True}]
    async with admin_stage(tmp_path, networks=places) as stage:
        yield stage


async def kept(stage: Stage, *hosts: str, guid: str = BOB, username: str = "bob", **fields: Any) -> Session:
    """One more session in the store, with a cookie at each host."""
    now = stage.now
    fields = {"created_at": now - 60, "last_used_at": now - 5, "client_address": "192.0.2.9", **fields}
    made = session(principal=principal(guid=guid, username=username, realm="local"), **fields)
    first, *others = hosts or ("signin.corp.example",)
    await stage.store.sessions.create_session(made, cookie=secrets.token_bytes(32), host=first)
    for host in others:
        await stage.store.sessions.add_cookie(made.session_id, cookie=secrets.token_bytes(32), host=host)
    return made


async def found(browser: Browser, **fields: str) -> Page:
    form = await browser.get(SESSIONS)
    return await browser.post(SESSIONS, {**form.hidden, **fields})


def persons(page: Page) -> list[str]:
    return re.findall(r'<th scope="row">([^<]+?) ?<', page.text)


async def test_they_are_found_by_person_app_and_address(stage: Stage) -> None:
    await kept(stage, "signin.corp.example", "wiki.corp.example", client_address="198.51.100.7")
    await kept(stage, guid=BOB[:-1] + "1", username="carol", client_address="2001:db8::7", way=Way.SSH)
    browser = await signed_in_admin(stage)
    everybody = {"local\\admin", "local\\bob", "local\\carol"}
    assert set(persons(await browser.get(SESSIONS))) == everybody
    assert persons(await found(browser, app="Wiki")) == ["local\\bob"]
    assert persons(await found(browser, address="198.51.100.7")) == ["local\\bob"]
    assert persons(await found(browser, address="2001:db8::/32")) == ["local\\carol"]
    assert persons(await found(browser, address="203.0.113.0/24")) == []
    assert persons(await found(browser, login="local\\admin")) == ["local\\admin"]
    asked_for = [line["searched_by"] for line in said(stage, "admin.sessions_shown") if line["searched_by"]]
    assert asked_for == ["app", "address", "address", "address", "person"]
    assert said(stage, "admin.sessions_shown")[-1]["person_guid"]


async def test_one_is_seen_with_all_that_it_is(stage: Stage) -> None:
    await kept(stage, "signin.corp.example", "wiki.corp.example", client_address="198.51.100.7")
    page = (await found(await signed_in_admin(stage), app="Wiki")).text
    for shown in ("password, sms", "browser", "198.51.100.7", "Ward", "Wiki"):
        assert shown in page, shown


async def test_nothing_on_the_page_or_in_the_log_opens_a_session(stage: Stage) -> None:
    made = await kept(stage)
    browser = await signed_in_admin(stage)
    page = (await browser.get(SESSIONS)).text
    cookie = browser.session_cookie()
    assert cookie is not None
    for secret in (made.session_id, cookie):
        assert secret not in page
        assert secret not in stage.log_text
    assert short_name_of(made) in page


async def test_one_is_ended_and_the_others_stay(stage: Stage) -> None:
    ended, stays = await kept(stage), await kept(stage)
    browser = await signed_in_admin(stage)
    token = (await browser.get(SESSIONS)).hidden
    heard: list[str] = []
    stage.store.sessions.on_session_end(heard.append)
    fields = {"csrf_token": token["csrf_token"], "guid": BOB, "session": short_name_of(ended)}
    page = await browser.post(f"{SESSIONS}/end", fields)
    assert "One session has ended, everywhere." in page.text
    assert heard == [ended.session_id]
    assert [each.session_id for each in await stage.store.sessions.sessions(BOB)] == [stays.session_id]
    assert [line["sessions"] for line in said(stage, "admin.sessions_ended")] == [1]
    again = await browser.post(f"{SESSIONS}/end", fields)
    assert "That session had already ended." in again.text


async def test_ones_own_is_not_ended_here_and_nobody_elses_by_a_wrong_name(stage: Stage) -> None:
    await kept(stage)
    browser = await signed_in_admin(stage)
    (own,) = [each for each in await stage.store.sessions.sessions() if each.principal.username == "admin"]
    token = (await browser.get(SESSIONS)).hidden["csrf_token"]
    mine = {"csrf_token": token, "guid": own.principal.guid, "session": short_name_of(own)}
    assert (await browser.post(f"{SESSIONS}/end", mine)).status == 403
    for name in ("", "0" * 12):
        await browser.post(f"{SESSIONS}/end", {"csrf_token": token, "guid": BOB, "session": name})
    assert len(await stage.store.sessions.sessions()) == 2


async def test_all_of_a_person_are_ended_by_the_button_below(stage: Stage) -> None:
    for _ in range(3):
        await stage.sign_in(stage.browser())
    browser = await signed_in_admin(stage)
    page = await found(browser, login="alice")
    assert len(persons(page)) == 3
    await browser.post(f"{ADMIN}person/end-sessions", page.hidden)
    assert [each.principal.username for each in await stage.store.sessions.sessions()] == ["admin"]


async def test_no_search_without_the_token_of_its_form(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    assert (await browser.post(SESSIONS, {"login": "admin"})).status == 403
    assert said(stage, "admin.sessions_shown") == []


async def test_many_are_shown_in_pages(stage: Stage) -> None:
    for number in range(60):
        await kept(stage, last_used_at=stage.now - number)
    browser = await signed_in_admin(stage)
    page = await found(browser, address="192.0.2.9", page="2")
    assert "Page 2 of 2" in page.text
    assert len(persons(page)) == 10


@pytest.mark.parametrize("fields", [{"app": "x"}, {"address": "x"}, {"login": "a b/\\@@"}])
async def test_what_cannot_be_meant_is_told_at_its_field(stage: Stage, fields: dict[str, str]) -> None:
    page = await found(await signed_in_admin(stage), **fields)
    assert page.status == 400
    assert 'aria-invalid="true"' in page.text


async def test_who_lists_them_again_and_again_is_stopped(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    for _ in range(60):
        page = await browser.get(SESSIONS)
    assert page.status == 200
    assert (await browser.get(SESSIONS)).status == 429
