"""Who may open the admin pages: members of the groups, fully signed in, from the networks; nobody else, by any way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import SchemeSettings
from config.tables.admin import AdminSettings
from proxy.portal.admin.entrance import Admitted, MissingFactors, MissingGroups, NotFromHere, NotSignedIn, judge
from proxy.sessions.session import Session
from tests.portal.admin import ACTIONS, ADMIN, CSV, MOBILES, PAGES, PERSON, admin_stage, said, signed_in_admin, token_of
from tests.portal.stage import SIGN_IN_ORIGIN, Browser, Page, Stage, running_portal
from tests.support.people import NOW, principal, session

ADMINS = frozenset({"Gatepost Admins"})
SETTINGS = AdminSettings(groups=("Gatepost Admins",))
BROWSER = SchemeSettings(name="browser", factors=("password", "sms"))


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with admin_stage(tmp_path) as stage:
        yield stage


async def all_answers(stage: Stage, browser: Browser) -> list[Page]:
    """To every page and every action, each with the token that a form would carry."""
    token = await token_of(stage, browser)
    told = {
        **token,
        "login": "alice",
        "realm": "local",
        "guid": (await stage.store.sessions.sessions())[0].principal.guid,
    }
    return [await browser.get(url) for url in PAGES] + [await browser.post(url, told) for url in ACTIONS]


async def test_without_groups_there_are_no_admin_pages(tmp_path: Path) -> None:
    async with running_portal(tmp_path) as stage:
        browser = await signed_in_admin(stage)
        assert {page.status for page in await all_answers(stage, browser)} == {404}
        assert "/.gatepost/admin/" not in (await browser.get(SIGN_IN_ORIGIN)).text
        page = await stage.browser().get(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in?return_to=/.gatepost/admin/")
        assert page.hidden["return_to"] == ""


async def test_an_admin_opens_every_page(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    assert 'href="/.gatepost/admin/"' in (await browser.get(SIGN_IN_ORIGIN)).text
    assert [(await browser.get(url)).status for url in PAGES[:4]] == [200] * 4
    assert (await browser.get(ADMIN.rstrip("/"))).location == "/.gatepost/admin/"


async def test_somebody_outside_the_groups_is_told_which_group_is_asked_for(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    answers = await all_answers(stage, browser)
    assert {page.status for page in answers} == {403}
    assert all("Gatepost Admins" in page.text for page in answers)
    assert "/.gatepost/admin/" not in (await browser.get(SIGN_IN_ORIGIN)).text
    assert {line["reason"] for line in said(stage, "admin.refused")} == {"groups"}
    assert len(await stage.store.sessions.sessions()) == 1


async def test_nobody_is_led_to_the_sign_in_and_back(stage: Stage) -> None:
    browser = stage.browser()
    led = await browser.get(PERSON)
    assert led.location == "/.gatepost/sign-in?return_to=%2F.gatepost%2Fadmin%2Fperson"
    form = await browser.get(SIGN_IN_ORIGIN + led.location)
    assert form.hidden["return_to"] == "/.gatepost/admin/person"
    fields = {**form.hidden, "username": "admin", "password": "correct horse 7"}
    answer = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in", fields)
    assert answer.location == "/.gatepost/admin/person"


async def test_a_sign_in_with_a_passcode_leads_back_too(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser, return_to="/.gatepost/admin/mobiles")
    assert (await stage.answer(browser, page, stage.passcode)).location == "/.gatepost/admin/mobiles"
    assert (await browser.get(MOBILES)).status == 403  # signed in, and no admin


@pytest.mark.parametrize(
    "return_to",
    [
        "/.gatepost/admin/../me", "//evil.example/.gatepost/admin/", "/.gatepost/admin/person?login=alice",
        "/.gatepost/admin", "/.gatepost/admin/person/end-sessions", "/.gatepost/admin/\\evil", "/", "/.gatepost/ADMIN/",
        "https://signin.corp.example/.gatepost/admin/",
    ],
)  # fmt: skip
async def test_a_sign_in_leads_back_to_no_other_path(stage: Stage, return_to: str) -> None:
    assert (await stage.password(stage.browser(), "admin", return_to=return_to)).location == "/"


async def test_a_half_signed_in_session_opens_nothing(tmp_path: Path) -> None:
    schemes = [{"name": "browser", "factors": ["password", "sms"]}]
    async with admin_stage(tmp_path, admin={"groups": ["Wiki Users"]}, schemes=schemes) as stage:
        half = stage.browser()
        page = await stage.to_passcode(half)
        answers = await all_answers(stage, half)
        assert {answer.location.partition("?")[0] for answer in answers} == {"/.gatepost/sign-in"}
        assert len(await stage.store.sessions.sessions()) == 1
        await stage.answer(half, page, stage.passcode)
        assert (await half.get(ADMIN)).status == 200


async def test_elsewhere_than_in_the_networks_an_admin_sees_nothing(tmp_path: Path) -> None:
    async with admin_stage(tmp_path, admin={"networks": ["192.0.2.0/28"]}) as stage:
        browser = await signed_in_admin(stage)
        assert (await browser.get(ADMIN)).status == 200
        browser.address = "192.0.2.99"  # the same session, carried elsewhere
        assert {page.status for page in await all_answers(stage, browser)} == {403}
        assert {line["reason"] for line in said(stage, "admin.refused")} == {"networks"}
        browser.address = "unknown"
        assert (await browser.get(ADMIN)).status == 403
        assert len(await stage.store.sessions.sessions()) == 1


async def test_a_removed_group_is_in_force_with_the_next_request(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    assert (await browser.get(ADMIN)).status == 200
    (held,) = await stage.store.sessions.sessions()
    await stage.sessions.update_principal(replace(held, principal=replace(held.principal, groups=frozenset())))
    assert (await browser.get(ADMIN)).status == 403


async def test_an_ended_session_opens_nothing(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    (held,) = await stage.store.sessions.sessions()
    await stage.store.sessions.end_session(held.session_id)
    assert (await browser.get(ADMIN)).status == 303


async def test_while_the_store_is_away_nothing_is_opened(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    stage.store.away = True  # and this worker has not seen the session yet
    answers = [await browser.get(url) for url in PAGES]
    answers += [await browser.post(url, {"csrf_token": "x" * 43, "login": "alice"}) for url in ACTIONS]
    assert {page.status for page in answers} == {503}
    assert not [each for each in stage.log if str(each.get("event")).startswith("admin.")]


async def test_a_named_scheme_is_asked_for_and_leads_back(tmp_path: Path) -> None:
    schemes = [
        {"name": "quick", "factors": ["password"], "groups": ["Wiki Users"]},
        {"name": "browser", "factors": ["password", "sms"]},
    ]
    async with admin_stage(tmp_path, admin={"groups": ["Wiki Users"], "scheme": "browser"}, schemes=schemes) as stage:
        browser = stage.browser()
        assert (await stage.password(browser)).location == "/"
        answers = await all_answers(stage, browser)
        assert all(page.location.startswith("/.gatepost/step-up?scheme=browser&return_to=") for page in answers)
        page = await browser.get(SIGN_IN_ORIGIN + answers[0].location)
        asked = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", page.hidden)
        passcode_page = await browser.get(SIGN_IN_ORIGIN + asked.location)
        landed = await stage.answer(browser, passcode_page, stage.passcode)
        assert landed.location == "/.gatepost/admin/"
        assert (await browser.get(ADMIN)).status == 200


async def test_a_session_for_certain_apps_opens_no_admin_page(tmp_path: Path) -> None:
    schemes = [
        {"name": "quick", "factors": ["password"], "apps": ["Wiki"]},
        {"name": "browser", "factors": ["password", "sms"]},
    ]
    async with admin_stage(tmp_path, admin={"groups": ["Wiki Users"]}, schemes=schemes) as stage:
        browser = stage.browser()
        await stage.password(browser, return_to="https://wiki.corp.example/page", start="s" * 43)
        assert (await browser.get(ADMIN)).location.startswith("/.gatepost/step-up?scheme=browser")


async def test_a_session_of_a_trusted_place_is_asked_for_more_where_it_is_carried(tmp_path: Path) -> None:
    schemes = [
        {"name": "office", "factors": ["password"], "networks": ["192.0.2.0/28"]},
        {"name": "browser", "factors": ["password", "sms"]},
    ]
    async with admin_stage(tmp_path, admin={"groups": ["Wiki Users"]}, schemes=schemes) as stage:
        browser = stage.browser()
        assert (await stage.password(browser)).location == "/"
        assert (await browser.get(ADMIN)).status == 200
        browser.address = "198.51.100.7"
        answers = await all_answers(stage, browser)
        assert {page.location.partition("&")[0] for page in answers} == {"/.gatepost/step-up?scheme=browser"}
        page = await browser.get(SIGN_IN_ORIGIN + answers[0].location)
        asked = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", page.hidden)
        landed = await stage.answer(browser, await browser.get(SIGN_IN_ORIGIN + asked.location), stage.passcode)
        assert landed.location == "/.gatepost/admin/"
        assert (await browser.get(ADMIN)).status == 200
        browser.address = "192.0.2.7"  # and back: enough was proven
        assert (await browser.get(ADMIN)).status == 200


async def test_a_named_scheme_that_must_be_fresh_is_asked_for_again(tmp_path: Path) -> None:
    schemes = [{"name": "browser", "factors": ["password", "sms"], "fresh": "15m"}]
    async with admin_stage(tmp_path, admin={"groups": ["Wiki Users"], "scheme": "browser"}, schemes=schemes) as stage:
        browser = stage.browser()
        await stage.sign_in(browser)
        stage.now += 899
        assert (await browser.get(ADMIN)).status == 200
        stage.now += 1
        answers = await all_answers(stage, browser)
        assert all(page.location.startswith("/.gatepost/step-up?scheme=browser&return_to=") for page in answers)
        page = await browser.get(SIGN_IN_ORIGIN + answers[0].location)
        asked = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", page.hidden)
        landed = await stage.answer(browser, await browser.get(SIGN_IN_ORIGIN + asked.location), stage.passcode)
        assert landed.location == "/.gatepost/admin/"
        assert (await browser.get(ADMIN)).status == 200


@pytest.mark.parametrize("url", PAGES)
async def test_the_pages_are_on_no_apps_host(stage: Stage, url: str) -> None:
    browser = await signed_in_admin(stage)
    assert (await browser.get(url.replace("signin.", "wiki."))).status == 404


@pytest.mark.parametrize("url", ACTIONS)
@pytest.mark.parametrize("token", ["", "x" * 43, "of another session"])
async def test_no_action_without_its_token(stage: Stage, url: str, token: str) -> None:
    browser, other = await signed_in_admin(stage), await signed_in_admin(stage)
    if token == "of another session":
        token = (await token_of(stage, other))["csrf_token"]
    guid = (await stage.store.sessions.sessions())[0].principal.guid
    fields = {"csrf_token": token, "login": "admin", "realm": "local", "guid": guid}
    assert (await browser.post(url, fields)).status == 403
    own = await token_of(stage, browser)
    assert (await browser.post(url, {**fields, **own}, Origin="https://wiki.corp.example")).status == 403
    assert (await browser.request("GET", f"{url}?csrf_token={own['csrf_token']}", headers={})).status in (200, 405)
    assert len(await stage.store.sessions.sessions()) == 2
    assert not [each for each in stage.log if str(each.get("event")).startswith("admin.")]


LOADED = {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"}
LINK = {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}


@pytest.mark.parametrize("url", PAGES)
@pytest.mark.parametrize(
    "headers",
    [
        LOADED,
        {**LOADED, "Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"},
        {**LINK, "Sec_Fetch_Dest": "iframe"},
        {**LINK, "Sec_Purpose": "prefetch"},
    ],
)
async def test_what_an_apps_page_loads_by_itself_reads_nothing(stage: Stage, url: str, headers: dict[str, str]) -> None:
    browser = await signed_in_admin(stage)
    page = await browser.get(url, **headers)
    assert page.status == (303 if url == CSV else 403)
    assert not [each for each in stage.log if str(each.get("event")).startswith("admin.")]


async def test_a_link_elsewhere_leads_to_the_pages_and_downloads_nothing(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    assert [(await browser.get(url, **LINK)).status for url in PAGES[:4]] == [200] * 4
    assert (await browser.get(CSV, **LINK)).location == "/.gatepost/admin/mobiles"
    assert [(await browser.get(url, **{**LINK, "Sec_Fetch_Site": "none"})).status for url in PAGES[:4]] == [200] * 4


def admin_session(**fields: Any) -> Session:
    return session(principal=principal(groups=ADMINS), **fields)


def test_whatever_is_in_doubt_nobody_is_admitted() -> None:
    one = admin_session()
    assert judge(one, SETTINGS, (BROWSER,), "192.0.2.7", now=NOW) == Admitted()
    assert judge(None, SETTINGS, (BROWSER,), "192.0.2.7", now=NOW) == NotSignedIn()
    assert judge(one, AdminSettings(), (BROWSER,), "192.0.2.7", now=NOW) == MissingGroups(())
    assert judge(one, SETTINGS, (), "192.0.2.7", now=NOW) == MissingFactors("")
    unknown = SETTINGS.model_copy(update={"scheme": "gone"})
    assert judge(one, unknown, (BROWSER,), "192.0.2.7", now=NOW) == MissingFactors("gone")
    here = SETTINGS.model_copy(update={"networks": (ip_network("192.0.2.0/24"),)})
    assert judge(one, here, (BROWSER,), "192.0.2.7", now=NOW) == Admitted()
    assert [judge(one, here, (BROWSER,), where, now=NOW) for where in ("", "unknown", "192.0.3.7")] == [
        NotFromHere()
    ] * 3


@given(
    groups=st.frozensets(st.sampled_from(["Gatepost Admins", "gatepost admins", "Wiki Users", ""])),
    is_half=st.booleans(),
    must_change=st.booleans(),
)
def test_only_whole_sessions_of_members_are_admitted(groups: frozenset[str], is_half: bool, must_change: bool) -> None:
    one = session(principal=principal(groups=groups), is_half=is_half, password_must_change=must_change)
    admitted = judge(one, SETTINGS, (BROWSER,), "192.0.2.7", now=NOW) == Admitted()
    assert admitted == ("Gatepost Admins" in groups and not is_half and not must_change)
