"""Making, listing and removing one's own app passwords at the portal, and who may not."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.factors import Factor
from proxy.factors.confinement import Confinement
from proxy.factors.proof import Proof
from proxy.operations.store_errors import StoreUnavailable
from proxy.secrets.tokens import app_password, new_token, token_digest
from proxy.sessions.credential_use import CredentialUse
from proxy.sessions.way import TOKEN_HOST
from proxy.sign_in.credentials import Credential
from proxy.sign_in.own_credentials import MOST_PER_PERSON, WrongLimits, read_methods, read_networks
from tests.portal.stage import NOW, SIGN_IN_ORIGIN, Browser, Page, Stage, running_portal
from tests.support.people import credential

PAGE = f"{SIGN_IN_ORIGIN}/.gatepost/me/app-passwords"
ME = f"{SIGN_IN_ORIGIN}/.gatepost/me"
APPS = [
    {"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1", "groups": ["Wiki Users"]},
    {"name": "Files", "host": "files.corp.example", "upstream": "http://127.0.0.1:1", "clients": ["app_password"]},
    {
        **{"name": "Payroll", "host": "payroll.corp.example", "upstream": "http://127.0.0.1:1"},
        **{"groups": ["Payroll"], "clients": ["browser", "app_password"]},
    },
]
FORM = {"make": "yes", "app": "Files", "name": "Laptop, rclone", "days": "30", "methods": "", "networks": ""}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with running_portal(tmp_path, apps=APPS) as running:
        yield running


async def make(browser: Browser, **changes: str) -> Page:
    page = await browser.get(PAGE)
    assert page.status == 200, page.text
    return await browser.post(PAGE, {**page.hidden, **FORM, **changes})


def password_on(page: Page) -> str:
    found = re.search(r"<code>([a-z2-7-]{31})</code>", page.text)
    assert found is not None, page.text
    return found[1]


def digest_of(password: str) -> bytes:
    return token_digest(app_password(password.encode()) or b"")


async def begin(stage: Stage, password: str) -> Any:
    use = CredentialUse(
        factor=Factor.APP_PASSWORD, digest=digest_of(password), app="Files", address="192.0.2.7", incident="i"
    )
    return await stage.credentials.begin_session(use)


async def all_of(stage: Stage) -> tuple[Credential, ...]:
    return await stage.store.credentials.credentials(now=NOW)


async def test_one_is_made_and_shown_once(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    assert "app-passwords" in (await browser.get(ME)).text
    shown = await make(browser, methods="get, PROPFIND", networks="10.0.0.0/8, 2001:db8::1")
    password = password_on(shown)
    assert "It opens Files until" in shown.text
    (made,) = await all_of(stage)
    assert (made.factor, made.app, made.name, made.ends_at) == (
        *(Factor.APP_PASSWORD, "Files", "Laptop, rclone"),
        NOW + 30 * 86_400,
    )
    assert (made.methods, made.networks) == (("GET", "PROPFIND", "HEAD"), ("10.0.0.0/8", "2001:db8::1/128"))
    assert made.digest == digest_of(password)
    listed = await browser.get(PAGE)
    for said in ("Laptop, rclone", "Files", "never", "GET PROPFIND HEAD 10.0.0.0/8 2001:db8::1/128"):
        assert said in listed.text
    (event,) = [each for each in stage.log if each["event"] == "credential.made"]
    assert (event["guid"], event["app"]) == (made.guid, "Files")
    for secret in (password, password.replace("-", "")):
        assert secret not in listed.text + stage.log_text + repr(stage.phone.told)
    assert any("app password was made" in mail for told in stage.phone.told for mail in told)


async def test_its_last_use_is_shown_and_removing_it_ends_its_session(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    password = password_on(await make(browser))
    assert await begin(stage, password) is None
    session = await stage.sessions.find_by((TOKEN_HOST, digest_of(password)), stage.now)
    assert session is not None
    listed = await browser.get(PAGE)
    assert "never" not in listed.text
    mine = await browser.get(ME)
    assert "App password" in mine.text
    assert "begins again as long as its app password stands" in mine.text
    (made,) = await all_of(stage)
    gone = await browser.post(PAGE, {**listed.hidden, "remove": made.credential_id})
    assert gone.location.endswith("?told=removed")
    assert "signed out" in (await browser.get(SIGN_IN_ORIGIN + gone.location)).text
    assert await all_of(stage) == ()
    assert await stage.sessions.find_by((TOKEN_HOST, digest_of(password)), stage.now) is None
    assert (await begin(stage, password)).value == "credential_unknown"
    again = await browser.post(PAGE, {**listed.hidden, "remove": made.credential_id})
    assert again.location.endswith("?told=gone")


async def test_where_its_session_cannot_be_ended_it_is_still_there_to_be_removed(stage: Stage) -> None:
    browser, sessions = stage.browser(), stage.store.sessions
    await stage.sign_in(browser)
    password = password_on(await make(browser))
    assert await begin(stage, password) is None
    listed, (made,), end = await browser.get(PAGE), await all_of(stage), sessions.end_session

    async def fail(session_id: str) -> bool:
        raise StoreUnavailable("away")

    sessions.end_session = fail  # type: ignore[method-assign]
    failed = await browser.post(PAGE, {**listed.hidden, "remove": made.credential_id})
    assert failed.status == 503
    sessions.end_session = end  # type: ignore[method-assign]
    removed = await browser.post(PAGE, {**listed.hidden, "remove": made.credential_id})
    assert removed.location.endswith("?told=removed")
    assert await stage.sessions.find_by((TOKEN_HOST, digest_of(password)), stage.now) is None


async def test_a_session_that_begins_while_it_is_removed_ends_with_it(stage: Stage) -> None:
    browser, credentials = stage.browser(), stage.store.credentials
    await stage.sign_in(browser)
    password = password_on(await make(browser))
    listed, (made,), remove = await browser.get(PAGE), await all_of(stage), credentials.remove_credentials

    async def used_first(ids: Collection[str]) -> int:
        assert await begin(stage, password) is None
        return await remove(ids)

    credentials.remove_credentials = used_first  # type: ignore[method-assign]
    await browser.post(PAGE, {**listed.hidden, "remove": made.credential_id})
    assert await stage.sessions.find_by((TOKEN_HOST, digest_of(password)), stage.now) is None


async def test_nobody_removes_another_persons_or_a_service_token(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    (session,) = await stage.store.sessions.sessions()
    others = credential(guid="another", realm="local")
    token = credential(factor=Factor.SERVICE_TOKEN, guid=session.principal.guid, realm="local", name="Backup")
    for each in (others, token):
        await stage.store.credentials.put_credential(each, most=5)
    page = await browser.get(PAGE)
    assert "Backup" not in page.text
    for each in (others, token):
        answer = await browser.post(PAGE, {**page.hidden, "remove": each.credential_id})
        assert answer.location.endswith("?told=gone")
    assert len(await all_of(stage)) == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"app": "Wiki"}, "Choose one of the apps"),
        ({"app": "Payroll"}, "Choose one of the apps"),
        ({"app": ""}, "Choose one of the apps"),
        ({"name": " \x00 "}, "Give it a name"),
        ({"methods": "GET; rm"}, "Methods are written like"),
        ({"networks": "10.0.0.1/8"}, "Networks are written like"),
        ({"networks": "everywhere"}, "Networks are written like"),
    ],
)
async def test_what_is_wrong_with_the_form_is_said_and_nothing_made(
    stage: Stage, changes: dict[str, str], said: str
) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    answer = await make(browser, **changes)
    assert answer.status == 422
    assert said in answer.text
    assert await all_of(stage) == ()


async def test_only_the_lengths_that_are_offered_are_taken(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    for days in ("0", "-1", "36500", "", "1e9"):
        assert (await make(browser, days=days)).status == 403
    assert await all_of(stage) == ()


async def test_nobody_makes_them_without_end(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    (session,) = await stage.store.sessions.sessions()
    for _ in range(MOST_PER_PERSON):
        each = credential(guid=session.principal.guid, realm="local")
        assert await stage.store.credentials.put_credential(each, most=MOST_PER_PERSON)
    answer = await make(browser)
    assert (answer.status, len(await all_of(stage))) == (409, MOST_PER_PERSON)


async def test_it_needs_a_second_factor_within_ten_minutes(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    page = await browser.get(PAGE)
    stage.now += 601
    assert (await browser.get(PAGE)).status == 303
    answer = await browser.post(PAGE, {**page.hidden, **FORM})
    assert (answer.status, "step-up" in answer.location) == (303, True)
    assert await all_of(stage) == ()


async def test_a_stranger_is_sent_to_sign_in_and_a_forged_form_makes_nothing(stage: Stage) -> None:
    stranger = stage.browser()
    assert "/sign-in" in (await stranger.get(PAGE)).location
    assert "/sign-in" in (await stranger.post(PAGE, FORM)).location
    browser = stage.browser()
    await stage.sign_in(browser)
    assert (await browser.post(PAGE, {**FORM, "csrf_token": "x" * 43})).status == 403
    assert await all_of(stage) == ()


async def with_session(stage: Stage, browser: Browser, **changes: Any) -> Page:
    """Signed in, with the page open; then the session is another one."""
    await stage.sign_in(browser)
    page = await browser.get(PAGE)
    (session,) = await stage.store.sessions.sessions()
    changed = replace(session, session_id=new_token(), **changes)
    cookie = token_digest(browser.session_cookie() or "")
    host = "signin.corp.example"
    assert await stage.store.sessions.replace_session(session.session_id, changed, cookie=cookie, host=host)
    return page


async def test_a_remembered_browser_alone_makes_none(stage: Stage) -> None:
    browser = stage.browser()
    proven = (Proof(Factor.PASSWORD, NOW), Proof(Factor.REMEMBERED, NOW))
    page = await with_session(stage, browser, proven=proven)
    asked = await browser.get(PAGE)
    assert (asked.status, "step-up" in asked.location) == (303, True)
    await browser.post(PAGE, {**page.hidden, **FORM})
    assert await all_of(stage) == ()


async def test_a_session_that_is_confined_makes_none(stage: Stage) -> None:
    browser = stage.browser()
    page = await with_session(stage, browser, confined=Confinement(apps=("Files",)))
    assert (await browser.get(PAGE)).status == 403
    assert (await browser.post(PAGE, {**page.hidden, **FORM})).status == 403
    assert await all_of(stage) == ()


async def test_a_computer_that_others_use_makes_none(tmp_path: Path) -> None:
    shared = [{"name": "ward", "addresses": ["0.0.0.0/0", "::/0"], "shared": True}]
    async with running_portal(tmp_path, apps=APPS, networks=shared) as stage:
        browser = stage.browser()
        await stage.sign_in(browser)
        assert (await browser.get(PAGE)).status == 403
        assert await all_of(stage) == ()


async def test_without_an_app_that_takes_them_there_is_no_such_page(tmp_path: Path) -> None:
    async with running_portal(tmp_path) as stage:
        browser = stage.browser()
        await stage.sign_in(browser)
        assert (await browser.get(PAGE)).status == 404
        assert "app-passwords" not in (await browser.get(ME)).text


def test_limits_are_read_as_people_type_them() -> None:
    assert read_methods(" get,head  Report ") == ("GET", "HEAD", "REPORT")
    assert read_methods("") is None
    assert read_networks("10.0.0.0/8,192.0.2.7 10.0.0.0/8") == ("10.0.0.0/8", "192.0.2.7/32")
    assert read_networks(" ") is None
    for wrong in ("G€T", "GET/POST", "-"):
        with pytest.raises(WrongLimits):
            read_methods(wrong)
    for wrong in ("10.0.0.1/8", "host", "10.0.0.0/33"):
        with pytest.raises(WrongLimits):
            read_networks(wrong)
