"""Why somebody cannot sign in, as a page; and what its buttons do, to whom, and what is written down of it."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from directory.errors import DirectoryUnavailable
from proxy.help_desk import look_ups
from proxy.help_desk.look_ups import TooManyAtOnce
from proxy.operations.store_errors import StoreUnavailable
from proxy.portal.admin.parts import ADMIN_PARTS
from proxy.sessions.live_sessions import LiveSessions
from proxy.sessions.session import Session
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.portal.admin import (
    ADMIN,
    CONFIRM,
    END,
    PERSON,
    UNLOCK,
    admin_stage,
    explained,
    guid_of_admin,
    said,
    signed_in_admin,
    token_of,
    waiting,
)
from tests.portal.stage import SIGN_IN_ORIGIN, Page, Stage

NUMBER = re.compile(r"7400.?123456|\+44|07400")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with admin_stage(tmp_path) as stage:
        yield stage


def steps(page: Page) -> list[tuple[str, str]]:
    """What stands against or for it, and the detail."""
    found = re.findall(r'<li class="(yes|no|note)">.*?<span class="detail">(.*?)</span>', page.text, re.DOTALL)
    return [(mark, html.unescape(detail)) for mark, detail in found]


def headline(page: Page) -> tuple[str, str]:
    """Its colour, and what it says."""
    found = re.search(r'<div class="verdict (\w+)">\s*<h1>(.*?)</h1>', page.text)
    assert found is not None
    return found[1], html.unescape(found[2])


def blocking(page: Page) -> list[str]:
    """The details that stand before the fold."""
    before = page.text.partition("<details")[0]
    return [
        html.unescape(each)
        for each in re.findall(r'<li class="no">.*?<span class="detail">(.*?)</span>', before, re.DOTALL)
    ]


async def test_each_step_is_told_and_no_number_is_shown(stage: Stage) -> None:
    page = await explained(await signed_in_admin(stage), "alice")
    assert page.status == 200
    assert headline(page) == ("green", "Alice <Liddell> (alice) can sign in now")
    assert ("yes", "local") in steps(page)
    assert any(mark == "yes" and "456" in detail for mark, detail in steps(page))
    assert not NUMBER.search(page.text)
    assert any(detail.startswith('"Wiki" is open') for _, detail in steps(page))


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ("gone", "the account is disabled"),
        ("carol", "not a mobile one"),
        ("nobody", "no such account"),
        ("a\\b\\c", "this can be no login name"),
        ("EVIL\\alice", "no realm, or more than one"),
        ("<script>alert(1)</script>", "no such account"),
    ],
)
async def test_what_stands_against_a_sign_in_is_marked(stage: Stage, login: str, words: str) -> None:
    page = await explained(await signed_in_admin(stage), login)
    assert page.status == 200
    light, text = headline(page)
    assert (light, "cannot sign in now" in text) == ("red", True)
    assert "<script>alert" not in page.text
    assert any(words in detail for detail in blocking(page))
    assert [mark for mark, _ in steps(page)].count("no") == len(blocking(page))
    assert "UTC" not in re.sub(r'datetime="[^"]*"', "", page.text)


async def test_place_and_app_are_part_of_the_question(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    anywhere = await explained(browser, "admin")
    assert any("enter the address below" in detail for _, detail in steps(anywhere))
    there = await explained(browser, "admin", address="192.0.2.8", app="Wiki")
    assert headline(there)[1].startswith("Admin (admin) cannot sign in and reach Wiki now: only members of ")
    assert ("no", '"Wiki" is closed: it asks for "Wiki Users"') in steps(there)
    forms = await explained(browser, "admin", address="192.0.2.8", app="Forms")
    assert headline(forms) == ("green", "Admin (admin) can sign in and reach Forms now")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"login": " "}, "Enter the user name."),
        ({"address": "here"}, "not an IP address"),
        ({"app": "Wikki"}, "no such app"),
    ],
)
async def test_a_wrong_question_is_shown_again(stage: Stage, fields: dict[str, str], words: str) -> None:
    browser = await signed_in_admin(stage)
    form = await browser.get(PERSON)
    page = await browser.post(PERSON, {**form.hidden, "login": "alice", **fields})
    assert page.status == 400
    assert words in page.text
    assert not said(stage, "admin.explained")
    marked = re.findall(r'id="(\w+)"[^>]* aria-describedby="[\w-]+ error" aria-invalid="true"', page.text)
    assert marked == [name for name in fields if name != "app"]  # a list has no wrong choice but a forged one


async def test_every_explanation_is_in_the_audit_log_and_no_unknown_name_is(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    alice = (await explained(browser, "alice")).hidden["guid"]
    await explained(browser, "Mallory.Unheard-Of")
    known, unknown = said(stage, "admin.explained")
    (held,) = await stage.store.sessions.sessions()
    assert known["guid"] == unknown["guid"] == held.principal.guid
    assert (known["person_guid"], known["person_realm"], known["can_sign_in"]) == (alice, "local", True)
    assert unknown["found"] is False
    assert "person_guid" not in unknown
    assert "unheard" not in stage.log_text.lower()
    assert not NUMBER.search(stage.log_text)


async def test_the_name_is_in_no_url(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    form = await browser.get(PERSON)
    assert '<form method="post" action="/.gatepost/admin/person"' in form.text
    page = await explained(browser, "alice")
    assert not re.search(r'(?:href|action)="[^"]*alice', page.text)


async def test_the_name_is_in_no_title_which_browsers_keep(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    page = await explained(browser, "alice")
    done = await browser.post(END, page.hidden)
    assert [each.text.partition("<title>")[2].partition("</title>")[0] for each in (page, done)] == [
        "Why can&#39;t they sign in? · Gatepost",
        "Sessions ended · Gatepost",
    ]


async def test_a_directory_that_is_away_is_told_as_a_step(stage: Stage) -> None:
    async def away(*_: object) -> None:
        raise DirectoryUnavailable("corp", "no server answers")

    stage.scripted.find = away  # type: ignore[method-assign, assignment]  # our own Protocol
    page = await explained(await signed_in_admin(stage), "scripted@corp")
    assert page.status == 200
    assert any(mark == "no" and "the directory cannot say" in detail for mark, detail in steps(page))


async def test_anothers_sessions_are_ended_in_force_and_everywhere(stage: Stage, tmp_path: Path) -> None:
    alice, bob = stage.browser(), await signed_in_admin(stage)
    await stage.sign_in(alice)
    await stage.to_passcode(stage.browser())  # half signed in: that one goes, too
    cookie = (alice.session_cookie() or "").encode()
    elsewhere = SQLiteStore(tmp_path / "state.db")
    worker = LiveSessions(elsewhere.sessions, stage.settings.sessions)
    assert await worker.find(cookie, "signin.corp.example", stage.now) is not None
    ended: list[str] = []
    stage.sessions.on_end(ended.append)
    page = await explained(bob, "alice")
    assert "They have 2 sessions." in page.text
    answer = await bob.post(END, page.hidden)
    assert "2 sessions have ended, everywhere." in answer.text
    assert "cut off" not in answer.text  # with one file as the store there is no such node
    assert len(ended) == 2
    assert (await alice.get(SIGN_IN_ORIGIN)).location == "/.gatepost/sign-in"
    assert await worker.find(cookie, "signin.corp.example", stage.now) is None
    await elsewhere.close()
    (line,) = said(stage, "admin.sessions_ended")
    assert (line["person_realm"], line["person_guid"], line["sessions"]) == ("local", page.hidden["guid"], 2)
    assert (await bob.get(ADMIN)).status == 200
    assert "They have no session." in (await bob.post(PERSON, answer.hidden)).text
    assert "There was no session to end." in (await bob.post(END, page.hidden)).text


async def test_a_session_that_steps_up_while_all_are_ended_ends_too(stage: Stage) -> None:
    alice, browser = stage.browser(), await signed_in_admin(stage)
    passcode_page = await stage.to_passcode(alice)
    page = await explained(browser, "alice")
    read = stage.store.sessions.sessions

    async def read_and_overtaken(guid: str | None = None) -> list[Session]:
        """The passcode is typed right after somebody has read who is signed in."""
        found = await read(guid)
        await stage.answer(alice, passcode_page, stage.passcode)
        return found

    stage.store.sessions.sessions = read_and_overtaken  # type: ignore[method-assign]
    answer = await browser.post(END, page.hidden)
    stage.store.sessions.sessions = read  # type: ignore[method-assign]
    assert "One session has ended, everywhere." in answer.text
    assert await stage.store.sessions.sessions(page.hidden["guid"]) == []


async def test_the_end_of_sessions_tells_of_the_grace(tmp_path: Path) -> None:
    async with admin_stage(tmp_path, store={"url": "redis://127.0.0.1"}) as stage:  # what stands in the settings
        await stage.sign_in(stage.browser())
        browser = await signed_in_admin(stage)
        page = await explained(browser, "alice")
        told = "Only a node that is cut off from the store may let them continue, for 60 seconds at most."
        assert told in (await browser.post(END, page.hidden)).text
        assert "cut off from the store" not in (await browser.post(END, page.hidden)).text
        own = await browser.post(END, (await explained(browser, "admin")).hidden)
        assert "cut off from the store" in own.text


async def test_what_was_ended_is_written_down_though_the_store_goes_away_meanwhile(
    stage: Stage, tmp_path: Path
) -> None:
    for _ in range(2):
        await stage.sign_in(stage.browser())
    browser = await signed_in_admin(stage)
    first, second = await stage.store.sessions.sessions((await explained(browser, "alice")).hidden["guid"])
    other = replace(second, principal=replace(second.principal, guid="f" * 36))  # the name of two accounts
    await stage.store.sessions.replace_session(second.session_id, other, cookie=b"c" * 32, host="signin.corp.example")
    users = tmp_path / "users.toml"
    users.write_text(users.read_text().replace('username = "alice"', 'username = "somebody-else"'))
    page = await explained(browser, "alice")
    end = stage.store.sessions.end_sessions_of

    async def away_for_one(guid: str) -> int:
        if guid == other.principal.guid:
            raise StoreUnavailable("the disk is gone")
        return await end(guid)

    stage.store.sessions.end_sessions_of = away_for_one  # type: ignore[method-assign]
    assert (await browser.post(END, page.hidden)).status == 503
    assert [line["person_guid"] for line in said(stage, "admin.sessions_ended")] == [first.principal.guid]


async def test_who_ends_their_own_sessions_is_told_that_they_are_signed_out(stage: Stage) -> None:
    other, browser = await signed_in_admin(stage), await signed_in_admin(stage)
    page = await explained(browser, "admin")
    assert "This is you" in page.text
    answer = await browser.post(END, page.hidden)
    assert answer.status == 200
    assert "You have signed yourself out" in answer.text
    assert "2 sessions have ended" in answer.text
    assert browser.session_cookie() is None
    assert await stage.store.sessions.sessions() == []
    assert (await other.get(ADMIN)).location.startswith("/.gatepost/sign-in")


async def test_sessions_of_somebody_whom_the_directory_has_no_more_are_ended(stage: Stage, tmp_path: Path) -> None:
    alice, browser = stage.browser(), await signed_in_admin(stage)
    await stage.sign_in(alice)
    users = tmp_path / "users.toml"
    users.write_text(users.read_text().replace('username = "alice"', 'username = "somebody-else"'))
    page = await explained(browser, "alice")
    assert page.hidden["guid"] == ""
    answer = await browser.post(END, page.hidden)
    assert "One session has ended, everywhere." in answer.text
    assert (await alice.get(SIGN_IN_ORIGIN)).status == 303
    (line,) = said(stage, "admin.sessions_ended")
    assert (line["person_realm"], line["sessions"]) == ("local", 1)
    assert line["person_guid"]


async def test_a_locked_factor_and_its_limits_are_cleared(tmp_path: Path) -> None:
    async with admin_stage(tmp_path, throttle={"passcode_failures_in_a_row": 1}) as stage:
        alice, browser = stage.browser(), await signed_in_admin(stage)
        page = await stage.to_passcode(alice)
        await stage.answer(alice, page, stage.wrong_passcode())
        locked = await explained(browser, "alice")
        assert headline(locked)[1].startswith("Alice <Liddell> (alice) cannot sign in now: their codes are locked")
        assert any("wrong passcodes in a row: 1 of 1" in detail for mark, detail in steps(locked) if mark == "no")
        answer = await browser.post(UNLOCK, locked.hidden)
        assert "Their limits were reset." in answer.text
        assert headline(answer)[1] == "Alice <Liddell> (alice) can sign in now"
        (line,) = said(stage, "admin.unlocked")
        assert line["person_guid"] == locked.hidden["guid"]


async def test_nothing_is_unlocked_of_nobody(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    page = await explained(browser, "alice")
    for wrong in ({"realm": "gone"}, {"guid": ""}, {"guid": "x' OR 1=1"}, {"guid": "A" * 36}):
        assert (await browser.post(UNLOCK, {**page.hidden, **wrong})).status == 403
    assert (await browser.post(END, {**page.hidden, "guid": "../x"})).status == 403
    assert not said(stage, "admin.unlocked")
    assert not said(stage, "admin.sessions_ended")


async def look_up_all_but(stage: Stage, left: int) -> None:
    """The admin may look up so many more."""
    guid, so_far = await guid_of_admin(stage), len(said(stage, "admin.explained"))
    for _ in range(look_ups.MOST - so_far - left):
        assert await stage.portal[ADMIN_PARTS].look_ups.reserve(guid, now=stage.now) is None


async def test_an_admin_may_look_up_only_so_many_people(stage: Stage) -> None:
    await look_up_all_but(stage, 2)
    browser, other = await signed_in_admin(stage), await signed_in_admin(stage)
    assert [(await explained(browser, "alice")).status for _ in range(2)] == [200, 200]
    limited = await explained(other, "bob")  # another session of the same person
    assert limited.status == 429
    assert int(limited.headers["Retry-After"]) == look_ups.WINDOW_SECONDS
    assert "You have looked up many people" in limited.text
    assert len(said(stage, "admin.explained")) == 2
    assert [line["reason"] for line in said(stage, "admin.refused")] == ["look_ups"]
    assert (await browser.post(END, {**limited.hidden, **await token_of(stage, browser), "login": "bob"})).status == 429
    stage.now += look_ups.WINDOW_SECONDS
    assert (await explained(other, "bob")).status == 200


async def test_look_ups_do_not_pile_up(stage: Stage) -> None:
    browser, others = await signed_in_admin(stage), stage.portal[ADMIN_PARTS].look_ups
    async with waiting(others.place, at_once=look_ups.MOST_AT_ONCE, others=look_ups.MOST_WAITING):
        with pytest.raises(TooManyAtOnce):
            async with others.place():
                pass
        assert (await explained(browser, "alice")).status == 503
    assert (await explained(browser, "alice")).status == 200


async def test_the_way_on_from_any_button_is_a_page(stage: Stage) -> None:
    """The address that a button is posted to may be none that can be opened."""
    browser = await signed_in_admin(stage)
    page = await explained(browser, "alice")
    await look_up_all_but(stage, 0)
    for button in (PERSON, UNLOCK, CONFIRM):
        limited = await browser.post(button, page.hidden)
        assert limited.status == 429
        (href,) = re.findall(r'<a class="button" href="([^"]+)"', limited.text)
        assert href == f"{PERSON}?form=1"
        assert (await browser.get(href)).status == 200
