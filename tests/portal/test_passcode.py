"""The second step: right, wrong, empty, late, repeated and parallel answers; re-sends; skipped steps."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest

from proxy.delivery.channel import Outcome
from tests.portal.stage import SIGN_IN_ORIGIN, START, WIKI, Stage, running_portal
from tests.support.eventually import eventually

PASSCODE = f"{SIGN_IN_ORIGIN}/.gatepost/passcode"


async def test_a_right_passcode_signs_in(stage: Stage) -> None:
    browser = stage.browser()
    assert (await stage.sign_in(browser)).location == "/"
    assert "Alice &lt;Liddell&gt;" in (await browser.get(SIGN_IN_ORIGIN)).text
    assert stage.log[-1]["guid"]


async def test_the_input_asks_the_phone_for_the_code(stage: Stage) -> None:
    page = await stage.to_passcode(stage.browser())
    assert 'autocomplete="one-time-code"' in page.text
    assert 'inputmode="numeric"' in page.text
    assert '<label for="passcode">6-digit code</label>' in page.text
    assert "number ending in 456" in page.text


async def test_blanks_and_dashes_are_no_mistake(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    typed = f" {stage.passcode[:3]}-{stage.passcode[3:]} "
    assert (await stage.answer(browser, page, typed)).status == 303


async def test_a_wrong_passcode_says_how_many_tries_are_left(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    for left in ("4 tries", "3 tries", "2 tries", "one try"):
        page = await stage.answer(browser, page, stage.wrong_passcode())
        assert page.status == 422
        assert f"You have {left} left." in page.text
        assert 'role="alert"' in page.text
    over = await stage.answer(browser, page, stage.wrong_passcode())
    assert over.status == 403
    assert browser.session_cookie() is None


async def test_after_the_last_wrong_passcode_the_right_one_and_its_session_are_worthless(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    twin = browser.copy()
    for _ in range(5):
        await stage.answer(browser, page, stage.wrong_passcode())
    late = await stage.answer(twin, page, stage.passcode)
    assert late.location.startswith("/.gatepost/sign-in")
    assert late.headers.getall("Set-Cookie", []) == []


@pytest.mark.parametrize("typed", ["", "   ", "12345", "1234567", "abcdef", "12a456"])
async def test_what_is_no_passcode_moves_nothing_and_costs_nothing(stage: Stage, typed: str) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    for _ in range(20):
        answer = await stage.answer(browser, page, typed)
        assert answer.status == 422
    answer = await browser.post(PASSCODE, {name: page.hidden[name] for name in ("csrf_token", "challenge")})
    assert answer.status == 422
    assert "You have 4 tries left." in (await stage.answer(browser, page, stage.wrong_passcode())).text


async def test_a_passcode_is_accepted_once(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    twin = browser.copy()
    assert (await stage.answer(browser, page, stage.passcode)).status == 303
    replayed = await stage.answer(twin, page, stage.passcode)
    assert replayed.location.startswith("/.gatepost/sign-in")
    assert (await twin.get(SIGN_IN_ORIGIN)).location.startswith("/.gatepost/sign-in")


async def test_of_parallel_right_answers_exactly_one_is_accepted(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    twins = [browser.copy() for _ in range(8)]
    await asyncio.gather(*(stage.answer(twin, page, stage.passcode) for twin in twins))
    signed_in = [twin for twin in twins if (await twin.get(SIGN_IN_ORIGIN)).status == 200]
    assert len(signed_in) == 1
    assert len(await stage.store.sessions.sessions()) == 1


async def test_parallel_wrong_answers_win_no_extra_attempt(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    wrong = stage.wrong_passcode()
    answers = await asyncio.gather(*(stage.answer(browser.copy(), page, wrong) for _ in range(12)))
    assert sum(answer.status == 422 for answer in answers) == 4
    assert sum(answer.status == 403 for answer in answers) == 1
    assert "location" not in {name.lower() for answer in answers if answer.status != 303 for name in answer.headers}


async def test_an_expired_passcode_says_so_and_a_new_one_can_be_had(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser, return_to=f"{WIKI}/x", start=START)
    old = stage.passcode
    stage.now += 300
    gone = await stage.answer(browser, page, old)
    assert gone.status == 410
    assert "Send a new code" in gone.text
    sent = await browser.post(PASSCODE, gone.hidden)
    page = await browser.get(SIGN_IN_ORIGIN + sent.location)
    assert len(stage.phone.messages) == 2
    landing = await stage.answer(browser, page, stage.passcode)
    assert landing.location.startswith(f"{WIKI}/.gatepost/ticket?")


async def test_the_last_moment_still_counts(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    stage.now += 299.9
    assert (await stage.answer(browser, page, stage.passcode)).status == 303


async def test_a_first_factor_is_over_after_a_quarter_of_an_hour(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    stage.now += 900
    answer = await stage.answer(browser, page, stage.passcode)
    assert answer.location.startswith("/.gatepost/sign-in")


async def test_a_new_passcode_is_not_a_way_to_more_attempts(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    await stage.answer(browser, page, stage.wrong_passcode())
    answer = await browser.post(PASSCODE, {**page.hidden, "new": "yes"})
    assert answer.location.endswith(page.hidden["challenge"])
    assert len(stage.phone.messages) == 1


async def test_a_re_send_is_offered_later_keeps_the_passcode_and_resets_no_attempt(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    assert 'data-wait="30"' in page.text
    await stage.answer(browser, page, stage.wrong_passcode())
    early = await browser.post(PASSCODE, {**page.hidden, "resend": "yes"})
    assert early.status == 429
    assert early.headers["Retry-After"] == "30"
    assert len(stage.phone.messages) == 1
    stage.now += 30
    again = await browser.post(PASSCODE, {**page.hidden, "resend": "yes"})
    assert again.status == 303
    assert "sent the code again" in (await browser.get(SIGN_IN_ORIGIN + again.location)).text
    first, second = stage.phone.messages
    assert first.passcode == second.passcode
    assert first.message_id != second.message_id
    assert second.minutes == 4
    assert "You have 3 tries left." in (await stage.answer(browser, page, stage.wrong_passcode())).text


async def test_parallel_re_sends_send_one_message(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    stage.now += 31
    await asyncio.gather(*(browser.copy().post(PASSCODE, {**page.hidden, "resend": "yes"}) for _ in range(6)))
    assert len(stage.phone.messages) == 2


async def test_sends_are_limited_over_all_challenges_of_a_person(stage: Stage) -> None:
    folder = stage.settings.directories[0].file.parent
    async with running_portal(folder, throttle={"sends_per_person": 3}) as strict:
        browser = strict.browser()
        page = await strict.to_passcode(browser)
        await strict.to_passcode(strict.browser())
        strict.now += 31
        assert (await browser.post(PASSCODE, {**page.hidden, "resend": "yes"})).status == 303
        strict.now += 31
        over = await browser.post(PASSCODE, {**page.hidden, "resend": "yes"})
        assert over.status == 429
        assert "may still arrive" in over.text
        assert '<time datetime="' in over.text.partition('id="error"')[2].partition("</p>")[0]
        fresh = strict.browser()
        assert (await strict.password(fresh)).status == 429
        assert fresh.session_cookie() is None
        assert len(strict.phone.messages) == 3
        assert (await strict.answer(browser, page, strict.passcode)).status == 303


async def test_passcodes_are_limited_over_all_challenges_of_a_person(stage: Stage) -> None:
    folder = stage.settings.directories[0].file.parent
    async with running_portal(folder, throttle={"passcodes_per_person": 6}) as strict:
        for tries in (5, 1):
            browser = strict.browser()
            page = await strict.to_passcode(browser)
            for _ in range(tries):
                await strict.answer(browser, page, strict.wrong_passcode())
        over = await strict.answer(browser, page, strict.passcode)
        assert over.status == 429
        assert "Try again at <time" in over.text
        assert f'href="/.gatepost/passcode?challenge={page.hidden["challenge"]}"' in over.text
        assert browser.copy().session_cookie() is not None
        assert (await browser.get(SIGN_IN_ORIGIN)).status == 303


async def test_failures_in_a_row_lock_the_factor(stage: Stage) -> None:
    folder = stage.settings.directories[0].file.parent
    async with running_portal(folder, throttle={"passcode_failures_in_a_row": 2}) as strict:
        browser = strict.browser()
        page = await strict.to_passcode(browser)
        for _ in range(2):
            await strict.answer(browser, page, strict.wrong_passcode())
        strict.now += 100_000
        browser = strict.browser()
        page = await strict.to_passcode(browser)
        locked = await strict.answer(browser, page, strict.passcode)
        assert locked.status == 403
        assert "help desk" in locked.text
        assert 'class="button" href="/.gatepost/sign-in?' in locked.text, "and the way on once it was cleared"
        assert (await browser.get(SIGN_IN_ORIGIN)).status == 303


async def test_a_challenge_cannot_be_answered_from_another_session(stage: Stage) -> None:
    victim, thief = stage.browser(), stage.browser()
    theirs = await stage.to_passcode(thief)
    thieves_passcode = stage.passcode
    mine = await stage.to_passcode(victim)
    mixed = {**theirs.hidden, "challenge": mine.hidden["challenge"]}
    answer = await thief.post(PASSCODE, {**mixed, "passcode": stage.passcode})
    assert answer.status == 410
    own = await thief.get(f"{PASSCODE}?challenge={mine.hidden['challenge']}")
    assert own.hidden["challenge"] == theirs.hidden["challenge"]
    assert (await thief.get(SIGN_IN_ORIGIN)).status == 303
    assert thieves_passcode


async def test_without_a_session_the_passcode_page_leads_back_to_the_password(stage: Stage) -> None:
    browser = stage.browser()
    assert (await browser.get(PASSCODE)).location == "/.gatepost/sign-in"
    answer = await browser.post(PASSCODE, {"passcode": "123456", "challenge": "x"})
    assert answer.location == "/.gatepost/sign-in"


async def test_the_page_opened_by_hand_shows_the_newest_challenge(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    assert (await browser.get(PASSCODE)).hidden["challenge"] == page.hidden["challenge"]


async def test_an_ended_session_cannot_step_up(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    (session,) = await stage.store.sessions.sessions()
    await stage.store.sessions.end_session(session.session_id)
    answer = await stage.answer(browser, page, stage.passcode)
    assert answer.location.startswith("/.gatepost/sign-in")
    assert await stage.store.sessions.sessions() == []


async def test_a_re_send_that_nobody_took_says_so(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    stage.now += 31
    stage.phone.outcome = Outcome.UNAVAILABLE
    assert (await browser.post(PASSCODE, {**page.hidden, "resend": "yes"})).status == 503


async def test_the_password_alone_never_reads_a_second_session(stage: Stage) -> None:
    """Two sign-ins of one browser: the first one's session and challenge are over with the second one's password."""
    browser = stage.browser()
    first = await stage.to_passcode(browser)
    first_passcode = stage.passcode
    stage.now += 301
    second = await stage.to_passcode(browser)
    stale = await stage.answer(browser, first, first_passcode)
    assert stale.status == 403  # its token is of the older session
    assert stale.hidden["challenge"] == second.hidden["challenge"]  # and the newer one is shown in its place
    mixed = {**second.hidden, "challenge": first.hidden["challenge"], "passcode": first_passcode}
    assert (await browser.post(PASSCODE, mixed)).status == 410
    assert len(await stage.store.sessions.sessions()) == 1


async def test_a_passcode_that_expires_while_its_form_is_still_coming_in_opens_nothing(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    whole = urlencode({**page.hidden, "passcode": stage.passcode}).encode()
    reads = stage.clock_reads

    async def slowly() -> AsyncIterator[bytes]:
        yield whole[:-1]
        await eventually(lambda: stage.clock_reads > reads)
        stage.now += stage.settings.passcode.lifetime
        yield whole[-1:]

    answer = await browser.post(PASSCODE, slowly())
    assert answer.status == 410, answer.location
    assert (await browser.get(SIGN_IN_ORIGIN)).location.startswith("/.gatepost/sign-in")
