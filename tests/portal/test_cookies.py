"""A browser that does not send our cookies back is told so: at the first step, between two, and on an app's host."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.portal.stage import PASSWORD, SIGN_IN_ORIGIN, WIKI, Browser, Page, Stage

SIGN_IN = f"{SIGN_IN_ORIGIN}/.gatepost/sign-in"
PASSCODE = f"{SIGN_IN_ORIGIN}/.gatepost/passcode"
STALE = "open too long"


async def test_a_form_without_the_cookie_of_its_page_says_cookies(stage: Stage) -> None:
    browser = stage.browser()
    for _ in range(3):
        page = await browser.get(SIGN_IN)
        browser.cookies.clear()
        answer = await browser.post(SIGN_IN, {**page.hidden, "username": "alice", "password": PASSWORD})
        assert answer.status == 403
        assert "Allow cookies for signin.corp.example" in answer.text
        assert STALE not in answer.text
        assert "https://" not in answer.text.partition("<form")[0]
        browser.cookies.clear()
    assert stage.phone.messages == []
    assert stage.log_text.count("'no_cookie'") == 3


async def test_a_form_that_is_too_old_says_so(stage: Stage) -> None:
    browser = stage.browser()
    page = await browser.get(SIGN_IN)
    fields = {**page.hidden, "csrf_token": "x" * 43, "username": "alice", "password": PASSWORD}
    answer = await browser.post(SIGN_IN, fields)
    assert answer.status == 403
    assert STALE in answer.text
    assert "Allow cookies" not in answer.text


async def test_over_http_a_cookie_for_https_is_not_kept(stage: Stage) -> None:
    browser = stage.browser()
    page = await browser.get(SIGN_IN)
    browser.cookies.clear()
    fields = {**page.hidden, "username": "alice", "password": PASSWORD}
    answer = await browser.post(SIGN_IN, fields, X_Gatepost_Client_Scheme="http")
    assert f"Open {SIGN_IN_ORIGIN} instead" in answer.text


@pytest.mark.parametrize("origin", ["http://signin.corp.example", "https://signin.corp.example:8443"])
async def test_a_page_under_another_spelling_of_our_address_says_which_one_to_open(stage: Stage, origin: str) -> None:
    browser = stage.browser()
    page = await browser.get(SIGN_IN)
    fields = {**page.hidden, "username": "alice", "password": PASSWORD}
    answer = await browser.post(SIGN_IN, fields, Origin=origin)
    assert answer.status == 403
    assert f"Open {SIGN_IN_ORIGIN} instead" in answer.text
    answer = await browser.post(SIGN_IN, fields, Origin="https://evil.example")
    assert answer.status == 403
    assert "instead" not in answer.text


@pytest.mark.parametrize("keeps_browser_cookie", [True, False])
async def test_a_session_cookie_that_is_lost_between_two_steps_is_told(
    stage: Stage, keeps_browser_cookie: bool
) -> None:
    browser = stage.browser()
    answer = await stage.password(browser, return_to=f"{WIKI}/a")
    del browser.cookies["signin.corp.example"]["__Host-gatepost"]
    if not keeps_browser_cookie:
        browser.cookies.clear()
    bounced = await browser.get(SIGN_IN_ORIGIN + answer.location)
    assert parse_qs(urlsplit(bounced.location).query)["return_to"] == [f"{WIKI}/a"]
    form = await browser.get(SIGN_IN_ORIGIN + bounced.location)
    assert form.status == 200
    assert "did not return the cookie" in form.text
    assert "allow cookies for signin.corp.example" in form.text


async def test_it_is_told_where_a_step_led_to_a_page_that_anybody_may_open(stage: Stage) -> None:
    """Without a second factor the next page may be the start page: the browser says from which step it came there."""
    browser = stage.browser()
    assert (await stage.password(browser, "admin")).location == "/"
    del browser.cookies["signin.corp.example"]["__Host-gatepost"]
    assert (await browser.get(SIGN_IN_ORIGIN + "/")).location == "/.gatepost/sign-in"
    form = await browser.get(SIGN_IN, Referer=SIGN_IN)
    assert "did not return the cookie" in form.text
    elsewhere = f"{SIGN_IN_ORIGIN}/.gatepost/sign-out"
    for url, referer in ((SIGN_IN, elsewhere), (f"{SIGN_IN}?form=1", PASSCODE), (SIGN_IN, "")):
        form = await browser.get(url, **({"Referer": referer} if referer else {}))
        assert "did not return the cookie" not in form.text


async def signed_in_without_app(stage: Stage) -> Browser:
    browser = stage.browser()
    await stage.sign_in(browser)
    begun = await browser.get(f"{WIKI}/.gatepost/ticket?ticket=none")
    assert "__Host-gatepost-browser" in browser.cookies["wiki.corp.example"]
    assert begun.status == 303
    return browser


async def one_round(stage: Stage, browser: Browser, start: str) -> Page:
    landed = await browser.get(f"{SIGN_IN}?return_to={WIKI}/page&start={start}")
    return await browser.get(landed.location)


async def start_of(browser: Browser) -> str:
    begun = await browser.get(f"{WIKI}/.gatepost/ticket?ticket=none")
    return parse_qs(urlsplit(begun.location).query)["start"][0]


@pytest.mark.parametrize("old_cookie", ["", "D" * 43], ids=["none", "of a session that ended"])
async def test_an_app_that_keeps_no_session_cookie_sends_nobody_in_circles(stage: Stage, old_cookie: str) -> None:
    """Its browser cookie is there, from before cookies were blocked, so each ticket fits."""
    browser = await signed_in_without_app(stage)
    start = await start_of(browser)
    for _ in range(2 if old_cookie else 1):
        kept = dict(browser.cookies["wiki.corp.example"])
        if old_cookie:
            kept["__Host-gatepost"] = old_cookie
            browser.cookies["wiki.corp.example"] = dict(kept)
        answer = await one_round(stage, browser, start)
        assert answer.location == f"{WIKI}/page"
        browser.cookies["wiki.corp.example"] = dict(kept)
    again = await one_round(stage, browser, start)
    browser.cookies["wiki.corp.example"] = dict(kept)
    assert "check=1" in again.location
    told = await browser.get(WIKI + again.location)
    assert told.status == 403
    assert "Allow cookies for wiki.corp.example" in told.text
    assert f'href="{WIKI}/page"' in told.text


async def test_who_keeps_the_cookie_after_all_gets_on(stage: Stage) -> None:
    """As many tabs do that a browser opens at once."""
    browser = await signed_in_without_app(stage)
    start = await start_of(browser)
    twin = browser.copy()
    assert (await one_round(stage, browser, start)).location == f"{WIKI}/page"
    again = await one_round(stage, twin, start)
    assert (await twin.get(WIKI + again.location)).location == f"{WIKI}/page"


async def test_later_nothing_is_checked(stage: Stage) -> None:
    browser = await signed_in_without_app(stage)
    start = await start_of(browser)
    twin = browser.copy()
    await one_round(stage, browser, start)
    stage.now += 20
    assert (await one_round(stage, twin, start)).location == f"{WIKI}/page"


@pytest.mark.parametrize("destination", ["iframe", "frame", "embed", "object"])
async def test_inside_another_page_the_way_into_a_tab_is_shown(stage: Stage, destination: str) -> None:
    """Browsers keep our cookies from there, and would show nothing at all of a page that may not be framed."""
    browser = stage.browser()
    page = await browser.get(f"{SIGN_IN}?return_to={WIKI}/page", Sec_Fetch_Dest=destination)
    assert "X-Frame-Options" not in page.headers
    assert "frame-ancestors" not in page.headers["Content-Security-Policy"]
    assert f'href="{WIKI}/page" target="_blank"' in page.text
    assert "<form" not in page.text, "what can be clicked there changes nothing"
    assert "cookies" in page.text
    plain = await browser.get(f"{SIGN_IN}?return_to={WIKI}/page", Sec_Fetch_Dest="document")
    assert plain.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in plain.headers["Content-Security-Policy"]
