"""Adding, using, renaming and removing one's own second factors, at the portal."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.factors import Factor
from proxy.portal.app_keys import FLOW
from proxy.sessions.session import Level
from tests.portal.stage import NOW, SIGN_IN_ORIGIN, Browser, Page, Stage, portal_settings, running_portal

FACTORS = f"{SIGN_IN_ORIGIN}/.gatepost/me/factors"
PASSCODE = f"{SIGN_IN_ORIGIN}/.gatepost/passcode"
CHOICE = [{"name": "browser", "factors": ["password", ["totp", "sms", "recovery_code"]]}]
ALICE = "+447400123456"


def totp(secret: str, now: float) -> str:
    """As an independent program computes it."""
    command = ["oathtool", "--totp", "--base32", f"--now=@{int(now)}", secret.replace(" ", "")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def secret_on(page: Page) -> str:
    found = re.search(r"<code>([A-Z2-7 ]{39})</code>", page.text)
    assert found is not None
    return found[1]


def codes_on(page: Page) -> list[str]:
    return re.findall(r"<code>([0-9A-Z-]{14})</code>", page.text)


async def add_app(stage: Stage, browser: Browser, *, name: str = "My phone") -> str:
    """Set up an authenticator app; its key."""
    page = await browser.get(f"{FACTORS}?add=totp")
    assert page.status == 200, page.text
    secret = secret_on(page)
    answer = await browser.post(
        FACTORS, {**page.hidden, "passcode": totp(secret, stage.now), "name": name, "add": "totp"}
    )
    assert (answer.status, answer.location) == (303, "/.gatepost/me/factors?told=added"), answer.text
    return secret


async def make_codes(browser: Browser) -> list[str]:
    page = await browser.get(f"{FACTORS}?add=recovery_code")
    shown = await browser.post(FACTORS, {**page.hidden, "add": "recovery_code"})
    assert shown.status == 200, shown.text
    return codes_on(shown)


async def another(browser: Browser, page: Page, factor: str) -> Page:
    """The button for another way."""
    answer = await browser.post(PASSCODE, {**page.hidden, "new": factor})
    assert answer.status == 303, answer.text
    return await browser.get(SIGN_IN_ORIGIN + answer.location)


async def level_of(stage: Stage, browser: Browser) -> Level | None:
    token = browser.session_cookie()
    found = None if token is None else await stage.sessions.find(token.encode(), "signin.corp.example", stage.now)
    return None if found is None else found.level


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with running_portal(tmp_path, schemes=CHOICE) as running:
        yield running


async def test_an_app_grows_out_of_a_sign_in_by_sms_and_takes_its_place(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    assert "Text messages can be intercepted. An authenticator app is safer" in page.text
    await stage.answer(browser, page, stage.passcode)
    secret = await add_app(stage, browser)
    listed = await browser.get(FACTORS)
    assert "My phone" in listed.text
    assert "Authenticator app" in listed.text
    stage.now += 60
    sent = len(stage.phone.messages)
    other = stage.browser()
    page = await stage.to_passcode(other)
    assert "The code from your authenticator app" in page.text
    assert (await stage.answer(other, page, totp(secret, stage.now))).status == 303
    assert await level_of(stage, other) is Level.SIGNED_IN
    assert len(stage.phone.messages) == sent
    (session,) = [each for each in await stage.store.sessions.sessions() if Factor.TOTP in each.proven_factors]
    assert session.proven_factors == {Factor.PASSWORD, Factor.TOTP}


async def test_the_others_are_a_button_away_and_sms_says_that_it_is_the_weaker_way(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    await add_app(stage, browser)
    codes = await make_codes(browser)
    other = stage.browser()
    page = await stage.to_passcode(other)
    assert "Use a recovery code" in page.text
    by_sms = await another(other, page, "sms")
    assert "Text messages can be intercepted. Your authenticator app is safer." in by_sms.text
    assert "Use your authenticator app" in by_sms.text
    by_code = await another(other, by_sms, "recovery_code")
    assert "One of your recovery codes" in by_code.text
    assert (await stage.answer(other, by_code, codes[3].lower().replace("-", " "))).status == 303
    assert await level_of(stage, other) is Level.SIGNED_IN


async def test_who_has_none_and_no_number_is_told_of_the_number(stage: Stage) -> None:
    refused = await stage.password(stage.browser(), username="bob")
    assert refused.status == 403
    assert "mobile" in refused.text


async def test_a_step_counts_once_even_at_the_same_time(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    secret = await add_app(stage, browser)
    stage.now += 60
    code = totp(secret, stage.now)
    browsers = [stage.browser() for _ in range(6)]
    pages = [await stage.to_passcode(each) for each in browsers]
    await asyncio.gather(*(stage.answer(each, page, code) for each, page in zip(browsers, pages, strict=True)))
    levels = [await level_of(stage, each) for each in browsers]
    assert levels.count(Level.SIGNED_IN) == 1
    assert levels.count(Level.FIRST_FACTOR) == 5


async def test_a_key_that_is_sent_many_times_is_added_once_so_that_its_codes_open_once(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    page = await browser.get(f"{FACTORS}?add=totp")
    secret = secret_on(page)
    form = {**page.hidden, "passcode": totp(secret, stage.now), "name": "My phone", "add": "totp"}
    answers = await asyncio.gather(*(browser.post(FACTORS, form) for _ in range(4)))
    assert {answer.location for answer in answers} == {"/.gatepost/me/factors?told=added"}
    stage.now += 60
    code, opened = totp(secret, stage.now), []
    for _ in range(2):
        other = stage.browser()
        await stage.answer(other, await stage.to_passcode(other), code)
        opened.append(await level_of(stage, other))
    assert opened == [Level.SIGNED_IN, Level.FIRST_FACTOR]


@pytest.mark.parametrize(("offset", "is_taken"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
async def test_the_clock_of_a_phone_may_be_one_step_off(stage: Stage, offset: int, is_taken: bool) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    secret = await add_app(stage, browser)
    stage.now += 3600
    other = stage.browser()
    page = await stage.to_passcode(other)
    answer = await stage.answer(other, page, totp(secret, stage.now + offset))
    assert (answer.status == 303) is is_taken


async def test_a_code_that_opened_opens_nothing_again_and_counts_as_wrong(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    secret = await add_app(stage, browser)
    used = totp(secret, stage.now)  # which proved that the app was set up
    other = stage.browser()
    page = await stage.to_passcode(other)
    refused = await stage.answer(other, page, used)
    assert refused.status == 422
    assert "was used before" in refused.text
    assert "You have 4 tries left." in refused.text
    stage.now += 30
    assert (await stage.answer(other, page, totp(secret, stage.now))).status == 303


async def test_a_recovery_code_opens_once_also_raced(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    codes = await make_codes(browser)
    assert len(set(codes)) == 10
    browsers = [stage.browser() for _ in range(5)]
    pages = [await stage.to_passcode(each) for each in browsers]
    pages = [
        await another(each, page, "recovery_code") if "mobile" in page.text else page
        for each, page in zip(browsers, pages, strict=True)
    ]
    await asyncio.gather(*(stage.answer(each, page, codes[0]) for each, page in zip(browsers, pages, strict=True)))
    assert [await level_of(stage, each) for each in browsers].count(Level.SIGNED_IN) == 1
    assert "9 of 10" in (await browser.get(FACTORS)).text


async def test_a_new_set_replaces_the_old_one(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    old = await make_codes(browser)
    asked = await browser.get(f"{FACTORS}?add=recovery_code")
    assert "You have 10 left of an earlier set" in asked.text
    new = codes_on(await browser.post(FACTORS, {**asked.hidden, "add": "recovery_code"}))
    again = await browser.post(FACTORS, {**asked.hidden, "add": "recovery_code"})
    assert again.status == 303, "a page that is loaded again must not replace what was just printed"
    other = stage.browser()
    page = await another(other, await stage.to_passcode(other), "recovery_code")
    assert (await stage.answer(other, page, old[0])).status == 422
    assert (await stage.answer(other, page, new[0])).status == 303


@pytest.mark.parametrize("typed", ["", "12345", "K7QX-2MRA", "K7QX-2MRA-9FZ0"])
async def test_what_cannot_be_a_code_costs_no_try(stage: Stage, typed: str) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    codes = await make_codes(browser)
    other = stage.browser()
    page = await another(other, await stage.to_passcode(other), "recovery_code")
    for _ in range(7):
        assert (await stage.answer(other, page, typed)).status == 422
    assert (await stage.answer(other, page, codes[0])).status == 303


async def test_five_wrong_codes_end_the_sign_in(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    secret = await add_app(stage, browser)
    stage.now += 60
    other = stage.browser()
    page = await stage.to_passcode(other)
    wrong = f"{(int(totp(secret, stage.now)) + 1) % 1_000_000:06}"
    statuses = [(await stage.answer(other, page, wrong)).status for _ in range(5)]
    assert statuses == [422] * 4 + [403]
    assert (await stage.answer(other, page, totp(secret, stage.now))).status in (303, 410)
    assert await level_of(stage, other) is None


async def test_a_code_of_another_person_opens_nothing(stage: Stage, tmp_path: Path) -> None:
    users = tmp_path / "users.toml"
    users.write_text(users.read_text().replace('display_name = "Bob"', 'display_name = "Bob"\nmobile = "07400 123499"'))
    alice, bob = stage.browser(), stage.browser()
    await stage.sign_in(alice)
    await stage.sign_in(bob, username="bob")
    secret, codes = await add_app(stage, alice), await make_codes(alice)
    await add_app(stage, bob)
    await make_codes(bob)
    stage.now += 60
    thief = stage.browser()
    page = await stage.to_passcode(thief, username="bob")
    assert (await stage.answer(thief, page, totp(secret, stage.now))).status == 422
    page = await another(thief, page, "recovery_code")
    assert (await stage.answer(thief, page, codes[0])).status == 422
    assert await level_of(stage, thief) is Level.FIRST_FACTOR


async def test_without_a_fresh_second_factor_nothing_is_shown_or_done(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    page = await browser.get(f"{FACTORS}?add=recovery_code")
    stage.now += 601
    for url in (FACTORS, f"{FACTORS}?add=totp", f"{FACTORS}?add=recovery_code"):
        asked = await browser.get(url)
        assert asked.status == 303
        assert "/.gatepost/step-up" in asked.location
    assert (await browser.post(FACTORS, {**page.hidden, "add": "recovery_code"})).status == 303
    assert list(await stage.store.enrolments.guids_with_enrolments()) == []
    step_up = await browser.get(SIGN_IN_ORIGIN + (await browser.get(FACTORS)).location)
    assert "needs a new code" in step_up.text
    asked = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", step_up.hidden)
    landed = await stage.answer(browser, await browser.get(SIGN_IN_ORIGIN + asked.location), stage.passcode)
    assert landed.location == "/.gatepost/me/factors"
    assert (await browser.get(FACTORS)).status == 200


async def test_a_step_up_takes_every_way_that_the_person_has(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    secret, codes, sent = await add_app(stage, browser), await make_codes(browser), len(stage.phone.messages)
    for way in ("sms", "recovery_code", ""):
        stage.now += 601
        step_up = await browser.get(SIGN_IN_ORIGIN + (await browser.get(FACTORS)).location)
        assert "the code from your authenticator app" in step_up.text
        asked = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", step_up.hidden)
        page = await browser.get(SIGN_IN_ORIGIN + asked.location)
        if way:
            page = await another(browser, page, way)
        answer = {"sms": stage.passcode, "recovery_code": codes[0], "": totp(secret, stage.now)}[way]
        assert (await stage.answer(browser, page, answer)).location == "/.gatepost/me/factors", way
    assert len(stage.phone.messages) == sent + 1


async def test_who_lacks_what_an_app_asks_for_is_led_to_where_it_is_added(tmp_path: Path) -> None:
    schemes = [{"name": "browser", "factors": ["password", "sms"]}, {"name": "strong", "factors": ["password", "totp"]}]
    async with running_portal(tmp_path, schemes=schemes) as stage:
        browser = stage.browser()
        await stage.sign_in(browser)
        asked = f"{SIGN_IN_ORIGIN}/.gatepost/step-up?scheme=strong"
        lacking = await browser.get(asked)
        assert lacking.status == 403
        assert 'href="/.gatepost/me/factors"' in lacking.text
        secret = await add_app(stage, browser)
        stage.now += 60
        step_up = await browser.get(asked)
        page = await browser.get(
            SIGN_IN_ORIGIN + (await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", step_up.hidden)).location
        )
        assert (await stage.answer(browser, page, totp(secret, stage.now))).status == 303
        (session,) = await stage.store.sessions.sessions()
        assert session.proven_factors == {Factor.PASSWORD, Factor.SMS, Factor.TOTP}


async def test_a_half_signed_in_session_adds_nothing(stage: Stage) -> None:
    whole, half = stage.browser(), stage.browser()
    await stage.sign_in(whole)
    page = await whole.get(f"{FACTORS}?add=recovery_code")
    await stage.to_passcode(half)
    for answer in (
        await half.get(FACTORS),
        await half.get(f"{FACTORS}?add=totp"),
        await half.post(FACTORS, {**page.hidden, "add": "recovery_code"}),
    ):
        assert answer.status == 303
        assert answer.location.startswith("/.gatepost/sign-in")
    assert list(await stage.store.enrolments.guids_with_enrolments()) == []


async def test_a_form_of_another_site_or_session_adds_and_removes_nothing(stage: Stage) -> None:
    browser, other = stage.browser(), stage.browser()
    await stage.sign_in(browser)
    await make_codes(browser)
    await stage.sign_in(other)
    for fields in ({"add": "recovery_code"}, {"remove": "recovery_code"}):
        assert (await browser.post(FACTORS, fields)).status == 403
        foreign = await other.get(f"{FACTORS}?add=recovery_code")
        assert (await browser.post(FACTORS, {**foreign.hidden, **fields})).status == 403
    assert "10 of 10" in (await browser.get(FACTORS)).text
    page = await browser.get(f"{FACTORS}?add=totp")
    foreign = await other.get(f"{FACTORS}?add=totp")
    mixed = {**page.hidden, "sealed": foreign.hidden["sealed"], "add": "totp", "name": ""}
    assert (await browser.post(FACTORS, {**mixed, "passcode": totp(secret_on(foreign), stage.now)})).status == 410


async def test_each_factor_added_or_removed_is_told_with_a_link(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    await add_app(stage, browser, name="Call +44 20 1234")
    page = await browser.get(FACTORS)
    (name,) = re.findall(r"change=([0-9a-f]{32})", page.text)
    change = await browser.get(f"{FACTORS}?change={name}")
    renamed = await browser.post(FACTORS, {**change.hidden, "rename": name, "name": " New\n phone\x07 "})
    assert renamed.location.endswith("renamed")
    assert "New phone" in (await browser.get(FACTORS)).text
    assert (await browser.post(FACTORS, {**change.hidden, "remove": name})).location.endswith("removed")
    assert (await browser.post(FACTORS, {**change.hidden, "remove": name})).location.endswith("gone")
    await stage.all_told()
    told = [text for to, text in stage.phone.told if to == ALICE]
    assert [text.split(" was ")[1].split()[0] for text in told] == ["added", "removed"]
    assert all(FACTORS in text for text in told)
    assert not any("+44 20" in text or "New phone" in text for text in told)
    assert [line["event"] for line in stage.log if str(line.get("event")).startswith("factor.")] == [
        "factor.added",
        "factor.removed",
    ]
    added, removed = stage.recorded.one("factor.added"), stage.recorded.one("factor.removed")
    assert (added.actor, added.facts) == (removed.actor, removed.facts)
    assert (added.actor and added.actor.realm, added.facts) == ("local", {"factor": "totp"})


async def test_what_proves_is_in_no_log_and_not_readable_in_the_store(stage: Stage, tmp_path: Path) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    secret, codes = await add_app(stage, browser), await make_codes(browser)
    files = [tmp_path / f"state.db{ending}" for ending in ("", "-wal")]
    stored = b"".join(path.read_bytes() for path in files)
    for each in (secret, secret.replace(" ", ""), *codes, *(code.replace("-", "") for code in codes)):
        assert each.encode() not in stored
        assert each not in stage.log_text
    listed = (await browser.get(FACTORS)).text
    assert secret not in listed
    assert not any(code in listed for code in codes)


async def test_where_no_scheme_asks_for_one_nothing_can_be_added(tmp_path: Path) -> None:
    async with running_portal(tmp_path) as stage:
        browser = stage.browser()
        await stage.sign_in(browser)
        assert "Set up" not in (await browser.get(FACTORS)).text
        assert (await browser.get(f"{FACTORS}?add=totp")).status == 403


def test_the_settings_of_these_tests_hold(tmp_path: Path) -> None:
    assert portal_settings(tmp_path, schemes=CHOICE).schemes[0].factors[1] == (
        Factor.TOTP,
        Factor.SMS,
        Factor.RECOVERY_CODE,
    )
    assert NOW % 30 == 0


async def test_a_used_recovery_code_is_told_with_how_many_are_left(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    codes = await make_codes(browser)
    stage.phone.told.clear()
    for code in codes:
        stage.now += 3600
        other = stage.browser()
        page = await another(other, await stage.to_passcode(other), "recovery_code")
        if code == codes[1]:
            assert (await stage.answer(other, page, codes[0])).status == 422
        assert (await stage.answer(other, page, code)).status == 303
    await stage.portal[FLOW].proving.notices.settled()
    told = [text for to, text in stage.phone.told if to == ALICE and "recovery code" in text]
    left = [text.split("sign-in. ")[1].split(". Not you")[0] for text in told]
    many = [f"You have {count} left" for count in range(9, 1, -1)]
    assert left == [*many, "You have one left", "It was your last one"]
    assert all(FACTORS in text and not any(code in text for code in codes) for text in told)


async def test_what_is_over_says_what_its_button_does(stage: Stage) -> None:
    """A message leaves only where one is promised."""
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    stage.now += 400
    assert "Send a new code" in (await stage.answer(browser, page, "123456")).text
    await stage.sign_in(browser)
    await add_app(stage, browser)
    other = stage.browser()
    page = await stage.to_passcode(other)
    sent = len(stage.phone.messages)
    stage.now += 600
    over = await stage.answer(other, page, "123456")
    assert over.status == 410
    assert "Try again" in over.text
    assert "new code" not in over.text
    again = await other.post(PASSCODE, over.hidden)
    shown = await other.get(SIGN_IN_ORIGIN + again.location)
    assert "The code from your authenticator app" in shown.text
    assert len(stage.phone.messages) == sent


async def test_a_new_code_is_sent_though_an_app_would_be_asked_for_first(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    await add_app(stage, browser)
    other = stage.browser()
    by_sms = await another(other, await stage.to_passcode(other), "sms")
    (over,) = re.findall(r'value="(\w+)" class="primary">Send a new code<', by_sms.text)
    sent = len(stage.phone.messages)
    stage.now += 600
    again = await other.post(PASSCODE, {**by_sms.hidden, "new": over})
    assert "Send again" in (await other.get(SIGN_IN_ORIGIN + again.location)).text
    assert len(stage.phone.messages) == sent + 1
