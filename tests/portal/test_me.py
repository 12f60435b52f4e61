"""Where a person is signed in: who sees what of it, and what its buttons end."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from proxy.operations.store_errors import StoreUnavailable
from proxy.pages.amounts import ago, size
from proxy.portal.device import describe_device
from proxy.portal.me import session_name
from tests.portal.stage import SIGN_IN_ORIGIN, Browser, Page, Stage, running_portal

ME = f"{SIGN_IN_ORIGIN}/.gatepost/me"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
    "Safari/537.36 Edg/131.0.0.0"
)


async def signed_in(stage: Stage, **facts: str) -> tuple[Browser, Page]:
    browser = stage.browser(**facts)
    await stage.sign_in(browser)
    return browser, await browser.get(ME)


def names(page: Page) -> list[str]:
    return re.findall(r'name="session" value="([^"]+)"', page.text)


async def test_the_page_shows_this_session_and_the_others(stage: Stage) -> None:
    await signed_in(stage, address="198.51.100.9")
    stage.now += 7200
    await signed_in(stage)
    stage.now += 300
    browser, page = await signed_in(stage)
    assert page.status == 200
    assert page.text.count("<dl>") == 2  # the first one was over by then: it is not shown
    assert page.text.count("This browser") == 1
    assert "5 minutes ago" in page.text
    assert "2027-01-15 10:00 UTC" in page.text
    assert "the one you are at now" in page.text
    assert "Unknown device" in page.text
    for session in await stage.store.sessions.sessions():
        assert session.session_id not in page.text
    assert (await browser.get(SIGN_IN_ORIGIN)).text.count('href="/.gatepost/me"') == 1


async def test_with_one_more_session_than_may_stand_the_oldest_ends(tmp_path: Path) -> None:
    async with running_portal(tmp_path, sessions={"most_per_person": 2}) as stage:
        oldest, _ = await signed_in(stage)
        stage.now += 60
        newer, _ = await signed_in(stage)
        ended: list[str] = []
        stage.store.sessions.on_session_end(ended.append)
        await stage.to_passcode(stage.browser())
        assert ended == [], "who knows a password alone ends nobody's session"
        stage.now += 60
        newest, _ = await signed_in(stage)
        assert (await oldest.get(ME)).location.startswith("/.gatepost/sign-in")
        for browser in (newer, newest):
            assert (await browser.get(ME)).status == 200
        assert len(ended) == 2, "the oldest, as sockets hear it, and the half signed-in one that went on"


async def test_nobody_sees_anothers_sessions(stage: Stage) -> None:
    await signed_in(stage)
    admin = stage.browser()
    await stage.password(admin, "admin")
    page = await admin.get(ME)
    assert page.text.count("<dl>") == 1
    alices = (await stage.store.sessions.sessions())[0]
    answer = await admin.post(ME, {**page.hidden, "session": session_name(alices)})
    assert answer.location.endswith("ended=0")
    assert len(await stage.store.sessions.sessions()) == 2


async def test_a_half_signed_in_session_sees_and_ends_nothing(stage: Stage) -> None:
    await signed_in(stage)
    half = stage.browser()
    passcode_page = await stage.to_passcode(half)
    assert (await half.get(ME)).location.startswith("/.gatepost/sign-in?")
    answer = await half.post(ME, {**passcode_page.hidden, "all": "yes"})
    assert answer.location.startswith("/.gatepost/sign-in?")
    assert len(await stage.store.sessions.sessions()) == 2
    assert (await stage.browser().get(ME)).location.startswith("/.gatepost/sign-in?")


async def test_who_gave_the_password_only_is_shown_as_not_signed_in(stage: Stage) -> None:
    browser, _ = await signed_in(stage)
    await stage.to_passcode(stage.browser(address="203.0.113.66"))
    page = await browser.get(ME)
    assert "203.0.113.66" in page.text
    assert "Password entered, not signed in yet" in page.text
    await browser.post(ME, {**page.hidden, "others": "yes"})
    assert len(await stage.store.sessions.sessions()) == 1


async def test_one_session_is_ended_and_in_force_at_once(stage: Stage) -> None:
    other, _ = await signed_in(stage)
    browser, page = await signed_in(stage)
    ended: list[str] = []
    stage.sessions.on_end(ended.append)
    assert (await other.get(SIGN_IN_ORIGIN)).status == 200
    (name,) = names(page)
    answer = await browser.post(ME, {**page.hidden, "session": name})
    assert answer.location == "/.gatepost/me?ended=1"
    assert len(ended) == 1
    assert (await other.get(SIGN_IN_ORIGIN)).location == "/.gatepost/sign-in"
    assert "That session has ended." in (await browser.get(SIGN_IN_ORIGIN + answer.location)).text
    again = await browser.post(ME, {**page.hidden, "session": name})
    assert again.location.endswith("ended=0")


@pytest.mark.parametrize(("button", "left"), [("others", 1), ("all", 0)])
async def test_all_others_or_all_are_ended(stage: Stage, button: str, left: int) -> None:
    await signed_in(stage)
    await signed_in(stage)
    browser, page = await signed_in(stage)
    answer = await browser.post(ME, {**page.hidden, button: "yes"})
    assert len(await stage.store.sessions.sessions()) == left
    assert (browser.session_cookie() is not None) is bool(left)
    assert ("You are signed out" in answer.text) is not bool(left)


async def test_after_an_error_on_the_way_the_button_can_be_pressed_again(stage: Stage) -> None:
    await signed_in(stage)
    await signed_in(stage)
    others = {each.session_id for each in await stage.store.sessions.sessions()}
    browser, page = await signed_in(stage)
    end = stage.store.sessions.end_session

    async def away(session_id: str) -> bool:
        if session_id in others:
            raise StoreUnavailable("away for the others")
        return await end(session_id)

    stage.store.sessions.end_session = away  # type: ignore[method-assign]
    assert (await browser.post(ME, {**page.hidden, "all": "yes"})).status == 503
    stage.store.sessions.end_session = end  # type: ignore[method-assign]
    assert (await browser.get(ME)).status == 200
    assert "You are signed out" in (await browser.post(ME, {**page.hidden, "all": "yes"})).text
    assert await stage.store.sessions.sessions() == []


@pytest.mark.parametrize("token", ["", "x" * 43, "of another session"])
async def test_nothing_is_ended_without_its_token(stage: Stage, token: str) -> None:
    _, others_page = await signed_in(stage)
    browser, page = await signed_in(stage)
    if token == "of another session":
        token = others_page.hidden["csrf_token"]
    assert (await browser.post(ME, {"csrf_token": token, "all": "yes"})).status == 403
    assert (await browser.post(ME, {**page.hidden, "all": "yes"}, Origin="https://wiki.corp.example")).status == 403
    assert (await browser.post(ME, page.hidden)).status == 403  # no button
    assert (await browser.get(f"{ME}?all=yes")).status == 200
    assert len(await stage.store.sessions.sessions()) == 2


async def test_a_bookmark_of_the_page_leads_there_once_somebody_is_signed_in(stage: Stage) -> None:
    browser = stage.browser()
    asked = await browser.get(ME)
    back = dict(parse_qsl(urlsplit(asked.location).query))
    passcode = await stage.to_passcode(browser, return_to=back["return_to"])
    landed = await stage.answer(browser, passcode, stage.passcode)
    assert SIGN_IN_ORIGIN + landed.location == ME
    assert (await browser.get(ME)).status == 200


async def test_the_page_is_the_sign_in_hosts(stage: Stage) -> None:
    answer = await stage.browser().get("https://wiki.corp.example/.gatepost/me")
    assert answer.location == ME


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox on Windows"),
        (EDGE, "Edge on Windows"),
        (EDGE.partition(" Edg/")[0], "Chrome on Windows"),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541) AppleWebKit/537 Chrome/131.0 Safari/537.36", "Chrome on ChromeOS"),
        ("Mozilla/5.0 (Linux; Android 15; SM-S928B) SamsungBrowser/27 Chrome/125", "Samsung Internet on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18 Mobile/15E Safari/6", "Safari on iPhone"),
        ("Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) CriOS/131.0 Mobile Safari/604", "Chrome on iPad"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.1 Safari/605.1.15", "Safari on Mac"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131 Safari/537.36 OPR/116.0", "Opera on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Trident/7.0; rv:11.0) like Gecko", "Internet Explorer on Windows"),
        ("curl/8.5.0", "curl"),
        ("python-requests/2.32", "A program"),
        ("Mozilla/5.0 (Windows NT 10.0)", "Windows"),
        ("", "Unknown device"),
        ("<script>", "Unknown device"),
    ],
)  # fmt: skip
def test_a_device_is_told_in_plain_words(user_agent: str, words: str) -> None:
    assert describe_device(user_agent) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (86_399, "23 hours ago"),
        (86_400, "1 day ago"),
        (200_000, "2 days ago"),
    ],
)
def test_how_long_ago_is_told_in_words(seconds: int, words: str) -> None:
    assert ago(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (1_500_000, "1.5 MB")]
)
def test_a_size_is_told_in_words(count: int, words: str) -> None:
    assert size(count) == words
