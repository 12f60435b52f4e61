"""What pages held open may ask of their session: looked at without a use, extended by their own script alone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import ClientResponse

from proxy.portal.page_session import person_on_host
from proxy.secrets.keys import KeyRing, Keys, MasterKey, names_of
from tests.portal.stage import SIGN_IN_ORIGIN, WIKI, Browser, Page, Stage, running_portal
from tests.support.people import principal

SESSION, SIGNED_IN = "/.gatepost/session", "/.gatepost/signed-in"
PRESS = {"X-Requested-With": "session.js", "Sec-Fetch-Site": "same-origin"}


async def signed_in_at_the_wiki(stage: Stage, browser: Browser, username: str = "alice") -> Page:
    """In a window that begins and ends at the wiki's own page."""
    begun = await browser.get(WIKI + SIGNED_IN)
    assert begun.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    query = parse_qs(urlsplit(begun.location).query)
    assert begun.location.startswith(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in?")
    asked = {"return_to": query["return_to"][0], "start": query["start"][0]}
    landed = await stage.sign_in(browser, username=username, **asked)
    arrived = await browser.get(landed.location)
    assert arrived.location == WIKI + SIGNED_IN
    return await browser.get(WIKI + SIGNED_IN)


async def standing(browser: Browser, origin: str = WIKI, **headers: str) -> dict[str, Any]:
    told = await browser.get(origin + SESSION, **headers)
    assert told.status == 200, told.text
    assert told.headers["Cache-Control"] == "no-store"
    assert told.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    return json.loads(told.text)


async def press(browser: Browser, headers: dict[str, str], origin: str = WIKI) -> Page:
    return await browser.request("POST", origin + SESSION, headers=headers)


async def test_a_window_of_its_own_ends_at_a_page_of_the_app_that_nobody_can_frame(stage: Stage) -> None:
    page = await signed_in_at_the_wiki(stage, stage.browser())
    assert page.status == 200
    assert "You can close this window." in page.text
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"


async def test_on_the_sign_in_host_too(stage: Stage) -> None:
    browser = stage.browser()
    begun = await browser.get(SIGN_IN_ORIGIN + SIGNED_IN)
    assert begun.location == "/.gatepost/sign-in?return_to=%2F.gatepost%2Fsigned-in"
    landed = await stage.sign_in(browser, return_to=SIGNED_IN)
    assert landed.location == SIGNED_IN
    assert "You can close this window." in (await browser.get(SIGN_IN_ORIGIN + SIGNED_IN)).text


async def test_it_says_who_is_signed_in_and_for_how_long_and_that_is_no_use(stage: Stage) -> None:
    browser = stage.browser()
    assert await standing(browser) == {"signed_in": False}
    await signed_in_at_the_wiki(stage, browser)
    told = await standing(browser)
    assert told == {"signed_in": True, "person": told["person"], "idle_in": 1800, "ends_in": 43_200, "warn": 120}
    stage.now += 1000
    told = await standing(browser)
    assert (told["idle_in"], told["ends_in"]) == (800, 42_200)
    stage.now += 799
    assert (await standing(browser))["idle_in"] == 1
    stage.now += 1
    assert await standing(browser) == {"signed_in": False}


async def test_a_press_counts_as_a_use_and_does_not_move_the_absolute_end(stage: Stage) -> None:
    browser = stage.browser()
    await signed_in_at_the_wiki(stage, browser)
    stage.now += 1700
    told = json.loads((await press(browser, PRESS)).text)
    assert (told["idle_in"], told["ends_in"]) == (1800, 41_500)
    stage.now += 1700
    assert (await standing(browser))["idle_in"] == 100


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"X-Requested-With": "session.js"},
        PRESS | {"Sec-Fetch-Site": "same-site", "Origin": WIKI},
        PRESS | {"Sec-Fetch-Site": "cross-site"},
        PRESS | {"Sec-Fetch-Site": "none"},
        {"X-Requested-With": "session.js", "Origin": "https://forms.corp.example"},
        {"X-Requested-With": "session.js", "Origin": "null"},
    ],
)
async def test_a_press_that_is_not_of_the_hosts_own_script_is_no_use(stage: Stage, headers: dict[str, str]) -> None:
    browser = stage.browser()
    await signed_in_at_the_wiki(stage, browser)
    stage.now += 1000
    assert (await press(browser, headers)).status == 403
    assert (await standing(browser))["idle_in"] == 800


async def test_an_old_browser_says_where_it_comes_from_by_origin_alone(stage: Stage) -> None:
    browser = stage.browser()
    await signed_in_at_the_wiki(stage, browser)
    assert (await press(browser, {"X-Requested-With": "session.js", "Origin": WIKI})).status == 200


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
async def test_another_hosts_page_is_told_nothing(stage: Stage, site: str) -> None:
    browser = stage.browser()
    await signed_in_at_the_wiki(stage, browser)
    told = await browser.get(WIKI + SESSION, **{"Sec-Fetch-Site": site})
    assert (told.status, "person" in told.text) == (403, False)


@pytest.mark.parametrize("path", ["/", "/.gatepost/me", "/.gatepost/me/factors", "/.gatepost/admin/"])
async def test_pages_that_are_held_open_tell_of_the_end(tmp_path: Path, path: str) -> None:
    async with running_portal(tmp_path, admin={"groups": ["Wiki Users"]}) as stage:
        browser = stage.browser()
        assert "session.js" not in (await browser.get(SIGN_IN_ORIGIN + "/.gatepost/sign-in")).text
        await stage.sign_in(browser)
        page = await browser.get(SIGN_IN_ORIGIN + path)
        assert '<script src="/.gatepost/session.js" data-sign-in="page" defer></script>' in page.text
        assert "connect-src 'self'" in page.headers["Content-Security-Policy"]


async def test_half_a_session_is_none(stage: Stage) -> None:
    browser = stage.browser()
    await stage.to_passcode(browser)
    assert await standing(browser, SIGN_IN_ORIGIN) == {"signed_in": False}
    assert json.loads((await press(browser, PRESS, SIGN_IN_ORIGIN)).text) == {"signed_in": False}
    refused = await browser.get(SIGN_IN_ORIGIN + SIGNED_IN)
    assert refused.status == 303


async def test_a_short_idle_limit_warns_at_its_half(tmp_path: Path) -> None:
    async with running_portal(tmp_path, sessions={"idle": "1m"}) as stage:
        browser = stage.browser()
        await stage.sign_in(browser)
        assert (await standing(browser, SIGN_IN_ORIGIN))["warn"] == 30


async def test_a_person_is_called_the_same_after_a_new_sign_in_and_differently_on_each_host(stage: Stage) -> None:
    first, second, bob = stage.browser(), stage.browser(), stage.browser()
    for browser, username in ((first, "alice"), (second, "alice"), (bob, "bob")):
        if username == "alice":
            await signed_in_at_the_wiki(stage, browser, username)
            stage.now += 60
    one, other = await standing(first), await standing(second)
    assert one["person"] == other["person"]
    assert one["person"] != (await standing(first, SIGN_IN_ORIGIN))["person"]
    (session, *_) = await stage.store.sessions.sessions()
    assert session.principal.guid not in json.dumps(one)


def test_who_a_person_is_outlives_the_master_key_and_depends_on_realm_guid_and_host() -> None:
    first = MasterKey(bits=b"1" * 32)
    before = Keys(KeyRing(keys=(first,), names=names_of(first.bits)), clock=lambda: 10.0)
    both = KeyRing(keys=(first, MasterKey(bits=b"2" * 32, use_after=5.0)), names=names_of(first.bits))
    after = Keys(both, clock=lambda: 10.0)
    alice = principal()
    called = person_on_host(before, alice, "wiki.corp.example")
    assert called == person_on_host(after, alice, "wiki.corp.example")
    assert len(called) == 22
    others = {
        person_on_host(before, alice, "other.corp.example"),
        person_on_host(before, principal(guid="other"), "wiki.corp.example"),
        person_on_host(Keys(b"3" * 32), alice, "wiki.corp.example"),
    }
    assert len(others | {called}) == 4


async def test_the_script_is_below_six_kilobytes_as_browsers_get_it_and_can_be_read(stage: Stage) -> None:
    answer: ClientResponse
    fields = {
        "X-Gatepost-Client-Address": "192.0.2.7",
        "X-Gatepost-Client-Scheme": "https",
        "X-Gatepost-Client-Host": "wiki.corp.example",
        "X-Gatepost-Incident": "incident",
    }
    asking = stage.client.request("GET", SESSION + ".js", headers=fields | {"Accept-Encoding": "gzip"})
    async with asking as answer:
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "max-age=300" in answer.headers["Cache-Control"]
        body, etag = await answer.read(), answer.headers["ETag"]
        length = int(answer.headers["Content-Length"])
    assert length == len(gzip.compress(body, mtime=0)) < 6000
    assert b"// Gatepost" in body
    assert b'"stay": "Stay signed in"' in body
    for forbidden in (b"innerHTML", b"eval(", b"new Function", b".style.", b'"style"'):
        assert forbidden not in body.partition(b'"style": "')[2]
    async with stage.client.get(SESSION + ".js", headers=fields | {"If-None-Match": etag}) as again:
        assert (again.status, again.headers["ETag"]) == (304, etag)
