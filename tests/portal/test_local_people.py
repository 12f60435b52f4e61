"""Local people on the admin pages: who may change them, what is judged and told, and what a bad file does."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from directory.mobile import E164
from directory.users_file import LocalUser, read_users
from proxy.factors.passcode.passcodes import known_as
from tests.portal.admin import ADMIN, admin_stage, explained, said, signed_in_admin, token_of
from tests.portal.stage import PASSWORD, SIGN_IN_ORIGIN, USERS, Browser, Page, Stage
from tests.support.people import principal

PEOPLE = f"{ADMIN}people"
EDIT, NUMBER, ACCOUNT, JUDGE = (f"{PEOPLE}/{each}" for each in ("edit", "number", "account", "judge"))
POSTS = (EDIT, NUMBER, ACCOUNT, JUDGE)
MAY: dict[str, Any] = {"people_groups": ["Gatepost Admins"]}
NEW = "07400 999111"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with admin_stage(tmp_path, admin=MAY) as stage:
        file = tmp_path / "users.toml"
        file.write_text("# by reception\n" + USERS.replace('"07400 123456"', '"07400 123456" # on a contract'))
        yield stage


def in_file(folder: Path, name: str) -> LocalUser:
    return read_users(folder / "users.toml", "local").by_folded[name]


async def fields_of(stage: Stage, browser: Browser, folder: Path, name: str, **more: str) -> dict[str, str]:
    return {**await token_of(stage, browser), "realm": "local", "guid": in_file(folder, name).guid, **more}


async def updated(stage: Stage, browser: Browser, folder: Path, name: str, number: str) -> Page:
    return await browser.post(NUMBER, await fields_of(stage, browser, folder, name, mobile=number))


async def test_without_the_key_there_are_no_such_pages(tmp_path: Path) -> None:
    async with admin_stage(tmp_path) as stage:
        browser = await signed_in_admin(stage)
        assert "/admin/people" not in (await browser.get(ADMIN)).text
        told = await fields_of(stage, browser, tmp_path, "alice", mobile=NEW, account="disable")
        answers = [await browser.get(PEOPLE), *[await browser.post(url, told) for url in POSTS]]
        assert {each.status for each in answers} == {404}


async def test_an_admin_outside_the_group_changes_nobody(tmp_path: Path) -> None:
    async with admin_stage(tmp_path, admin={"people_groups": ["Reception"]}) as stage:
        before = (tmp_path / "users.toml").read_bytes()
        browser = await signed_in_admin(stage)
        assert "/admin/people" not in (await browser.get(ADMIN)).text
        told = await fields_of(stage, browser, tmp_path, "alice", mobile=NEW, account="disable")
        answers = [await browser.get(PEOPLE), *[await browser.post(url, told) for url in POSTS]]
        assert {each.status for each in answers} == {403}
        assert all("Reception" in each.text for each in answers)
        assert [line["reason"] for line in said(stage, "admin.refused")] == ["people_groups"] * 5
        assert (tmp_path / "users.toml").read_bytes() == before


async def test_who_has_not_proven_what_the_admin_scheme_asks_for_changes_nobody(tmp_path: Path) -> None:
    async with admin_stage(tmp_path, admin={**MAY, "scheme": "browser"}) as stage:
        before = (tmp_path / "users.toml").read_bytes()
        browser = await signed_in_admin(stage)
        told = await fields_of(stage, browser, tmp_path, "alice", mobile=NEW, account="disable")
        for url in POSTS:
            answer = await browser.post(url, told)
            assert answer.location == "/.gatepost/step-up?scheme=browser&return_to=%2F.gatepost%2Fadmin%2Fpeople"
        assert (tmp_path / "users.toml").read_bytes() == before


async def test_everybody_is_listed_with_a_masked_number(stage: Stage, tmp_path: Path) -> None:
    browser = await signed_in_admin(stage)
    page = await browser.get(PEOPLE)
    assert page.status == 200
    assert 'href="/.gatepost/admin/people" aria-current="page"' in page.text
    assert "Alice &lt;Liddell&gt;" in page.text
    assert "•••••••• 456" in page.text
    assert "123456" not in page.text
    assert page.text.count("No usable mobile number") == 3
    assert said(stage, "admin.people_shown")[0]["people"] == 5
    page = await browser.post(EDIT, await fields_of(stage, browser, tmp_path, "alice"))
    assert page.status == 200
    assert "•••••••• 456" in page.text
    assert "123456" not in page.text
    assert "alice" not in page.text[: page.text.index("</title>")].lower()
    assert said(stage, "admin.person_shown")[0]["person_guid"] == in_file(tmp_path, "alice").guid


async def test_a_number_is_set_and_in_force_and_the_rest_of_the_file_stays(stage: Stage, tmp_path: Path) -> None:
    browser = await signed_in_admin(stage)
    before = (tmp_path / "users.toml").read_text()
    page = await updated(stage, browser, tmp_path, "alice", NEW)
    assert page.status == 200
    assert "Codes go to •••••••• 111 now. The previous number and the mail address are told." in page.text
    assert (tmp_path / "users.toml").read_text() == before.replace("07400 123456", "+447400999111")
    line = said(stage, "admin.number_set")[0]
    assert (line["person_realm"], line["destination"]) == ("local", "•••••••• 111")
    await stage.to_passcode(stage.browser())
    assert stage.phone.messages[-1].number == "+447400999111"
    assert "999111" not in stage.log_text


async def test_the_number_used_last_is_told_rather_than_the_one_in_the_file(stage: Stage, tmp_path: Path) -> None:
    browser = await signed_in_admin(stage)
    await updated(stage, browser, tmp_path, "alice", NEW)
    await stage.all_told()
    ((number, text),) = stage.phone.told
    assert number == "+447400123456", "the one in the file, where none was used"
    assert text.startswith("Your IT help desk has changed the mobile number for your sign-in codes.")
    alice = principal(guid=in_file(tmp_path, "alice").guid)
    used = known_as(stage.keys, alice, E164("+447400555555"), now=stage.now)
    await stage.store.numbers.put_known_number(alice.guid, used)
    await updated(stage, browser, tmp_path, "alice", "07400 999222")
    await stage.all_told()
    assert [each for each, _ in stage.phone.told] == ["+447400123456", "+447400555555"]


async def test_the_same_number_in_other_words_is_told_to_nobody(stage: Stage, tmp_path: Path) -> None:
    browser = await signed_in_admin(stage)
    alice = principal(guid=in_file(tmp_path, "alice").guid)
    used = known_as(stage.keys, alice, E164("+447400555555"), now=stage.now)
    await stage.store.numbers.put_known_number(alice.guid, used)
    page = await updated(stage, browser, tmp_path, "alice", "+44 7400 123456")
    assert "Codes go to •••••••• 456 now." in page.text
    await stage.all_told()
    assert stage.phone.told == []


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", "Enter a mobile number."),
        ("020 7946 0000", "This is not a mobile number."),
        ("07400 99911", "This is not a valid number."),
        ("07400 999111 x5", "This has an extension. Enter a mobile number without one."),
        ("07400 999111, 07400 999112", "This is more than one number. Enter one."),
        ("+47 921 23456", "Codes are not sent to this country."),
        ('"><script>', "This is not a valid number."),
    ],
)
async def test_a_wrong_number_is_said_while_it_is_typed_and_by_the_form(
    stage: Stage, tmp_path: Path, typed: str, expected: str
) -> None:
    browser = await signed_in_admin(stage)
    before = (tmp_path / "users.toml").read_bytes()
    told = await fields_of(stage, browser, tmp_path, "alice", mobile=typed)
    assert json.loads((await browser.post(JUDGE, told)).text) == {"usable": False, "text": expected}
    page = await browser.post(NUMBER, told)
    assert page.status == 400
    assert f'id="error">{expected}</p>' in page.text
    assert "<title>Error: Local people" in page.text
    assert re.search(
        r'<input id="mobile"[^>]* aria-describedby="mobile-hint judged error" aria-invalid="true"', page.text
    )
    assert "<script>" not in page.text
    assert (tmp_path / "users.toml").read_bytes() == before
    assert said(stage, "admin.number_set") == []


async def test_a_right_number_is_said_while_it_is_typed_and_nothing_is_kept(stage: Stage, tmp_path: Path) -> None:
    browser = await signed_in_admin(stage)
    told = await fields_of(stage, browser, tmp_path, "alice", mobile=NEW)
    lines = len(stage.log)
    answer = await browser.post(JUDGE, told)
    assert json.loads(answer.text) == {"usable": True, "text": "Codes will go to \u2066+44 7400 999111\u2069."}
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(stage.log) == lines


async def test_nobody_changes_their_own(stage: Stage, tmp_path: Path) -> None:
    browser = await signed_in_admin(stage)
    before = (tmp_path / "users.toml").read_bytes()
    told = await fields_of(stage, browser, tmp_path, "admin", mobile=NEW, account="disable")
    assert "This is your own, so a colleague has to do it." in (await browser.post(EDIT, told)).text
    for url in (NUMBER, ACCOUNT):
        answer = await browser.post(url, told)
        assert answer.status == 403
        assert "a colleague has to do it" in answer.text
    assert (tmp_path / "users.toml").read_bytes() == before


@pytest.mark.parametrize("url", POSTS)
async def test_a_form_that_is_not_ours_does_nothing(stage: Stage, tmp_path: Path, url: str) -> None:
    browser = await signed_in_admin(stage)
    before = (tmp_path / "users.toml").read_bytes()
    told = await fields_of(stage, browser, tmp_path, "alice", mobile=NEW, account="disable")
    assert (await browser.post(url, {**told, "csrf_token": "x" * 43})).status == 403
    assert (await browser.post(url, told, Origin="https://wiki.corp.example")).status == 403
    assert (tmp_path / "users.toml").read_bytes() == before


async def test_somebody_is_disabled_and_enabled(stage: Stage, tmp_path: Path) -> None:
    browser = await signed_in_admin(stage)
    told = await fields_of(stage, browser, tmp_path, "alice")
    page = await browser.post(ACCOUNT, {**told, "account": "disable"})
    assert "They cannot sign in any more." in page.text
    assert (await stage.password(stage.browser())).status == 401
    (local, _) = stage.realms
    assert await local.read(told["guid"]) is None, "what the watch ends sessions by"
    page = await browser.post(ACCOUNT, {**told, "account": "enable"})
    assert "They can sign in again." in page.text
    assert (await stage.password(stage.browser(), password=PASSWORD)).status == 303
    assert (await browser.post(ACCOUNT, {**told, "account": "else"})).status == 403
    assert [len(said(stage, f"admin.{each}")) for each in ("person_disabled", "person_enabled")] == [1, 1]


async def test_whom_the_file_has_no_more_is_said(stage: Stage, tmp_path: Path) -> None:
    browser = await signed_in_admin(stage)
    told = await fields_of(stage, browser, tmp_path, "carol", mobile=NEW, account="disable")
    text = (tmp_path / "users.toml").read_text()
    (tmp_path / "users.toml").write_text(text.replace('"carol"', '"dora"'))
    for url in (EDIT, NUMBER, ACCOUNT):
        page = await browser.post(url, told)
        assert page.status == 409
        assert "There is nobody of this name any more." in page.text
    assert (await browser.post(NUMBER, {**told, "realm": "corp"})).status == 403


async def test_a_file_that_somebody_made_wrong_is_left_alone_and_the_log_says_where(
    stage: Stage, tmp_path: Path
) -> None:
    browser = await signed_in_admin(stage)
    told = await fields_of(stage, browser, tmp_path, "alice", mobile=NEW, account="disable")
    (tmp_path / "users.toml").write_text("[[users]\n")
    for page in (await browser.get(PEOPLE), await browser.post(NUMBER, told), await browser.post(ACCOUNT, told)):
        assert page.status == 503
        assert "Tell whoever runs Gatepost: the log says why." in page.text
    assert "users.toml: is not TOML" in said(stage, "people.failed")[0]["reason"]
    assert (tmp_path / "users.toml").read_text() == "[[users]\n"


async def test_what_cannot_be_saved_is_said_and_what_was_typed_stays(tmp_path: Path) -> None:
    file = tmp_path / ("u" * 250)  # nothing can be written beside a file of this name
    file.write_text(USERS)
    async with admin_stage(
        tmp_path, admin=MAY, directories=[{"type": "local", "name": "local", "file": str(file)}]
    ) as stage:
        browser = await signed_in_admin(stage)
        page = await updated(stage, browser, tmp_path, "alice", NEW)
        assert page.status == 503
        assert "Nothing was saved. Tell whoever runs Gatepost: the log says why." in page.text
        assert f'value="{NEW}"' in page.text
        assert "cannot be changed: file name too long" in said(stage, "people.failed")[0]["reason"]
        assert file.read_text() == USERS
        assert said(stage, "admin.number_set") == []
        assert stage.phone.told == []


async def test_a_sign_in_leads_back_to_the_list(stage: Stage) -> None:
    led = await stage.browser().get(PEOPLE)
    assert led.location == "/.gatepost/sign-in?return_to=%2F.gatepost%2Fadmin%2Fpeople"
    assert (await stage.browser().get(SIGN_IN_ORIGIN + led.location)).hidden["return_to"] == "/.gatepost/admin/people"


async def test_who_is_looked_up_can_be_edited_from_there(stage: Stage, tmp_path: Path) -> None:
    browser = await signed_in_admin(stage)
    page = await explained(browser, "carol")
    assert '<form method="post" action="/.gatepost/admin/people/edit">' in page.text
    edit = await browser.post(EDIT, {name: page.hidden[name] for name in ("csrf_token", "realm", "guid")})
    assert "New mobile number" in edit.text
    assert "/admin/people/edit" not in (await explained(browser, "admin")).text, "nobody edits themselves"


async def test_who_may_change_nobody_is_not_led_there(tmp_path: Path) -> None:
    async with admin_stage(tmp_path, admin={"people_groups": ["Reception"]}) as stage:
        browser = await signed_in_admin(stage)
        assert "/admin/people" not in (await explained(browser, "carol")).text
