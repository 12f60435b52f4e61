"""Many tabs of one browser: whichever signs in, the others arrive without being asked again. And clocks that differ."""

from dataclasses import replace

import pytest

from proxy.portal.csrf import STAMP_SECONDS, Form, csrf_token, form_stamp
from tests.portal.stage import PASSWORD, SIGN_IN_ORIGIN, START, WIKI, Browser, Page, Stage
from tests.portal.test_tickets_and_sign_out import begin, ticket_for

SIGN_IN = f"{SIGN_IN_ORIGIN}/.gatepost/sign-in"
PASSCODE = f"{SIGN_IN_ORIGIN}/.gatepost/passcode"


async def tabs_loaded_at_once(stage: Stage, browser: Browser, count: int) -> list[Page]:
    """Each asks before any cookie is there; the browser keeps the last one."""
    pages = []
    for number in range(count):
        browser.cookies["signin.corp.example"] = {}
        pages.append(await browser.get(f"{SIGN_IN}?return_to={WIKI}/page/{number}&start={begin(browser)}"))
    return pages


async def send_password(browser: Browser, tab: Page, **headers: str) -> Page:
    return await browser.post(SIGN_IN, {**tab.hidden, "username": "alice", "password": PASSWORD}, **headers)


async def follow(browser: Browser, answer: Page) -> str:
    """The page of the app that a redirect leads to in the end."""
    for _ in range(6):
        if answer.location.startswith(f"{WIKI}/page"):
            return answer.location
        url = answer.location
        answer = await browser.get(SIGN_IN_ORIGIN + url if url.startswith("/") else url)
    raise AssertionError("no end of redirects")


async def test_the_first_of_ten_tabs_signs_in_although_its_cookie_was_overwritten(stage: Stage) -> None:
    browser = stage.browser()
    tabs = await tabs_loaded_at_once(stage, browser, 10)
    answer = await send_password(browser, tabs[0])
    assert answer.status == 303
    page = await browser.get(SIGN_IN_ORIGIN + answer.location)
    assert await follow(browser, await stage.answer(browser, page, stage.passcode)) == f"{WIKI}/page/0"
    for number in range(1, 10):
        query = {name: tabs[number].hidden[name] for name in ("return_to", "start")}
        reloaded = await browser.get(f"{SIGN_IN}?return_to={query['return_to']}&start={query['start']}")
        assert await follow(browser, reloaded) == f"{WIKI}/page/{number}"
        assert await follow(browser, await send_password(browser, tabs[number])) == f"{WIKI}/page/{number}"
    assert len(stage.phone.messages) == 1


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", WIKI, "http://signin.corp.example"])
async def test_a_stale_form_counts_only_where_the_browser_names_our_page(stage: Stage, origin: str | None) -> None:
    browser = stage.browser()
    tabs = await tabs_loaded_at_once(stage, browser, 2)
    if origin is None:
        fields = {**tabs[0].hidden, "username": "alice", "password": PASSWORD}
        body = "&".join(f"{name}={value}" for name, value in fields.items()).replace(" ", "+").encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await browser.request("POST", SIGN_IN, headers=headers, body=body)
    else:
        answer = await send_password(browser, tabs[0], Origin=origin)
    assert answer.status == 403
    assert await stage.store.sessions.sessions() == []


async def test_a_stale_form_counts_only_with_a_stamp_of_ours_that_is_not_too_old(stage: Stage) -> None:
    browser = stage.browser()
    (tab, other) = await tabs_loaded_at_once(stage, browser, 2)
    for stamp in ("", "x", other.hidden["stamp"], form_stamp(b"x" * 32, token=tab.hidden["csrf_token"], now=stage.now)):
        tab_hidden = {**tab.hidden, "stamp": stamp, "username": "alice", "password": PASSWORD}
        assert (await browser.post(SIGN_IN, tab_hidden)).status == 403
    stage.now += STAMP_SECONDS + 1
    assert (await send_password(browser, tab)).status == 403
    assert await stage.store.sessions.sessions() == []


async def test_a_second_tab_waits_for_the_same_passcode_and_each_goes_its_own_way(stage: Stage) -> None:
    browser = stage.browser()
    tabs = await tabs_loaded_at_once(stage, browser, 2)
    pages = [await browser.get(SIGN_IN_ORIGIN + (await send_password(browser, tab)).location) for tab in tabs]
    assert len(stage.phone.messages) == 1
    assert len(await stage.store.sessions.sessions()) == 1
    answers = [await stage.answer(browser, page, stage.passcode) for page in reversed(pages)]
    assert [await follow(browser, answer) for answer in answers] == [f"{WIKI}/page/1", f"{WIKI}/page/0"]


async def test_a_second_tab_begins_anew_where_the_directory_says_something_else_by_now(stage: Stage) -> None:
    browser = stage.browser()
    tabs = await tabs_loaded_at_once(stage, browser, 2)
    await send_password(browser, tabs[0])
    (session,) = await stage.store.sessions.sessions()
    older = replace(session, principal=replace(session.principal, groups=frozenset({"Gatepost Admins"})))
    await stage.sessions.update_principal(older)
    await send_password(browser, tabs[1])
    (session,) = await stage.store.sessions.sessions()
    assert session.principal.groups == {"Wiki Users"}
    assert len(stage.phone.messages) == 2


async def test_another_persons_sign_in_in_a_second_tab_shares_nothing(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    answer = await stage.password(browser, "admin")
    assert answer.location == "/"
    (session,) = await stage.store.sessions.sessions()
    assert session.principal.username == "admin"
    assert (await stage.answer(browser, page, stage.passcode)).location == "/"
    assert [each.principal.username for each in await stage.store.sessions.sessions()] == ["admin"]


async def test_passwords_sent_at_the_same_time_leave_one_passcode_page_for_both_tabs(stage: Stage) -> None:
    browser = stage.browser()
    tabs = await tabs_loaded_at_once(stage, browser, 2)
    twin = browser.copy()
    lost = await send_password(twin, tabs[0])
    lost_page = await twin.get(SIGN_IN_ORIGIN + lost.location)
    kept = await send_password(browser, tabs[1])
    page = await browser.get(SIGN_IN_ORIGIN + lost.location)  # tab 0, with the session that the browser kept
    assert page.status == 200
    assert page.hidden["challenge"] in kept.location
    stale = await stage.answer(browser, lost_page, stage.passcode)  # or it had been shown before
    assert stale.status == 403
    assert stale.hidden["challenge"] == page.hidden["challenge"]
    assert await follow(browser, await stage.answer(browser, stale, stage.passcode)) == f"{WIKI}/page/0"


async def test_a_browser_is_redirected_after_a_wrong_passcode_so_that_going_back_asks_nothing(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser, return_to=f"{WIKI}/page", start=START)
    fields = {**page.hidden, "passcode": stage.wrong_passcode()}
    answer = await browser.post(PASSCODE, fields, Sec_Fetch_Mode="navigate", Sec_Fetch_Site="same-origin")
    assert answer.status == 303
    shown = await browser.get(SIGN_IN_ORIGIN + answer.location)
    assert "That code is not right. You have 4 tries left." in shown.text
    assert shown.hidden["return_to"] == f"{WIKI}/page"
    fields["passcode"] = "12"
    answer = await browser.post(PASSCODE, fields, Sec_Fetch_Mode="navigate", Sec_Fetch_Site="same-origin")
    assert "Enter all 6 digits" in (await browser.get(SIGN_IN_ORIGIN + answer.location)).text
    fields["passcode"] = stage.wrong_passcode()
    assert (await browser.post(PASSCODE, fields)).status == 422  # whoever is no browser is told by the status


async def test_a_token_of_a_session_outlives_the_browsers_cookie(stage: Stage) -> None:
    """A slow first load of another tab may set it again at any time."""
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    browser.cookies["signin.corp.example"]["__Host-gatepost-browser"] = "b" * 43
    assert (await stage.answer(browser, page, stage.passcode)).status == 303
    token = csrf_token(stage.portal_key, form=Form.SIGN_OUT, browser="b" * 43)
    answer = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/sign-out", {"csrf_token": token})
    assert answer.status == 403  # and the browser's cookie proves nothing once there is a session


@pytest.mark.parametrize("ahead", [-20.0, 20.0])
async def test_a_ticket_fits_on_a_node_whose_clock_differs_by_twenty_seconds(stage: Stage, ahead: float) -> None:
    browser = stage.browser()
    url = await ticket_for(stage, browser)
    stage.now += ahead + 1
    assert (await browser.get(url)).location == f"{WIKI}/page?x=1"
    assert browser.session_cookie("wiki.corp.example") is not None
