"""A passkey beside a password: added after an SMS, used in its place, and refused where it is not right."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.factors import Factor
from directory.principal import Principal
from proxy.factors.passkey.passkeys import Passkeys
from proxy.factors.second_factor import Chosen
from proxy.sessions.session import Level
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.portal.stage import SIGN_IN_ORIGIN, WIKI, Browser, Page, Stage, running_portal
from tests.support.authenticator import Authenticator

FACTORS = f"{SIGN_IN_ORIGIN}/.gatepost/me/factors"
SIGN_OUT = f"{SIGN_IN_ORIGIN}/.gatepost/sign-out"
PASSCODE = f"{SIGN_IN_ORIGIN}/.gatepost/passcode"
STEP_UP = f"{SIGN_IN_ORIGIN}/.gatepost/step-up"
CHOICE = [{"name": "browser", "factors": ["password", ["passkey", "sms"]]}]


def device(**facts: object) -> Authenticator:
    return Authenticator(**{"origin": SIGN_IN_ORIGIN, **facts})  # type: ignore[arg-type]


def options_on(page: Page) -> str:
    found = re.search(r'data-options="([^"]+)"', page.text)
    assert found is not None, page.text
    return html.unescape(found[1])


async def send_new(browser: Browser, page: Page, answer: str, *, name: str = "My laptop") -> Page:
    return await browser.post(FACTORS, {**page.hidden, "passkey": answer, "name": name})


async def add_passkey(browser: Browser, authenticator: Authenticator, *, name: str = "My laptop") -> None:
    page = await browser.get(f"{FACTORS}?add=passkey")
    assert page.status == 200, page.text
    answer = await send_new(browser, page, authenticator.make(options_on(page)), name=name)
    assert (answer.status, answer.location) == (303, "/.gatepost/me/factors?told=added"), answer.text


async def level_of(stage: Stage, browser: Browser) -> Level | None:
    token = browser.session_cookie()
    found = None if token is None else await stage.sessions.find(token.encode(), "signin.corp.example", stage.now)
    return None if found is None else found.level


async def with_passkey(stage: Stage, **facts: object) -> Authenticator:
    """Alice has added one."""
    browser, authenticator = stage.browser(), device(**facts)
    await stage.sign_in(browser)
    await add_passkey(browser, authenticator)
    return authenticator


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with running_portal(tmp_path, schemes=CHOICE) as running:
        yield running


async def test_a_passkey_grows_out_of_a_sign_in_by_sms_and_takes_its_place(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    assert "Text messages can be intercepted. A passkey is safer" in page.text
    await stage.answer(browser, page, stage.passcode)
    authenticator = device()
    await add_passkey(browser, authenticator)
    listed = (await browser.get(FACTORS)).text
    assert "My laptop" in listed
    assert "Passkey, on one device only" in listed
    sent = len(stage.phone.messages)
    other = stage.browser()
    page = await stage.to_passcode(other)
    assert (await stage.answer(other, page, authenticator.prove(options_on(page)))).status == 303
    assert await level_of(stage, other) is Level.SIGNED_IN
    assert len(stage.phone.messages) == sent
    (session,) = [each for each in await stage.store.sessions.sessions() if Factor.PASSKEY in each.proven_factors]
    assert session.proven_factors == {Factor.PASSWORD, Factor.PASSKEY}


async def test_the_list_says_that_it_is_synced(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    await add_passkey(browser, device(is_synced=True))
    assert "Passkey, synced between your devices" in (await browser.get(FACTORS)).text


async def test_another_way_is_a_button_away(stage: Stage) -> None:
    await with_passkey(stage)
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    assert 'name="new" value="sms"' in page.text
    assert "Passkeys need JavaScript" in page.text
    asked = await browser.post(PASSCODE, {**page.hidden, "new": "sms"})
    by_sms = await browser.get(SIGN_IN_ORIGIN + asked.location)
    assert "Text messages can be intercepted. Your passkey is safer." in by_sms.text
    assert "Use your passkey" in by_sms.text
    assert (await stage.answer(browser, by_sms, stage.passcode)).status == 303
    assert await level_of(stage, browser) is Level.SIGNED_IN


async def test_another_way_is_a_button_away_in_a_step_up(tmp_path: Path) -> None:
    wiki = {"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1", "scheme": "strong"}
    schemes = [
        {"name": "plain", "factors": ["password"], "networks": ["192.0.2.0/24"]},
        {"name": "strong", "factors": CHOICE[0]["factors"]},
    ]
    async with running_portal(tmp_path, schemes=schemes, apps=[wiki]) as stage:
        first = stage.browser(address="198.51.100.7")
        await stage.sign_in(first)
        await add_passkey(first, device())
        browser = stage.browser()
        assert (await stage.password(browser)).location == "/"
        asked = await browser.get(f"{STEP_UP}?scheme=strong&return_to={WIKI}/page")
        pressed = await browser.post(STEP_UP, asked.hidden)
        page = await browser.get(SIGN_IN_ORIGIN + pressed.location)
        assert options_on(page)
        assert re.findall(r'name="new" value="(\w+)"', page.text) == ["sms"]
        other = await browser.post(PASSCODE, {**page.hidden, "new": "sms"})
        by_sms = await browser.get(SIGN_IN_ORIGIN + other.location)
        assert re.findall(r'name="new" value="(\w+)"', by_sms.text)[-1] == "passkey", "and back"
        landed = await stage.answer(browser, by_sms, stage.passcode)
        assert landed.location == f"{WIKI}/page"
        assert await level_of(stage, browser) is Level.SIGNED_IN
        proven = [each.proven_factors for each in await stage.store.sessions.sessions()]
        assert proven.count(frozenset({Factor.PASSWORD, Factor.SMS})) == 2


async def test_beside_a_password_it_need_not_verify_its_person(stage: Stage) -> None:
    authenticator = await with_passkey(stage, verifies=False)
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    assert (await stage.answer(browser, page, authenticator.prove(options_on(page)))).status == 303


@pytest.mark.parametrize(
    "wrong",
    [{"origin": "https://signin.evil.example"}, {"rp_id": "evil.example"}, {"is_touched": False}, {"is_framed": True}],
    ids=str,
)
async def test_from_elsewhere_it_is_wrong_and_counts(stage: Stage, wrong: dict[str, object]) -> None:
    authenticator = await with_passkey(stage)
    for name, value in wrong.items():
        setattr(authenticator, name, value)
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    refused = await stage.answer(browser, page, authenticator.prove(options_on(page)))
    assert refused.status == 422
    assert "That passkey was not accepted. You have 4 tries left." in refused.text
    assert await level_of(stage, browser) is Level.FIRST_FACTOR
    assert any(line.get("reason") == "passkey_not_right" for line in stage.log)


async def test_an_assertion_fits_one_challenge_and_opens_once(stage: Stage) -> None:
    authenticator = await with_passkey(stage)
    browser, other = stage.browser(), stage.browser()
    page, foreign = await stage.to_passcode(browser), await stage.to_passcode(other)
    answer = authenticator.prove(options_on(page))
    assert (await stage.answer(other, foreign, answer)).status == 422
    assert (await stage.answer(browser, page, answer)).status == 303
    again = stage.browser()
    replayed = await stage.to_passcode(again)
    assert (await stage.answer(again, replayed, answer)).status == 422
    old = {**replayed.hidden, "challenge": page.hidden["challenge"], "passcode": answer}
    assert (await again.post(PASSCODE, old)).status == 410
    assert await level_of(stage, again) is Level.FIRST_FACTOR


@pytest.mark.parametrize("counts", [True, False])
async def test_sent_many_times_at_once_it_opens_one_session(stage: Stage, counts: bool) -> None:
    authenticator = await with_passkey(stage, counts=counts)
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    answer, twins = authenticator.prove(options_on(page)), [browser.copy() for _ in range(5)]
    await asyncio.gather(*(stage.answer(each, page, answer) for each in twins))
    signed_in = [each for each in await stage.store.sessions.sessions() if Factor.PASSKEY in each.proven_factors]
    assert len(signed_in) == 1


async def test_a_counter_that_went_back_is_refused_and_logged(stage: Stage) -> None:
    authenticator = await with_passkey(stage, counts=True, counter=5)
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    assert (await stage.answer(browser, page, authenticator.prove(options_on(page)))).status == 303
    for before in (authenticator.counter - 1, authenticator.counter - 3, -1):
        authenticator.counter = before
        copy = stage.browser()
        page = await stage.to_passcode(copy)
        assert (await stage.answer(copy, page, authenticator.prove(options_on(page)))).status == 422
    assert [line.get("event") for line in stage.log].count("passkey.counter_went_back") == 3


async def test_a_counter_counts_once_at_two_workers(stage: Stage, tmp_path: Path) -> None:
    authenticator = await with_passkey(stage, counts=True)
    worker = SQLiteStore(tmp_path / "state.db", clock=lambda: stage.now)
    workers = [Passkeys(stage.settings, store.enrolments, stage.keys) for store in (worker, stage.store)]
    (guid,) = await worker.enrolments.guids_with_enrolments()
    alice = Principal(guid=guid, realm="local", username="alice", display_name="Alice")
    held = await workers[0].held_by(alice, Factor.PASSKEY)
    assert isinstance(held, Chosen)
    challenge = workers[0].begin(held, alice, session_id="s", now=stage.now)
    answer = authenticator.prove(await workers[0].options(alice, challenge))
    answers = await asyncio.gather(*(each.answer(alice, challenge, answer, now=stage.now) for each in workers * 4))
    assert answers.count(challenge.digest) == 1
    await worker.close()


async def test_a_removed_one_opens_nothing(stage: Stage) -> None:
    authenticator = await with_passkey(stage)
    browser, other = stage.browser(), stage.browser()
    page = await stage.to_passcode(browser)
    held = await stage.to_passcode(other)
    assert (await stage.answer(other, held, authenticator.prove(options_on(held)))).status == 303
    (name,) = re.findall(r"change=([0-9a-f]{32})", (await other.get(FACTORS)).text)
    change = await other.get(f"{FACTORS}?change={name}")
    assert (await other.post(FACTORS, {**change.hidden, "remove": name})).location.endswith("removed")
    assert (await stage.answer(browser, page, authenticator.prove(options_on(page)))).status == 422
    later = await stage.to_passcode(stage.browser())
    assert "Enter your code" in later.text


async def test_another_persons_opens_nothing(stage: Stage, tmp_path: Path) -> None:
    users = tmp_path / "users.toml"
    users.write_text(users.read_text().replace('display_name = "Bob"', 'display_name = "Bob"\nmobile = "07400 123499"'))
    alices, bobs = await with_passkey(stage), device()
    bob = stage.browser()
    await stage.sign_in(bob, username="bob")
    await add_passkey(bob, bobs)
    thief = stage.browser()
    page = await stage.to_passcode(thief, username="bob")
    assert (await stage.answer(thief, page, alices.prove(options_on(page)))).status == 422
    # Nor under the name of the right one, nor as if it were made for somebody else.
    alices.credential_id = bobs.credential_id
    assert (await stage.answer(thief, page, alices.prove(options_on(page)))).status == 422
    handle, bobs.user_handle = bobs.user_handle, alices.user_handle
    assert (await stage.answer(thief, page, bobs.prove(options_on(page)))).status == 422
    assert await level_of(stage, thief) is Level.FIRST_FACTOR
    bobs.user_handle = handle
    assert (await stage.answer(thief, page, bobs.prove(options_on(page)))).status == 303


@pytest.mark.parametrize("sent", ["", "123456", "{}", "[" * 4000, '{"id": "x"}'])
async def test_what_is_no_assertion_costs_no_try(stage: Stage, sent: str) -> None:
    authenticator = await with_passkey(stage)
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    for _ in range(6):
        assert (await stage.answer(browser, page, sent)).status == 422
    assert (await stage.answer(browser, page, authenticator.prove(options_on(page)))).status == 303


@pytest.mark.parametrize(
    "wrong", [{"origin": "https://evil.example"}, {"rp_id": "evil.example"}, {"is_framed": True}], ids=str
)
async def test_from_elsewhere_none_is_added(stage: Stage, wrong: dict[str, object]) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    page = await browser.get(f"{FACTORS}?add=passkey")
    refused = await send_new(browser, page, device(**wrong).make(options_on(page)))
    assert refused.status == 422
    assert "No passkey was added" in refused.text
    assert list(await stage.store.enrolments.guids_with_enrolments()) == []


async def test_what_was_made_for_another_session_or_too_late_is_not_added(stage: Stage) -> None:
    mine, other = stage.browser(), stage.browser()
    await stage.sign_in(mine)
    await stage.sign_in(other)
    page, foreign = await mine.get(f"{FACTORS}?add=passkey"), await other.get(f"{FACTORS}?add=passkey")
    answer = device().make(options_on(foreign))
    assert (await send_new(mine, page, answer)).status == 422
    assert (
        await mine.post(FACTORS, {**page.hidden, "stamp": foreign.hidden["stamp"], "passkey": answer})
    ).status == 422
    stage.now += 301
    assert (await send_new(other, foreign, answer)).status == 422
    assert list(await stage.store.enrolments.guids_with_enrolments()) == []


async def test_one_passkey_is_added_once_and_by_one_person(stage: Stage, tmp_path: Path) -> None:
    users = tmp_path / "users.toml"
    users.write_text(users.read_text().replace('display_name = "Bob"', 'display_name = "Bob"\nmobile = "07400 123499"'))
    alice, bob, shared = stage.browser(), stage.browser(), device()
    await stage.sign_in(alice)
    await stage.sign_in(bob, username="bob")
    await add_passkey(alice, shared)
    page = await alice.get(f"{FACTORS}?add=passkey")
    assert len(re.findall("excludeCredentials&#34;: \\[{", page.text)) == 1
    for browser in (alice, bob):
        page = await browser.get(f"{FACTORS}?add=passkey")
        again = await send_new(browser, page, shared.make(options_on(page)))
        assert again.status == 409
        assert "There is a passkey on this device already." in again.text
    assert len(list(await stage.store.enrolments.guids_with_enrolments())) == 1


async def test_what_it_is_known_by_is_in_no_log_and_not_readable_in_the_store(stage: Stage, tmp_path: Path) -> None:
    authenticator = await with_passkey(stage)
    point = authenticator.key.public_key().public_numbers().x.to_bytes(32)
    stored = b"".join((tmp_path / f"state.db{ending}").read_bytes() for ending in ("", "-wal"))
    assert authenticator.credential_id not in stored
    assert point not in stored
    assert authenticator.credential_id.hex() not in stage.log_text


async def test_its_page_has_the_tick_by_which_a_browser_is_remembered(tmp_path: Path) -> None:
    async with running_portal(tmp_path, schemes=[{**CHOICE[0], "remember": "14d"}]) as stage:
        authenticator, browser = await with_passkey(stage), stage.browser()
        page = await stage.to_passcode(browser)
        assert 'name="remember"' in page.text
        answer = authenticator.prove(options_on(page))
        assert (await stage.answer(browser, page, answer, remember="yes")).status == 303
        await browser.post(SIGN_OUT, (await browser.get(SIGN_OUT)).hidden)
        assert (await stage.password(browser)).location == "/"
        assert await level_of(stage, browser) is Level.SIGNED_IN


async def test_a_remembered_browser_falls_with_one_of_several_and_stays_with_one_more(tmp_path: Path) -> None:
    async with running_portal(tmp_path, schemes=[{**CHOICE[0], "remember": "14d"}]) as stage:
        authenticator, browser, other = await with_passkey(stage), stage.browser(), stage.browser()
        page = await stage.to_passcode(browser)
        await stage.answer(browser, page, authenticator.prove(options_on(page)), remember="yes")
        await add_passkey(browser, device(), name="Spare")
        await stage.answer(other, page := await stage.to_passcode(other), authenticator.prove(options_on(page)))
        await browser.post(SIGN_OUT, (await browser.get(SIGN_OUT)).hidden)
        assert (await stage.password(browser)).location == "/"
        first, _ = re.findall(r"change=([0-9a-f]{32})", (await other.get(FACTORS)).text)
        change = await other.get(f"{FACTORS}?change={first}")
        assert (await other.post(FACTORS, {**change.hidden, "remove": first})).location.endswith("removed")
        await browser.post(SIGN_OUT, (await browser.get(SIGN_OUT)).hidden)
        assert (await stage.password(browser)).location.startswith("/.gatepost/passcode")
