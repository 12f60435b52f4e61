"""Forms that met an ended session, at the portal: whose are taken in, how large, and who gets to see them."""

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from proxy.portal.app_keys import KEPT_REQUESTS
from tests.portal.stage import SIGN_IN_ORIGIN, WIKI, Browser, Page, Stage, running_portal
from tests.portal.test_tickets_and_sign_out import ticket_for

KEEP = f"{WIKI}/.gatepost/keep"
IDLE = 1801


async def signed_out(stage: Stage) -> Browser:
    """A browser whose cookie on the app's host is of a session that has ended."""
    browser = stage.browser()
    await browser.get(await ticket_for(stage, browser))
    stage.now += IDLE
    return browser


async def keep(browser: Browser, body: Any = b"text=an+hour", **headers: str) -> Page:
    """As the forwarding plane does."""
    sent = {
        "X-Gatepost-Kept-Target": "/save/it?x=1",
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": WIKI,
        **headers,
    }
    return await browser.request("POST", KEEP, headers=sent, body=body)


def token_in(page: Page) -> str:
    kept = parse_qs(urlsplit(page.location).query)["return_to"][0]
    assert kept.startswith(f"{WIKI}/.gatepost/kept?request=")
    return kept[-43:]


def way_back(answer: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.location).query).items()}


async def sign_in_again(stage: Stage, browser: Browser, page: Page) -> Page:
    """Up to what is shown on the app's host."""
    answer = await stage.sign_in(browser, **way_back(page))
    kept = await browser.get(answer.location)
    return await browser.get(kept.location)


async def press(browser: Browser, page: Page) -> Page:
    """The button that sends it on."""
    names = ("gatepost-kept", "proof")
    return await browser.post(f"{WIKI}/.gatepost/kept", {name: page.hidden[name] for name in names})


async def test_a_form_is_kept_and_shown_to_who_sent_it(stage: Stage) -> None:
    browser = await signed_out(stage)
    answer = await keep(browser)
    assert answer.status == 303
    assert answer.location.startswith(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in?")
    page = await sign_in_again(stage, browser, answer)
    assert page.status == 200
    assert "Wiki" in page.text
    sent = await press(browser, page)
    assert (sent.status, sent.location) == (307, f"{WIKI}/save/it?x=1")
    assert "12 bytes" in page.text
    assert "an+hour" not in page.text  # who looks over a shoulder sees where it goes, not what it says
    assert stage.log_text.count("request.kept") == 1
    assert "an+hour" not in stage.log_text
    assert "/save/it" not in stage.log_text


async def test_the_store_holds_it_sealed(stage: Stage, tmp_path: Path) -> None:
    browser = await signed_out(stage)
    answer = await keep(browser, b"text=private+words", Cookie="gatepost=x; app=very-private; " + cookies(browser))
    assert answer.status == 303
    stored = stored_bytes(tmp_path)
    for secret in (b"private+words", b"very-private", b"/save/it", token_in(answer).encode()):
        assert secret not in stored
    kept = await stage.portal[KEPT_REQUESTS].read(token_in(answer), "wiki.corp.example", now=stage.now)
    assert kept is not None
    assert kept.cookie == b"app=very-private"
    assert not any(line.lower().startswith((b"x-gatepost", b"cookie", b"host")) for line in kept.lines)


async def test_a_form_is_kept_with_the_fields_that_it_came_with(stage: Stage) -> None:
    """More than it came with might be more than a head may have, and then it could not be sent on."""
    browser = await signed_out(stage)
    added = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "h", "Forwarded": "for=a"}
    answer = await keep(browser, **added, **{"X-Own": "kept"})
    kept = await stage.portal[KEPT_REQUESTS].read(token_in(answer), "wiki.corp.example", now=stage.now)
    assert kept is not None
    assert b"X-Own: kept" in kept.lines
    assert not any(b"forwarded" in line.lower() for line in kept.lines)


def stored_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("state.db*") if path.is_file())


def cookies(browser: Browser) -> str:
    return "; ".join(f"{name}={value}" for name, value in browser.cookies["wiki.corp.example"].items())


@pytest.mark.parametrize("cookie", [None, "A" * 43, "not a token"])
async def test_nothing_is_kept_of_a_stranger(stage: Stage, cookie: str | None) -> None:
    browser = stage.browser()
    if cookie is not None:
        browser.cookies["wiki.corp.example"] = {"__Host-gatepost": cookie}
    answer = await keep(browser, b"x" * 900_000)
    assert "request.kept" not in stage.log_text
    assert answer.status == 401
    assert "did not reach the app and is not kept here" in answer.text


async def test_a_form_may_be_so_large_and_no_larger(tmp_path: Path) -> None:
    async with running_portal(tmp_path, sessions={"kept_request_bytes": 2000}) as stage:
        browser = await signed_out(stage)
        assert (await keep(browser, b"x" * 2000)).status == 303
        for body in (b"x" * 2001, in_pieces(2001)):
            answer = await keep(browser, body)
            assert answer.status == 401
            assert "You were signed out" in answer.text, "the app might have taken it"
            assert "did not reach the app and is not kept here" in answer.text
            href = re.search(r'<a class="button" href="([^"]+)" target="_blank"', answer.text)
            assert href is not None
            landed = await stage.sign_in(browser, **query_of(html.unescape(href[1])))
            assert (await browser.get(landed.location)).location == f"{WIKI}/"
            stage.now += IDLE


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


async def in_pieces(size: int) -> AsyncIterator[bytes]:
    """Of no stated length."""
    for _ in range(size):
        yield b"x"


async def test_no_form_is_kept_where_the_operator_wants_none(tmp_path: Path) -> None:
    async with running_portal(tmp_path, sessions={"kept_request_bytes": 0}) as stage:
        assert (await keep(await signed_out(stage))).status == 401


async def test_one_person_can_keep_only_so_many(stage: Stage) -> None:
    browser = await signed_out(stage)
    answers = [(await keep(browser)).status for _ in range(22)]
    assert answers == [303] * 20 + [429] * 2
    assert "You were signed out, and too many of your forms are already kept." in (await keep(browser)).text
    stage.now += 600
    assert (await keep(browser)).status == 303


async def test_while_the_store_is_away_nothing_is_said_to_be_lost_or_kept(stage: Stage) -> None:
    browser = await signed_out(stage)
    stage.store.away = True
    answer = await keep(browser)
    stage.store.away = False
    assert answer.status == 503
    assert "What you sent did not reach the app" in answer.text


async def test_somebody_else_neither_sees_nor_leaves_it(stage: Stage) -> None:
    browser = await signed_out(stage)
    answer = await keep(browser, b"text=private")
    token = token_in(answer)
    back = way_back(answer)
    admin = browser.copy()
    landed = await stage.password(admin, "admin", **back)
    page = await admin.get((await admin.get(landed.location)).location)
    assert page.status == 403
    assert "This is not your form" in page.text
    assert token not in page.text
    again = await stage.sign_in(browser, **back)
    page = await browser.get((await browser.get(again.location)).location)
    assert page.status == 410  # deleted


async def test_a_kept_form_is_over_after_ten_minutes(stage: Stage) -> None:
    browser = await signed_out(stage)
    answer = await keep(browser)
    stage.now += 599
    page = await sign_in_again(stage, browser, answer)
    assert page.status == 200
    stage.now += 1
    page = await browser.get(f"{WIKI}/.gatepost/kept?request={token_in(answer)}")
    assert page.status == 410


async def test_it_is_discarded_by_its_button_and_no_other_way(stage: Stage) -> None:
    browser = await signed_out(stage)
    answer = await keep(browser)
    page = await sign_in_again(stage, browser, answer)
    url = f"{WIKI}/.gatepost/kept"
    for fields in ({**page.hidden, "csrf_token": "x" * 43}, {"request": token_in(answer)}):
        assert (await browser.post(url, fields)).status == 403
    assert (await browser.post(url, page.hidden, Origin=SIGN_IN_ORIGIN)).status == 403
    assert (await browser.get(f"{url}?request={token_in(answer)}")).status == 200
    assert (await browser.post(url, page.hidden)).status == 200
    assert (await browser.get(f"{url}?request={token_in(answer)}")).status == 410


async def test_its_button_leads_nobody_else_anywhere(stage: Stage) -> None:
    browser = await signed_out(stage)
    answer = await keep(browser)
    page = await sign_in_again(stage, browser, answer)
    other = browser.copy()
    for jar in other.cookies.values():
        jar.pop("__Host-gatepost")
    assert token_in(await press(other, page)) == token_in(answer)  # to sign in first
    landed = await stage.password(other, "admin", **way_back(answer))
    await other.get(landed.location)
    assert (await press(other, page)).status == 410
    stage.now += 600
    assert (await press(browser, page)).status == 410


async def test_without_a_session_the_page_leads_to_the_sign_in_page_and_back(stage: Stage) -> None:
    browser = await signed_out(stage)
    answer = await keep(browser)
    shown = await browser.get(f"{WIKI}/.gatepost/kept?request={token_in(answer)}")
    assert token_in(shown) == token_in(answer)


async def test_the_button_of_a_kept_form_is_not_kept_as_a_form(stage: Stage) -> None:
    """The session may end once more between the page and its button."""
    browser = await signed_out(stage)
    answer = await keep(browser)
    page = await sign_in_again(stage, browser, answer)
    await stage.store.sessions.end_sessions_of((await stage.store.sessions.sessions())[0].principal.guid)
    button = f"gatepost-kept={page.hidden['gatepost-kept']}&proof={page.hidden['proof']}".encode()
    again = await keep(browser, button)
    assert token_in(again) == token_in(answer)
    stage.now += 600
    over = await keep(browser, button, Accept="text/html")
    assert over.status == 410, "nobody signs in for what is there no more"


async def test_only_the_forwarding_plane_hands_forms_over(stage: Stage) -> None:
    browser = await signed_out(stage)
    fields = {"Content-Type": "text/plain", "Origin": WIKI}
    assert (await browser.request("POST", KEEP, headers=fields, body=b"x")).status == 404
    assert (await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/keep", b"x")).status == 404
    assert (await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/kept?request={'A' * 43}")).status == 404
    for token in ("", "x", "%00", "A" * 43):
        assert (await browser.get(f"{WIKI}/.gatepost/kept?request={token}")).status == 303


async def test_the_answer_to_a_kept_form_may_lead_anywhere(stage: Stage) -> None:
    """Browsers hold a page's form-action against every hop after its form."""
    browser = await signed_out(stage)
    page = await sign_in_again(stage, browser, await keep(browser))
    assert re.search(r"form-action 'self' http: https:;", page.headers["Content-Security-Policy"])


WEAK = [
    {"name": "quick", "factors": ["password"], "networks": ["192.0.2.0/24"]},
    {"name": "strong", "factors": ["password", "sms"]},
]


async def with_password_alone(stage: Stage) -> Browser:
    """A browser on whose app's host somebody is signed in by less than its app asks for."""
    browser = stage.browser()
    begun = way_back(await browser.get(f"{WIKI}/.gatepost/ticket?ticket=none"))
    landed = await stage.password(browser, return_to=begun["return_to"], start=begun["start"])
    await browser.get(landed.location)
    return browser


async def test_a_form_that_met_too_weak_a_session_is_kept_until_the_rest_is_proven(tmp_path: Path) -> None:
    async with running_portal(tmp_path, schemes=WEAK) as stage:
        browser = await with_password_alone(stage)
        answer = await keep(browser, **{"X-Gatepost-Kept-Scheme": "strong"})
        assert answer.status == 303
        assert answer.location.startswith(f"{SIGN_IN_ORIGIN}/.gatepost/step-up?scheme=strong&")
        page = await browser.get(answer.location)
        assert "After this check you can choose to send it" in page.text
        asked = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", page.hidden)
        proven = await stage.answer(browser, await browser.get(SIGN_IN_ORIGIN + asked.location), stage.passcode)
        back = await browser.get(proven.location)
        assert back.location == f"{WIKI}/.gatepost/kept?request={token_in(answer)}"
        shown = await browser.get(back.location)
        assert shown.status == 200
        assert (await press(browser, shown)).location == f"{WIKI}/save/it?x=1"


async def test_a_button_that_meets_too_weak_a_session_is_not_kept_as_a_form(tmp_path: Path) -> None:
    """Whoever signed in to send a form may be asked for more than they proved."""
    async with running_portal(tmp_path, schemes=WEAK) as stage:
        browser = await with_password_alone(stage)
        answer = await keep(browser, **{"X-Gatepost-Kept-Scheme": "strong"})
        page = await browser.get(f"{WIKI}/.gatepost/kept?request={token_in(answer)}")
        button = f"gatepost-kept={page.hidden['gatepost-kept']}&proof={page.hidden['proof']}".encode()
        again = await keep(browser, button, **{"X-Gatepost-Kept-Scheme": "strong"})
        assert again.location.startswith(f"{SIGN_IN_ORIGIN}/.gatepost/step-up?")
        assert token_in(again) == token_in(answer)


async def test_a_session_that_ended_on_the_way_is_asked_to_sign_in(tmp_path: Path) -> None:
    async with running_portal(tmp_path, schemes=WEAK) as stage:
        browser = await with_password_alone(stage)
        stage.now += IDLE
        answer = await keep(browser, **{"X-Gatepost-Kept-Scheme": "strong"})
        assert answer.location.startswith(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in?")
        assert token_in(answer)


async def test_nothing_is_kept_of_a_stranger_who_names_a_scheme(tmp_path: Path) -> None:
    async with running_portal(tmp_path, schemes=WEAK) as stage:
        browser = stage.browser()
        browser.cookies["wiki.corp.example"] = {"__Host-gatepost": "A" * 43}
        assert (await keep(browser, **{"X-Gatepost-Kept-Scheme": "strong"})).status == 401
        assert "request.kept" not in stage.log_text


async def test_who_cannot_have_a_form_kept_is_told_what_is_asked_for(tmp_path: Path) -> None:
    async with running_portal(tmp_path, schemes=WEAK, sessions={"kept_request_bytes": 0}) as stage:
        browser = await with_password_alone(stage)
        answer = await keep(browser, Accept="text/html", **{"X-Gatepost-Kept-Scheme": "strong"})
        assert answer.status == 403
        assert "did not reach the app and is not kept here" in answer.text
        assert "/.gatepost/step-up?scheme=strong" in answer.text
        assert 'target="_blank"' in answer.text
