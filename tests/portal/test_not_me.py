"""A sign-in with a browser that is new to its person: who is told of it, and what the link in the mail does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.factors import Factor
from proxy.sign_in.not_me import LINK_SECONDS
from tests.portal.stage import NOW, SIGN_IN_ORIGIN, Browser, Page, Stage, running_portal
from tests.support.people import credential, given_pass

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"
PERSON = f"{SIGN_IN_ORIGIN}/.gatepost/admin/person"
SCHEMES = [
    {"name": "admins", "factors": ["password"], "groups": ["Gatepost Admins"]},
    {"name": "browser", "factors": ["password", "sms"], "remember": "14d"},
]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with running_portal(tmp_path, schemes=SCHEMES, admin={"groups": ["Gatepost Admins"]}) as stage:
        with_mail(tmp_path)
        yield stage


def with_mail(folder: Path) -> None:
    path = folder / "users.toml"
    path.write_text(path.read_text().replace('username = "alice"', 'username = "alice"\nmail = "alice@corp.example"'))


async def sign_in(stage: Stage, browser: Browser, *, app: str = "", **fields: str) -> None:
    page = await stage.to_passcode(browser, return_to=app)
    await stage.answer(browser, page, stage.passcode, **fields)
    assert browser.session_cookie()
    await stage.all_told()


async def mails(stage: Stage) -> list[str]:
    return [text for to, text in stage.phone.told if to == "alice@corp.example"]


async def second_browser(stage: Stage) -> tuple[Browser, str]:
    """One that alice has not used before, and the address in the mail that tells of it."""
    await sign_in(stage, stage.browser())
    return await second_browser_of(stage)


async def second_browser_of(stage: Stage) -> tuple[Browser, str]:
    """Where she has used one already."""
    stranger = stage.browser(address="203.0.113.66")
    await sign_in(stage, stranger, app="https://wiki.corp.example/")
    (mail,) = await mails(stage)
    return stranger, re.findall(r"https://\S+", mail)[0]


async def press(stage: Stage, url: str) -> Page:
    browser = stage.browser()
    page = await browser.get(url)
    return await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/not-me", page.hidden)


async def test_a_new_browser_is_told_of_once(stage: Stage) -> None:
    stranger, _ = await second_browser(stage)
    (mail,) = await mails(stage)
    assert "203.0.113.66" in mail
    assert "Wiki" in mail
    assert "2027-01-15 08:00 UTC" in mail
    assert [to for to, _ in stage.phone.told] == ["alice@corp.example"], "a text message would cost, and cry wolf"
    await stage.store.sessions.end_all_sessions()
    await sign_in(stage, stranger)
    assert len(await mails(stage)) == 1


async def test_another_address_is_no_other_browser(stage: Stage) -> None:
    browser = stage.browser()
    await sign_in(stage, browser)
    await stage.store.sessions.end_all_sessions()
    browser.address = "203.0.113.66"
    await sign_in(stage, browser)
    assert await mails(stage) == []


async def test_the_first_browser_of_all_is_not_told_of(stage: Stage) -> None:
    await sign_in(stage, stage.browser())
    assert stage.phone.told == []


async def test_nobody_is_told_before_the_last_factor(stage: Stage) -> None:
    await sign_in(stage, stage.browser())
    await stage.to_passcode(stage.browser())
    assert stage.phone.told == []


async def test_it_can_be_turned_off(tmp_path: Path) -> None:
    async with running_portal(tmp_path, schemes=SCHEMES, sessions={"tell_new_browsers": False}) as stage:
        with_mail(tmp_path)
        for _ in range(2):
            await sign_in(stage, stage.browser())
        assert stage.phone.told == []


async def test_two_tabs_of_a_new_browser_are_told_of_once(stage: Stage) -> None:
    await sign_in(stage, stage.browser())
    stranger = stage.browser()
    await stage.to_passcode(stranger)
    tabs = [stranger.copy() for _ in range(3)]
    pages = [await stage.to_passcode(tab) for tab in tabs]
    await asyncio.gather(*(stage.answer(tab, page, stage.passcode) for tab, page in zip(tabs, pages, strict=True)))
    await stage.all_told()
    assert len(await mails(stage)) == 1


async def test_twenty_gets_do_nothing(stage: Stage) -> None:
    stranger, url = await second_browser(stage)
    scanner = stage.browser(address="198.51.100.1")
    for _ in range(20):
        page = await scanner.get(url)
        assert page.status == 200
        assert "That was not me" in page.text
    assert (await scanner.request("HEAD", url, headers={})).status == 200
    assert len(await stage.store.sessions.sessions()) == 2
    assert await stage.store.reported.reported() == ()
    assert (await stranger.get(f"{SIGN_IN_ORIGIN}/.gatepost/me")).status == 200


async def test_the_button_ends_everything_and_tells_the_help_desk(stage: Stage) -> None:
    kept = stage.browser()
    await sign_in(stage, kept, remember="yes")
    stranger = stage.browser(address="203.0.113.66")
    await sign_in(stage, stranger)
    url = re.findall(r"https://\S+", (await mails(stage))[0])[0]
    (found, *_) = await stage.store.sessions.sessions()
    given = given_pass(guid=found.principal.guid, given_at=stage.now, ends_at=stage.now + 3600)
    assert await stage.store.passes.put_pass(given)
    own = credential(guid=found.principal.guid, made_at=stage.now, ends_at=stage.now + 3600)
    token = credential(guid=found.principal.guid, factor=Factor.SERVICE_TOKEN)
    for each in (own, token):
        assert await stage.store.credentials.put_credential(each, most=5)
    done = await press(stage, url)
    assert done.status == 200
    assert "signed out everywhere" in done.text
    for each in (kept, stranger):
        assert (await each.get(f"{SIGN_IN_ORIGIN}/.gatepost/me")).location.startswith("/.gatepost/sign-in")
    assert "passcode" in (await stage.password(kept)).location, "its browser is not remembered any more"
    assert await stage.store.passes.passes(now=stage.now) == ()
    assert await stage.store.credentials.credentials(now=stage.now) == (token,), "what an operator made stays"
    (reported,) = await stage.store.reported.reported()
    assert (reported.username, reported.realm, reported.at) == ("alice", "local", NOW)
    assert any(line.get("event") == "sign_in.reported" for line in stage.log)
    assert url.split("token=")[1] not in stage.log_text


@pytest.mark.parametrize("by", ["link", "help desk"])
async def test_when_the_sessions_end_no_browser_begins_another_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    await sign_in(stage, stage.browser(), remember="yes")
    _, url = await second_browser_of(stage)
    end, left = stage.store.sessions.end_sessions_of, []

    async def ending(guid: str) -> int:
        left.append(await stage.store.browsers.browsers(guid))
        return await end(guid)

    monkeypatch.setattr(stage.store.sessions, "end_sessions_of", ending)
    if by == "link":
        await press(stage, url)
    else:
        admin, person = stage.browser(), f"{SIGN_IN_ORIGIN}/.gatepost/admin/person"
        await stage.password(admin, "admin")
        form = await admin.get(person)
        page = await admin.post(person, {**form.hidden, "login": "alice"})
        await admin.post(f"{person}/end-sessions", page.hidden)
    assert left == [()]


async def test_the_link_works_once(stage: Stage) -> None:
    _, url = await second_browser(stage)
    tries = await asyncio.gather(*(press(stage, url) for _ in range(5)))
    assert sorted(each.status for each in tries) == [200, 410, 410, 410, 410]
    browser = stage.browser()
    await sign_in(stage, browser)
    assert (await press(stage, url)).status == 410
    assert (await stage.browser().get(url)).status == 410
    assert len(await stage.store.sessions.sessions()) == 1


async def test_the_link_is_over_after_two_days(stage: Stage) -> None:
    _, url = await second_browser(stage)
    stage.now += LINK_SECONDS - 1
    assert (await stage.browser().get(url)).status == 200
    stage.now += 1
    assert (await stage.browser().get(url)).status == 410
    assert (await press(stage, url)).status == 410
    assert await stage.store.reported.reported() == ()


@pytest.mark.parametrize("change", ["", "x", "é", ".", "A.B", "cut", "other"])
async def test_a_link_that_we_did_not_write_does_nothing(stage: Stage, change: str) -> None:
    _, url = await second_browser(stage)
    token = url.split("token=")[1]
    if change == "cut":
        change = token[:-1]
    elif change == "other":  # bound to its person: what it says cannot be exchanged
        change = ("B" if token[0] != "B" else "C") + token[1:]
    browser = stage.browser()
    answer = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/not-me", {"token": change})
    assert answer.status == 410
    assert len(await stage.store.sessions.sessions()) == 2


async def test_another_site_cannot_press_the_button(stage: Stage) -> None:
    _, url = await second_browser(stage)
    answer = await stage.browser().post(
        f"{SIGN_IN_ORIGIN}/.gatepost/not-me", {"token": url.split("token=")[1]}, Origin="https://evil.example"
    )
    assert answer.status in (400, 403)
    assert len(await stage.store.sessions.sessions()) == 2


async def test_the_strange_browser_is_told_of_again_after_a_report(stage: Stage) -> None:
    stranger, url = await second_browser(stage)
    await press(stage, url)
    await sign_in(stage, stranger)
    assert len(await mails(stage)) == 2


async def test_the_help_desk_sees_who_reported_and_settles_it(stage: Stage) -> None:
    _, url = await second_browser(stage)
    admin = stage.browser()
    await stage.password(admin, "admin")
    overview = f"{SIGN_IN_ORIGIN}/.gatepost/admin/"
    assert "That was not me" not in (await admin.get(overview)).text
    await press(stage, url)
    page = await admin.get(overview)
    assert "alice@local" in page.text
    page = await admin.post(PERSON, {"csrf_token": page.hidden["csrf_token"], "login": "alice@local"})
    assert "They said that a sign-in was not theirs" in page.text
    page = await admin.post(f"{PERSON}/settle", page.hidden)
    assert "They are off the list" in page.text
    assert "They said that" not in page.text
    assert "alice@local" not in (await admin.get(overview)).text


async def test_nobody_settles_their_own(tmp_path: Path) -> None:
    schemes = [{"name": "browser", "factors": ["password", "sms"]}]
    async with running_portal(tmp_path, schemes=schemes, admin={"groups": ["Wiki Users"]}) as stage:
        with_mail(tmp_path)
        _, url = await second_browser(stage)
        await press(stage, url)
        browser = stage.browser()
        await sign_in(stage, browser)
        form = await browser.get(PERSON)
        page = await browser.post(PERSON, {**form.hidden, "login": "alice"})
        assert "somebody else takes you off the list" in page.text
        assert (await browser.post(f"{PERSON}/settle", page.hidden)).status == 403
        assert len(await stage.store.reported.reported()) == 1
