"""The hand-over to an app's host, what it refuses, the end of a session, and what else an app's host serves."""

from base64 import urlsafe_b64encode
from hashlib import sha256

import pytest

from proxy.operations.store_errors import StoreUnavailable
from proxy.secrets.tokens import new_token
from proxy.sessions.session import Level
from tests.portal.stage import PASSWORD, SIGN_IN_ORIGIN, WIKI, Browser, Stage

SIGN_OUT = f"{SIGN_IN_ORIGIN}/.gatepost/sign-out"


def begin(browser: Browser, host: str = "wiki.corp.example") -> str:
    """What the gate does: mark the browser on the app's host, and name its digest."""
    token = new_token()
    browser.cookies.setdefault(host, {})["__Host-gatepost-browser"] = token
    return urlsafe_b64encode(sha256(token.encode()).digest()).rstrip(b"=").decode()


async def ticket_for(stage: Stage, browser: Browser) -> str:
    start = begin(browser)
    return (await stage.sign_in(browser, return_to=f"{WIKI}/page?x=1", start=start)).location


async def test_a_ticket_becomes_the_hosts_session_and_leads_to_the_page(stage: Stage) -> None:
    browser = stage.browser()
    answer = await browser.get(await ticket_for(stage, browser))
    assert answer.status == 303
    assert answer.location == f"{WIKI}/page?x=1"
    token = browser.session_cookie("wiki.corp.example")
    assert token is not None
    assert token != browser.session_cookie()
    session = await stage.sessions.find(token.encode(), "wiki.corp.example", stage.now)
    assert session is not None
    assert await stage.sessions.find(token.encode(), "forms.corp.example", stage.now) is None


async def test_a_ticket_works_once(stage: Stage) -> None:
    browser = stage.browser()
    url = await ticket_for(stage, browser)
    twin = browser.copy()
    await browser.get(url)
    second = await twin.get(url)
    assert second.location.startswith(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in?")
    assert twin.session_cookie("wiki.corp.example") is None
    at_home = await browser.get(url)  # the back button
    assert at_home.location == f"{SIGN_IN_ORIGIN}/"


async def test_a_ticket_works_in_no_other_browser(stage: Stage) -> None:
    browser, thief = stage.browser(), stage.browser()
    url = await ticket_for(stage, browser)
    begin(thief)
    answer = await thief.get(url)
    assert thief.session_cookie("wiki.corp.example") is None
    assert "again=1" in answer.location
    assert (await browser.get(url)).location.startswith(SIGN_IN_ORIGIN)  # and it is used up


async def test_a_ticket_works_on_no_other_host(stage: Stage) -> None:
    browser = stage.browser()
    url = await ticket_for(stage, browser)
    token = browser.cookies["wiki.corp.example"]
    browser.cookies["forms.corp.example"] = dict(token)
    answer = await browser.get(url.replace("wiki.", "forms."))
    assert browser.session_cookie("forms.corp.example") is None
    assert "forms.corp.example%2F&" in answer.location


async def test_a_ticket_is_over_after_thirty_seconds(stage: Stage) -> None:
    browser = stage.browser()
    url = await ticket_for(stage, browser)
    stage.now += 30
    await browser.get(url)
    assert browser.session_cookie("wiki.corp.example") is None


async def test_what_a_clock_far_ahead_gave_out_is_over_once_it_is_set_back(stage: Stage) -> None:
    """A ticket and a passcode would live for an hour longer; a session goes on, and ends by its limits."""
    ahead, behind = stage.browser(), stage.browser()
    stage.now += 3600
    url = await ticket_for(stage, ahead)
    page = await stage.to_passcode(behind)
    passcode = stage.passcode
    stage.now -= 3600
    await ahead.get(url)
    assert ahead.session_cookie("wiki.corp.example") is None
    await stage.answer(behind, page, passcode)
    cookie = behind.session_cookie()
    assert cookie is not None
    half = await stage.sessions.find(cookie.encode(), "signin.corp.example", stage.now)
    assert half is not None
    assert half.level is Level.FIRST_FACTOR, "the passcode proved nothing"
    assert (await ahead.get(f"{SIGN_IN_ORIGIN}/")).status == 200


@pytest.mark.parametrize("difference", [20, -20])
async def test_nodes_whose_clocks_differ_take_turns_at_a_sign_in(stage: Stage, difference: int) -> None:
    """Each step at the other node, and what follows too: docs/scaling.md allows twenty seconds."""
    browser = stage.browser()
    start, here, there = begin(browser), stage.now, stage.now + difference
    form = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in?return_to={WIKI}/page&start={start}")
    stage.now = there
    fields = {**form.hidden, "username": "alice", "password": PASSWORD}
    answer = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in", fields)
    stage.now = here
    page = await browser.get(SIGN_IN_ORIGIN + answer.location)
    stage.now = there
    landed = await stage.answer(browser, page, stage.passcode)
    stage.now = here
    assert (await browser.get(landed.location)).location == f"{WIKI}/page"
    token = browser.session_cookie("wiki.corp.example")
    assert token is not None
    for stage.now in (there, here):
        assert await stage.sessions.find(token.encode(), "wiki.corp.example", stage.now) is not None
        shown = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/me")
        assert "just now" in shown.text
    page = await browser.get(SIGN_OUT)
    stage.now = there
    assert "You are signed out" in (await browser.post(SIGN_OUT, page.hidden)).text


async def test_a_ticket_of_an_ended_session_is_worthless(stage: Stage) -> None:
    browser = stage.browser()
    url = await ticket_for(stage, browser)
    for session in await stage.store.sessions.sessions():
        await stage.store.sessions.end_session(session.session_id)
    await browser.get(url)
    assert browser.session_cookie("wiki.corp.example") is None


async def test_a_ticket_that_does_not_fit_starts_over_and_then_fits(stage: Stage) -> None:
    browser = stage.browser()
    url = await ticket_for(stage, browser)
    begin(browser)  # another tab was sent to sign in meanwhile, and its cookie won
    again = await browser.get(url)
    ticket = await browser.get(again.location)
    landed = await browser.get(ticket.location)
    assert landed.location == f"{WIKI}/page?x=1"


async def test_round_trips_end_in_a_browser_that_keeps_no_cookies(stage: Stage) -> None:
    browser = stage.browser()
    url = await ticket_for(stage, browser)
    browser.cookies["wiki.corp.example"] = {}
    again = await browser.get(url)
    browser.cookies["wiki.corp.example"] = {}
    ticket = await browser.get(again.location)
    end = await browser.get(ticket.location)
    assert end.status == 403
    assert "cookie" in end.text


@pytest.mark.parametrize("query", ["", "?ticket=", "?ticket=x", "?ticket=" + "A" * 43, "?ticket=%00%ff"])
async def test_what_is_no_ticket_starts_over(stage: Stage, query: str) -> None:
    browser = stage.browser()
    answer = await browser.get(f"{WIKI}/.gatepost/ticket{query}")
    assert answer.location.startswith(
        f"{SIGN_IN_ORIGIN}/.gatepost/sign-in?return_to=https%3A%2F%2Fwiki.corp.example%2F&"
    )
    assert browser.session_cookie("wiki.corp.example") is None


async def test_a_head_request_uses_no_ticket_up(stage: Stage) -> None:
    browser = stage.browser()
    url = await ticket_for(stage, browser)
    assert (await browser.request("HEAD", url, headers={})).status == 405
    assert (await browser.get(url)).location == f"{WIKI}/page?x=1"


async def test_signing_out_ends_the_session_on_every_host(stage: Stage) -> None:
    browser = stage.browser()
    await browser.get(await ticket_for(stage, browser))
    token = browser.session_cookie("wiki.corp.example")
    assert token is not None
    ended: list[str] = []
    stage.sessions.on_end(ended.append)
    await stage.sessions.find(token.encode(), "wiki.corp.example", stage.now)
    page = await browser.get(SIGN_OUT)
    assert "Alice &lt;Liddell&gt;" in page.text
    done = await browser.post(SIGN_OUT, page.hidden)
    assert done.status == 200
    assert "You are signed out" in done.text
    assert browser.session_cookie() is None
    assert len(ended) == 1
    assert await stage.sessions.find(token.encode(), "wiki.corp.example", stage.now) is None


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_who_signs_out_once_more_is_told_only_when_every_worker_has_heard(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """The first attempt may have had no answer, because the store died when it had ended the session."""
    browser = stage.browser()
    await stage.sign_in(browser)
    again, stranger = browser.copy(), stage.browser()
    await browser.post(SIGN_OUT, (await browser.get(SIGN_OUT)).hidden)
    stranger.cookies["signin.corp.example"] = {"__Host-gatepost": new_token()}

    async def not_heard() -> None:
        raise StoreUnavailable("somebody is away")

    monkeypatch.setattr(stage.store.sessions, "ends_heard", not_heard)
    sent = {"Origin": SIGN_IN_ORIGIN, "Content-Type": "application/x-www-form-urlencoded"}
    assert (await again.request(method, SIGN_OUT, headers=sent, body=b"")).status == 503
    assert (await stranger.request(method, SIGN_OUT, headers=sent, body=b"")).status == 200, "and nobody is waited for"


async def test_signing_out_by_a_link_alone_does_nothing(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    await browser.get(SIGN_OUT)
    assert (await browser.get(SIGN_IN_ORIGIN)).status == 200


async def test_signing_out_twice_is_no_error(stage: Stage) -> None:
    assert (await stage.browser().post(SIGN_OUT, {})).status == 200


@pytest.mark.parametrize("path", ["sign-in", "passcode", "sign-out"])
async def test_pages_of_the_sign_in_host_are_found_there_from_an_app(stage: Stage, path: str) -> None:
    answer = await stage.browser().get(f"{WIKI}/.gatepost/{path}?return_to=https://evil.example/")
    assert answer.location == f"{SIGN_IN_ORIGIN}/.gatepost/{path}"
    assert (await stage.browser().post(f"{WIKI}/.gatepost/{path}", {})).status == 404


async def test_unknown_paths_hosts_and_methods_are_told(stage: Stage) -> None:
    browser = stage.browser()
    assert (await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/nothing")).status == 404
    assert (await browser.get(f"{WIKI}/.gatepost/nothing")).status == 404
    assert (await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/ticket?ticket=x")).status == 404
    assert (await browser.get("https://other.example/.gatepost/sign-in")).status == 421
    wrong = await browser.request("DELETE", f"{SIGN_IN_ORIGIN}/.gatepost/sign-in", headers={})
    assert wrong.status == 405
    assert "POST" in wrong.headers["Allow"]
    assert (await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/")).location == "/"


async def test_assets_are_kept_for_ever_and_names_of_others_are_refused(stage: Stage) -> None:
    browser = stage.browser()
    page = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in")
    path = page.text.partition('rel="stylesheet" href="')[2].partition('"')[0]
    for origin in (SIGN_IN_ORIGIN, WIKI):
        style = await browser.get(origin + path)
        assert style.headers["Content-Type"].startswith("text/css")
        assert "immutable" in style.headers["Cache-Control"]
        assert len(style.text) < 13_000
        known = await browser.get(origin + path, If_None_Match=style.headers["ETag"])
        assert known.status == 304
    assert (await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/static/x/portal.css")).status == 404
    assert (await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/static/x/%2e%2e%2fassets.py")).status == 404


async def test_the_assertion_key_is_published_on_every_host(stage: Stage) -> None:
    for origin in (SIGN_IN_ORIGIN, WIKI):
        answer = await stage.browser().get(f"{origin}/.gatepost/jwks.json")
        assert '"EC"' in answer.text
        assert '"d"' not in answer.text


async def test_the_start_page_lists_what_the_person_may_open(stage: Stage) -> None:
    browser = stage.browser()
    assert (await browser.get(SIGN_IN_ORIGIN)).location == "/.gatepost/sign-in"
    await stage.sign_in(browser)
    page = await browser.get(SIGN_IN_ORIGIN)
    assert "Wiki" in page.text
    assert "Forms" in page.text
    other = stage.browser()
    await stage.password(other, "admin")
    page = await other.get(SIGN_IN_ORIGIN)
    assert "Wiki" not in page.text
    assert 'href="https://forms.corp.example/"' in page.text
