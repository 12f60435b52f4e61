"""Whoever ends all sessions ends what a remembered browser begins at that very moment, and what is remembered then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from proxy.sign_in.ending import EndedPerson, end_person
from tests.portal.stage import SIGN_IN_ORIGIN, Stage, running_portal
from tests.portal.test_remembered_browser import COOKIE, SCHEMES, is_let_in, remembered
from tests.support.in_between import just_before


def ending(stage: Stage, guid: str) -> Callable[[], Awaitable[EndedPerson]]:
    return lambda: end_person(stage.store.sessions, stage.store.browsers, guid)


async def guid_of(stage: Stage) -> str:
    (guid,) = await stage.store.browsers.guids_with_browsers()
    return guid


async def test_a_session_that_a_forgotten_browser_has_just_begun_ends(tmp_path: Path) -> None:
    """All was ended after it was judged, and before its session was there to be seen."""
    async with running_portal(tmp_path, schemes=SCHEMES) as stage:
        browser = await remembered(stage)
        just_before(stage.store.sessions, "create_session", ending(stage, await guid_of(stage)))
        assert await is_let_in(stage, browser) is False
        assert [each.level.value for each in await stage.store.sessions.sessions()] == ["first_factor"]


async def test_a_browser_whose_session_has_just_been_ended_is_not_remembered(tmp_path: Path) -> None:
    """All was ended after its passcode was taken, and before it was there to be forgotten."""
    async with running_portal(tmp_path, schemes=SCHEMES) as stage:
        guid = await guid_of(stage) if await remembered(stage) else ""
        browser = stage.browser()
        page = await stage.to_passcode(browser)
        just_before(stage.store.browsers, "put_browser", ending(stage, guid))
        await stage.answer(browser, page, stage.passcode, remember="yes")
        assert COOKIE not in browser.cookies["signin.corp.example"]
        assert await stage.store.browsers.browsers(guid) == ()
        assert (await browser.get(f"{SIGN_IN_ORIGIN}/")).location.startswith("/.gatepost/sign-in")


async def test_a_browser_that_is_remembered_while_all_is_ended_is_forgotten(tmp_path: Path) -> None:
    """Remembered after browsers were forgotten, and before its session was ended."""
    async with running_portal(tmp_path, schemes=SCHEMES) as stage:
        guid = await guid_of(stage) if await remembered(stage) else ""
        browser = stage.browser()
        page = await stage.to_passcode(browser)
        answering = lambda: stage.answer(browser, page, stage.passcode, remember="yes")  # noqa: E731
        just_before(stage.store.sessions, "end_sessions_of", answering)
        assert (await end_person(stage.store.sessions, stage.store.browsers, guid)).browsers == 2
        assert COOKIE in browser.cookies["signin.corp.example"], "its person was told before the end"
        assert await stage.store.browsers.browsers(guid) == ()
        assert await is_let_in(stage, browser) is False
