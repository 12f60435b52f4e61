"""Proving more in a session that stands: what is asked for, what stays open meanwhile, and what never counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from config.factors import Factor
from proxy.delivery.channel import EMAIL_ONLY, Outcome
from proxy.factors.proof import Proof
from proxy.secrets.tokens import new_token, token_digest
from proxy.sessions.session import Level, Session
from tests.portal.stage import PASSWORD, SIGN_IN_ORIGIN, START, USERS, WIKI, Browser, Page, Stage, running_portal

FORMS = "https://forms.corp.example"
SCHEMES = [
    {"name": "quick", "factors": ["password"], "networks": ["192.0.2.0/24"]},
    {"name": "browser", "factors": ["password", "sms"]},
    {"name": "strong", "factors": ["password", "sms", "email"]},
    {"name": "mailed", "factors": ["password", "email"]},
    {"name": "inside", "factors": ["kerberos", "sms"], "networks": ["203.0.113.0/24"]},
]
OUTSIDE = "198.51.100.7"


def with_mail(folder: Path) -> None:
    mailed = USERS.replace('mobile = "07400 123456"', 'mobile = "07400 123456"\nmail = "alice@corp.example"')
    (folder / "users.toml").write_text(mailed)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with running_portal(tmp_path, schemes=SCHEMES) as stage:
        with_mail(tmp_path)
        yield stage


def query(scheme: str = "browser", *, page: str = f"{FORMS}/a?b") -> dict[str, str]:
    return {"scheme": scheme, "return_to": page, "start": START}


async def ask(browser: Browser, scheme: str = "browser", **facts: str) -> Page:
    return await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/step-up?{urlencode(query(scheme, **facts))}")


async def press(browser: Browser, page: Page, **fields: str) -> Page:
    return await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", {**page.hidden, **fields})


async def to_passcode(browser: Browser, scheme: str = "browser") -> Page:
    """From the gate's redirect to the passcode page."""
    pressed = await press(browser, await ask(browser, scheme))
    assert pressed.status == 303, pressed.text
    return await browser.get(SIGN_IN_ORIGIN + pressed.location)


async def session_of(stage: Stage, browser: Browser, host: str = "signin.corp.example") -> Session:
    token = browser.session_cookie(host)
    assert token is not None
    found = await stage.sessions.find(token.encode(), host, stage.now)
    assert found is not None
    return found


async def signed_in(stage: Stage, name: str = "alice") -> Browser:
    """By a password alone."""
    browser = stage.browser()
    assert (await stage.password(browser, name)).status == 303
    assert (await session_of(stage, browser)).level is Level.SIGNED_IN
    return browser


async def test_only_what_is_missing_is_asked_for_and_then_the_page_asked_for_opens(stage: Stage) -> None:
    browser = await signed_in(stage)
    before, cookie = await session_of(stage, browser), browser.session_cookie()
    page = await ask(browser)
    assert page.status == 200
    assert "Forms needs an extra check." in page.text
    assert "•••••••• 456" in page.text
    assert stage.phone.messages == []
    passcode = await to_passcode(browser)
    assert 'name="password"' not in passcode.text
    stage.now += 100
    landed = await stage.answer(browser, passcode, stage.passcode)
    assert (landed.status, landed.location.partition("?")[0]) == (303, f"{FORMS}/.gatepost/ticket")
    after = await session_of(stage, browser)
    assert [proof.factor.value for proof in after.proven] == ["password", "sms"]
    assert after.session_id != before.session_id
    assert browser.session_cookie() != cookie
    assert (after.scheme, after.created_at) == (before.scheme, before.created_at)
    told = await ask(browser)
    assert told.location.startswith(f"{FORMS}/.gatepost/ticket?")


async def test_the_old_id_and_cookie_are_worthless_afterwards(stage: Stage) -> None:
    browser = await signed_in(stage)
    thief = browser.copy()
    before = await session_of(stage, browser)
    await stage.answer(browser, await to_passcode(browser), stage.passcode)
    assert (await thief.get(f"{SIGN_IN_ORIGIN}/")).location.startswith("/.gatepost/sign-in")
    assert [each.session_id for each in await stage.store.sessions.sessions()] != [before.session_id]
    assert len(await stage.store.sessions.sessions()) == 1


async def test_what_was_open_stays_open_while_a_step_up_is_pending(stage: Stage) -> None:
    browser = await signed_in(stage)
    before = await session_of(stage, browser)
    await to_passcode(browser)
    assert await session_of(stage, browser) == before
    assert (await browser.get(f"{SIGN_IN_ORIGIN}/")).status == 200


async def test_other_tabs_are_handed_the_new_session_by_a_ticket(stage: Stage) -> None:
    browser = await signed_in(stage)
    await browser.get(f"{WIKI}/.gatepost/sign-out")  # Wiki's own browser cookie
    await stage.answer(browser, await to_passcode(browser), stage.passcode)
    sent = await browser.get(f"{WIKI}/.gatepost/ticket?ticket=none")  # begins the round trip as the gate would
    back = await browser.get(sent.location)
    taken = await browser.get(back.location)
    assert taken.location == f"{WIKI}/"
    assert (await session_of(stage, browser, "wiki.corp.example")).proven_factors == {Factor.PASSWORD, Factor.SMS}


async def test_several_passcodes_are_proven_one_by_one(stage: Stage) -> None:
    browser = await signed_in(stage)
    first = await to_passcode(browser, "strong")
    assert await stage.answer(browser, first, stage.passcode)
    page = await ask(browser, "strong")
    assert "a•••@corp.example" in page.text
    second = await to_passcode(browser, "strong")
    assert "mail" in second.text
    landed = await stage.answer(browser, second, stage.passcode)
    assert landed.location.startswith(f"{FORMS}/.gatepost/ticket?")
    assert [proof.factor.value for proof in (await session_of(stage, browser)).proven] == ["password", "sms", "email"]
    assert stage.phone.kinds == [None, EMAIL_ONLY]
    assert stage.phone.messages[1].mail == "alice@corp.example"
    assert stage.phone.messages[1].number is None


async def test_a_sign_in_asks_for_each_passcode_of_its_scheme(tmp_path: Path) -> None:
    async with running_portal(tmp_path, schemes=[SCHEMES[2]]) as stage:
        with_mail(tmp_path)
        browser = stage.browser()
        first = await stage.to_passcode(browser, return_to=f"{WIKI}/page", start=START)
        sms = stage.passcode
        onward = await stage.answer(browser, first, sms)
        half = await session_of(stage, browser)
        assert (half.level, half.next_choice) == (Level.FIRST_FACTOR, (Factor.EMAIL,))
        assert (await browser.get(f"{SIGN_IN_ORIGIN}/")).location.startswith("/.gatepost/sign-in")
        second = await browser.get(SIGN_IN_ORIGIN + onward.location)
        assert stage.passcode != sms
        assert (await stage.answer(browser, second, sms)).status == 422
        landed = await stage.answer(browser, second, stage.passcode)
        assert landed.location.startswith(f"{WIKI}/.gatepost/ticket?")
        assert (await session_of(stage, browser)).level is Level.SIGNED_IN
        (done,) = [each for each in stage.log if each.get("event") == "sign_in.succeeded" or "factors" in each]
        assert (done["scheme"], done["factors"]) == ("strong", "password sms email")


async def test_a_passcode_by_mail_never_counts_as_one_by_sms(stage: Stage) -> None:
    browser = await signed_in(stage)
    mailed = await to_passcode(browser, "mailed")
    await stage.answer(browser, mailed, stage.passcode)
    assert (await session_of(stage, browser)).proven_factors == {Factor.PASSWORD, Factor.EMAIL}
    page = await ask(browser, "browser")
    assert page.status == 200
    assert "456" in page.text


async def test_a_mailed_passcode_does_not_answer_the_challenge_of_an_sms(stage: Stage) -> None:
    browser = await signed_in(stage)
    by_sms = await to_passcode(browser, "browser")
    by_mail = await to_passcode(browser, "mailed")
    mailed = stage.passcode
    assert by_sms.hidden["challenge"] != by_mail.hidden["challenge"]
    assert (await stage.answer(browser, by_sms, mailed)).status == 422
    assert (await session_of(stage, browser)).proven_factors == {Factor.PASSWORD}


async def test_half_a_session_cannot_answer_for_a_later_factor_first(tmp_path: Path) -> None:
    """A challenge that is not the session's next step moves nothing."""
    async with running_portal(tmp_path, schemes=[SCHEMES[2]]) as stage:
        with_mail(tmp_path)
        browser = stage.browser()
        page = await stage.to_passcode(browser)
        half = await session_of(stage, browser)
        pending = await stage.store.challenges.challenge(
            page.hidden["challenge"], session_id=half.session_id, now=stage.now
        )
        assert pending is not None
        await stage.store.challenges.put_challenge(replace(pending, challenge_id="x" * 22, factor=Factor.EMAIL))
        answer = await stage.answer(browser, page, stage.passcode, challenge="x" * 22)
        assert answer.status == 410
        assert await session_of(stage, browser) == half


@pytest.mark.parametrize("scheme", ["", "unheard-of", "Browser"])
async def test_a_scheme_that_is_not_there_proves_nothing_and_leads_nowhere(stage: Stage, scheme: str) -> None:
    browser = await signed_in(stage)
    assert (await ask(browser, scheme)).status == 404
    page = await ask(browser)
    assert (await press(browser, page, scheme=scheme)).status == 404
    assert stage.phone.messages == []


async def test_a_button_without_its_token_sends_nothing(stage: Stage) -> None:
    browser = await signed_in(stage)
    page = await ask(browser)
    for token in ("", "x" * 43):
        answer = await press(browser, page, csrf_token=token)
        assert answer.status == 403
        assert "out of date" in answer.text
    other = await signed_in(stage, "admin")
    assert (await press(browser, page, csrf_token=(await _token_of(other)))).status == 403
    assert (await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", page.hidden, Origin=WIKI)).status == 403
    assert stage.phone.messages == []


async def _token_of(browser: Browser) -> str:
    page = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/me")
    return page.hidden["csrf_token"]


async def test_who_is_not_signed_in_is_sent_to_sign_in_first(stage: Stage) -> None:
    stranger = stage.browser()
    answer = await ask(stranger)
    assert answer.location.startswith("/.gatepost/sign-in?")
    assert parse_qs(urlsplit(answer.location).query)["return_to"] == [f"{FORMS}/a?b"]
    half = stage.browser(address=OUTSIDE)
    await stage.to_passcode(half)
    assert (await ask(half, "strong")).location == "/.gatepost/passcode"
    assert (await half.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", query("strong"))).location == "/.gatepost/passcode"
    assert len(stage.phone.messages) == 1


async def test_pressing_twice_sends_one_passcode(stage: Stage) -> None:
    browser = await signed_in(stage)
    page = await ask(browser)
    first, second = await press(browser, page), await press(browser, page)
    assert first.location == second.location
    assert len(stage.phone.messages) == 1


async def test_pressing_in_parallel_sends_one_passcode(stage: Stage) -> None:
    browser = await signed_in(stage)
    page = await ask(browser)
    answers = await asyncio.gather(*(press(browser.copy(), page) for _ in range(8)))
    assert len({answer.location for answer in answers}) == 1
    assert len(stage.phone.messages) == 1


async def test_parallel_answers_make_one_session(stage: Stage) -> None:
    browser = await signed_in(stage)
    page = await to_passcode(browser)
    twins = [browser.copy() for _ in range(8)]
    answers = await asyncio.gather(*(stage.answer(twin, page, stage.passcode) for twin in twins))
    accepted = [
        twin for twin, answer in zip(twins, answers, strict=True) if "ticket" in answer.headers.get("Location", "")
    ]
    assert len(await stage.store.sessions.sessions()) == 1
    winners = [twin for twin in accepted if twin.session_cookie() != browser.session_cookie()]
    assert len(winners) == 1
    assert (await session_of(stage, winners[0])).proven_factors == {Factor.PASSWORD, Factor.SMS}


async def test_wrong_codes_use_up_the_challenge_but_not_the_session(stage: Stage) -> None:
    browser = await signed_in(stage)
    before = await session_of(stage, browser)
    page = await to_passcode(browser)
    statuses = [(await stage.answer(browser, page, stage.wrong_passcode())).status for _ in range(5)]
    assert statuses == [422, 422, 422, 422, 403]
    assert await session_of(stage, browser) == before
    late = await stage.answer(browser, page, stage.passcode)
    assert late.location.startswith(f"{FORMS}/.gatepost/ticket?")
    assert (await session_of(stage, browser)).proven_factors == {Factor.PASSWORD}


async def test_tries_are_counted_over_all_challenges_of_a_person(stage: Stage) -> None:
    browser = await signed_in(stage)
    answers = []
    for _ in range(4):
        page = await to_passcode(browser)
        answers += [await stage.answer(browser, page, stage.wrong_passcode()) for _ in range(5)]
    assert [answer.status for answer in answers[15:]] == [429] * 5


async def test_who_cannot_be_sent_a_passcode_is_told_so_and_keeps_what_is_open(stage: Stage) -> None:
    browser = await signed_in(stage, "bob")
    page = await ask(browser)
    assert page.status == 403
    assert "No usable mobile number" in page.text
    page = await ask(browser, "mailed")
    assert page.status == 403
    assert "No usable mail address" in page.text
    assert (await browser.get(f"{SIGN_IN_ORIGIN}/")).status == 200


async def test_a_ticket_that_is_missing_is_told_and_no_passcode_is_sent_in_vain(stage: Stage) -> None:
    browser = await signed_in(stage)
    page = await ask(browser, "inside")
    assert page.status == 403
    assert "Sign in at your work computer" in page.text
    assert (await press(browser, await ask(browser), scheme="inside")).status == 403
    assert stage.phone.messages == []


async def with_ticket(stage: Stage, browser: Browser) -> Session:
    """The session as it would be had it begun with a Kerberos ticket."""
    before, token = await session_of(stage, browser), new_token()
    begun = replace(
        before,
        session_id=new_token(),
        factors=((Factor.KERBEROS,),),
        proven=(Proof(Factor.KERBEROS, before.created_at),),
    )
    cookie = token_digest(token)
    await stage.store.sessions.replace_session(before.session_id, begun, cookie=cookie, host="signin.corp.example")
    browser.cookies["signin.corp.example"]["__Host-gatepost"] = token
    return begun


async def test_a_password_is_asked_for_only_where_it_is_missing(stage: Stage) -> None:
    browser = await signed_in(stage)
    begun = await with_ticket(stage, browser)
    form = await ask(browser, "quick")
    assert 'name="password"' in form.text
    sent = {**form.hidden, "username": "alice", "password": "wrong"}
    assert (await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in", sent)).status == 401
    assert await session_of(stage, browser) == begun
    landed = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in", {**sent, "password": PASSWORD})
    assert landed.location.startswith(f"{FORMS}/.gatepost/ticket?")
    after = await session_of(stage, browser)
    assert [proof.factor.value for proof in after.proven] == ["kerberos", "password"]
    assert after.session_id != begun.session_id


async def test_another_persons_password_adds_nothing_to_a_session(stage: Stage) -> None:
    browser = await signed_in(stage)
    begun = await with_ticket(stage, browser)
    form = await ask(browser, "quick")
    sent = {**form.hidden, "username": "bob", "password": PASSWORD}
    await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in", sent)
    after = await session_of(stage, browser)
    assert after.principal.username == "bob"
    assert [proof.factor.value for proof in after.proven] == ["password"]
    assert begun.session_id not in [each.session_id for each in await stage.store.sessions.sessions()]


async def test_a_passcode_that_is_too_old_is_asked_for_again_and_then_is_new(tmp_path: Path) -> None:
    """Before that, there is nothing to prove; and what was proven first stays as it was."""
    fresh = [*SCHEMES[1:2], {"name": "fresh", "factors": ["password", "sms"], "fresh": "10m"}]
    async with running_portal(tmp_path, schemes=fresh) as stage:
        browser = stage.browser()
        await stage.sign_in(browser)
        before = await session_of(stage, browser)
        stage.now += 599
        assert (await ask(browser, "fresh")).location.startswith(f"{FORMS}/.gatepost/ticket?")
        stage.now += 1
        page = await ask(browser, "fresh")
        assert "Forms needs a new code" in page.text
        assert len(stage.phone.messages) == 1
        passcode = await to_passcode(browser, "fresh")
        assert len(stage.phone.messages) == 2
        assert (await stage.answer(browser, passcode, stage.wrong_passcode())).status == 422
        landed = await stage.answer(browser, passcode, stage.passcode)
        assert landed.location.startswith(f"{FORMS}/.gatepost/ticket?")
        after = await session_of(stage, browser)
        assert after.proven == (before.proven[0], Proof(Factor.SMS, stage.now))
        assert (after.session_id != before.session_id, after.created_at) == (True, before.created_at)
        assert (await ask(browser, "fresh")).location.startswith(f"{FORMS}/.gatepost/ticket?")
        assert (await ask(browser, "browser")).location.startswith(f"{FORMS}/.gatepost/ticket?")


async def test_the_administrators_get_in_while_no_passcode_can_be_sent(tmp_path: Path) -> None:
    async with running_portal(tmp_path) as stage:
        stage.phone.outcome = Outcome.UNAVAILABLE
        assert (await stage.password(stage.browser(), "alice")).status == 503
        admin = stage.browser()
        assert (await stage.password(admin, "admin")).location == "/"
        assert (await session_of(stage, admin)).level is Level.SIGNED_IN
        elsewhere = stage.browser(address=OUTSIDE)
        assert (await stage.password(elsewhere, "admin")).status == 403


async def test_the_app_that_somebody_comes_from_chooses_the_scheme(tmp_path: Path) -> None:
    schemes = [{"name": "quick", "factors": ["password"], "apps": ["Wiki"]}, SCHEMES[1]]
    async with running_portal(tmp_path, schemes=schemes) as stage:
        quick, other, nowhere = stage.browser(), stage.browser(), stage.browser()
        landed = await stage.password(quick, return_to=f"{WIKI}/page", start=START)
        assert landed.location.startswith(f"{WIKI}/.gatepost/ticket?")
        assert (await session_of(stage, quick)).scheme == "quick"
        for browser, page in ((other, f"{FORMS}/page"), (nowhere, "")):
            answer = await stage.password(browser, return_to=page, start=START if page else "")
            assert answer.location.startswith("/.gatepost/passcode?")
            assert (await session_of(stage, browser)).scheme == "browser"


async def test_a_step_up_is_in_the_log_without_numbers(stage: Stage) -> None:
    browser = await signed_in(stage)
    await stage.answer(browser, await to_passcode(browser), stage.passcode)
    events = {call.args[0]: call.kwargs for call in stage.logger.calls if call.args} or {
        each["event"]: each for each in stage.log
    }
    assert events["step_up.begun"]["asked"] == "browser"
    assert events["step_up.done"]["factor"] == "sms"
    assert events["step_up.done"]["factors"] == "password sms"
    assert "7400123456" not in stage.log_text
    assert stage.passcode not in stage.log_text
