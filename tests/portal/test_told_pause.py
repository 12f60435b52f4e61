"""A pause that follows from what was typed is told with its end, whether or not anybody has the name."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from directory.active_directory.active_directory import ActiveDirectory
from tests.portal.stage import NOW, PASSWORD, Browser, Page, Stage, running_portal
from tests.portal.test_nothing_tells_who_is_there import PAUSED, Accounts
from tests.support.scripted_ldap import ScriptedLDAP, settings_for

NEW_PLACE, HOME = "203.0.113.9", "198.51.100.7"
WINDOW = 1800.0
"""Of local users: `throttle.window`; three wrong ones from new places begin a pause."""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with running_portal(tmp_path) as stage:
        yield stage


def told(page: Page) -> str:
    """The end of the pause that the page tells; empty: none."""
    found = re.search(rf'{PAUSED} <strong><time datetime="([^"]+)"', page.text)
    return found[1] if found else ""


def like(page: Page, name: str) -> tuple[int, str, str | None]:
    """All that a browser sees, the name and its own form's proof apart."""
    text = re.sub(r'name="(csrf_token|stamp)" value="[^"]*"', "", page.look.replace(f'value="{name}"', ""))
    return page.status, text, page.headers.get("Retry-After")


async def tries(stage: Stage, browser: Browser, name: str, passwords: Sequence[str]) -> list[Page]:
    pages = []
    for password in passwords:
        pages.append(await stage.password(browser, name, password))
        stage.now += 1.0
    return pages


async def test_the_right_password_within_a_pause_is_told_until_when(stage: Stage) -> None:
    browser = stage.browser(address=NEW_PLACE)
    *wrong, right = await tries(stage, browser, "alice", ["one", "two", "three", PASSWORD])
    assert [told(page) for page in wrong] == ["", "", "2027-01-15T08:31:00Z"], "the pause is told by what begins it"
    assert told(right) == "2027-01-15T08:31:00Z"
    assert "Your user name or password is not right" not in right.text
    assert (right.status, right.headers["Retry-After"]) == (401, str(int(WINDOW) - 1))
    stage.now = NOW + 2 + WINDOW
    assert (await stage.password(browser, "alice", PASSWORD)).status == 303


async def test_a_name_that_nobody_has_is_told_the_same_at_the_same_try(stage: Stage) -> None:
    seen = []
    for name in ("alice", "nobody", "gone"):
        stage.now, stage.pauses = NOW, []
        browser = stage.browser(address=NEW_PLACE)
        pages = await tries(stage, browser, name, ["one", "one", "two", "two", "three", PASSWORD, "four"])
        seen.append(([like(page, name) for page in pages], stage.pauses))
    assert seen[0] == seen[1] == seen[2]
    assert [bool(re.search(PAUSED, text)) for _, text, _ in seen[0][0]] == [False] * 4 + [True] * 3


async def test_the_same_wrong_password_begins_no_pause(stage: Stage) -> None:
    for name in ("alice", "nobody"):
        pages = await tries(stage, stage.browser(address=NEW_PLACE), name, ["kept by a phone"] * 8)
        assert not any(map(told, pages))
    assert (await stage.password(stage.browser(address=NEW_PLACE), "alice")).status == 303


async def test_a_place_that_the_person_knows_tells_nobody_else_there_that_they_exist(stage: Stage) -> None:
    """Colleagues share an address: one more try before the pause is told would say who has signed in there."""
    await stage.sign_in(stage.browser(address=HOME))
    seen = []
    for name in ("alice", "nobody"):
        stage.now = NOW + 60.0
        pages = await tries(stage, stage.browser(address=HOME), name, ["one", "two", "three", "four", "five"])
        seen.append([like(page, name) for page in pages])
    assert seen[0] == seen[1]


async def test_a_sign_in_of_the_person_shows_in_no_one_elses_pages(stage: Stage) -> None:
    seen = []
    for name in ("alice", "nobody"):
        stage.now = NOW
        stranger = stage.browser(address=NEW_PLACE)
        pages = await tries(stage, stranger, name, ["one", "two"])
        if name == "alice":
            await stage.sign_in(stage.browser(address=HOME))
        pages += await tries(stage, stranger, name, ["three", "four"])
        seen.append([like(page, name) for page in pages])
    assert seen[0] == seen[1]


async def test_who_has_typed_the_right_password_is_told_what_holds_for_them(stage: Stage) -> None:
    browser = stage.browser(address=HOME)
    await tries(stage, browser, "alice", ["one", "two"])
    await stage.sign_in(browser)
    browser.cookies["signin.corp.example"].pop("__Host-gatepost")
    pages = await tries(stage, browser, "alice", ["three", "four", "five", "six", PASSWORD])
    assert [bool(told(page)) for page in pages] == [False] * 4 + [True]
    assert told((await tries(stage, stage.browser(address=HOME), "alice", ["seven"]))[0]), "elsewhere by what was typed"


async def test_a_pause_that_follows_from_another_spelling_is_not_told(tmp_path: Path) -> None:
    """That two names are one person's only the directory knows: alice's other one is a userPrincipalName."""
    accounts = Accounts()
    server = ScriptedLDAP(tmp_path, accounts)
    with server.running():
        directory = ActiveDirectory(settings_for(server.url, ca_file=server.ca_file))
        throttle = {"passwords_per_person": 3}
        async with running_portal(tmp_path, scripted=directory, throttle=throttle) as stage:  # type: ignore[arg-type]
            await directory.prepare()
            browser = stage.browser(address=NEW_PLACE)
            assert told((await tries(stage, browser, "alice@people.example", ["one", "two"]))[1])
            other = await stage.password(browser, "alice.liddell@people.example", "three")
            assert stage.log[-1]["reason"] == "passwords_from_unfamiliar_addresses"
            nobody = await stage.password(browser, "nobody@people.example", "three")
            assert told(other) == told(nobody) == ""
            assert like(other, "alice.liddell@people.example") == like(nobody, "nobody@people.example")
            first = await stage.password(browser, "Alice@People.Example", "four")
            assert told(first), "another way to write the same letters is no other name"


async def test_a_pause_is_told_in_words_without_a_script(stage: Stage) -> None:
    page = (await tries(stage, stage.browser(address=NEW_PLACE), "alice", ["one", "two", "three"]))[-1]
    assert re.search(r">\d\d:\d\d UTC</time></strong>\. It may still work in places where you have", page.text)
