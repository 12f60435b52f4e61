"""A manager vouches: asked for, answered with the right words, gone on with once, and all that is refused."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.factors import Factor
from config.settings import HelpDeskSettings
from proxy.factors.passes.passes import Passes
from proxy.factors.passes.vouch import VouchRequest
from proxy.operations.store_errors import StoreUnavailable
from proxy.portal.app_keys import FLOW
from proxy.portal.csrf import Form, csrf_token
from proxy.sessions.session import FIRST_FACTOR_SECONDS, Level
from tests.portal.admin import PASSES, admin_stage, explained, said, signed_in_admin
from tests.portal.stage import SIGN_IN_ORIGIN, WIKI, Browser, Page, Stage
from tests.portal.test_passes import SCHEMES, code_on, give
from tests.support.in_between import just_before

HOUR = 3600.0
VOUCH, MINE = f"{SIGN_IN_ORIGIN}/.gatepost/vouch", f"{SIGN_IN_ORIGIN}/.gatepost/me/vouch"
ON = {"passes": True, "vouching": True}


def managed(folder: Path, **managers: str) -> None:
    """Write into the users' file who is whose manager; the rest of it stays. Everybody has a number."""
    users = folder / "users.toml"
    text = re.sub(r"^manager = .*\n", "", users.read_text(), flags=re.M)
    text = text.replace('display_name = "Bob"\ngroups', 'display_name = "Bob"\nmobile = "07400 555555"\ngroups')
    text = text.replace('"020 7946 0000"', '"07400 777777"')
    for name, manager in managers.items():
        text = text.replace(f'username = "{name}"\n', f'username = "{name}"\nmanager = "{manager}"\n')
    users.write_text(text)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with admin_stage(tmp_path, schemes=SCHEMES, help_desk=ON) as running:
        managed(tmp_path, alice="bob", bob="carol")
        yield running


async def no_phone(stage: Stage, browser: Browser, **facts: str) -> Page:
    """The page after "I don't have my phone"."""
    page = await stage.to_passcode(browser, **facts)
    assert "I don’t have my phone" in page.text
    answer = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/passcode", {**page.hidden, "new": "ask_manager"})
    assert answer.status == 303
    return await browser.get(SIGN_IN_ORIGIN + answer.location)


async def ask(browser: Browser, form: Page, **fields: str) -> Page:
    wanted = {"ask": "yes", "reason": "Phone at home", "hours": "2", "opens:Wiki": "on", **fields}
    answer = await browser.post(VOUCH, {**form.hidden, **wanted})
    return await browser.get(SIGN_IN_ORIGIN + answer.location) if answer.status == 303 else answer


async def asking(stage: Stage, username: str = "alice", **fields: str) -> tuple[Browser, Page]:
    """Somebody who waits, and the page that shows their words."""
    browser = stage.browser(address="198.51.100.7")
    page = await ask(browser, await no_phone(stage, browser, username=username), **fields)
    assert page.status == 200, page.text
    return browser, page


async def manager_of(stage: Stage, username: str = "bob") -> Browser:
    browser = stage.browser(address="198.51.100.8")
    await stage.sign_in(browser, username=username)
    return browser


async def request_of(stage: Stage) -> VouchRequest:
    (found,) = await stage.store.passes.vouches(now=stage.now)
    return found


async def session_id_of(stage: Stage, browser: Browser) -> str:
    session = await stage.sessions.find((browser.session_cookie() or "").encode(), "signin.corp.example", stage.now)
    assert session is not None
    return session.session_id


def csrf_of(stage: Stage, browser: Browser, session_id: str) -> str:
    own = browser.cookies["signin.corp.example"]["__Host-gatepost-browser"]
    return csrf_token(stage.portal_key, form=Form.VOUCH, browser=own, session_id=session_id)


async def answered(stage: Stage, manager: Browser, **fields: str) -> Page:
    """A manager's yes, with a token that is right whether or not the page has a form."""
    asked = await request_of(stage)
    token = csrf_of(stage, manager, await session_id_of(stage, manager))
    sent = {"csrf_token": token, "vouch": asked.vouch_id, "words": asked.words, "answer": "yes"}
    return await manager.post(MINE, {**sent, **fields})


async def went_on(browser: Browser) -> Page:
    page = await browser.get(VOUCH)
    return await browser.post(VOUCH, {**page.hidden, "go_on": "yes"})


async def sessions_of(stage: Stage, username: str = "alice") -> list[Level]:
    return [each.level for each in await stage.store.sessions.sessions() if each.principal.username == username]


async def vouched(stage: Stage) -> Browser:
    browser, _ = await asking(stage)
    assert (await answered(stage, await manager_of(stage))).location == "/.gatepost/me/vouch?told=yes"
    assert (await went_on(browser)).location == "/"
    return browser


async def test_the_right_words_open_the_named_apps_for_the_hours(stage: Stage) -> None:
    browser, page = await asking(stage)
    asked = await request_of(stage)
    assert f"<strong>{asked.words}</strong>" in page.text
    assert "Call Bob" in page.text
    assert asked.words in asked.offered
    assert len({word for pair in asked.offered for word in pair.split()}) == 12
    manager = await manager_of(stage)
    mine = await manager.get(MINE)
    for shown in ("Alice &lt;Liddell&gt;", "Wiki", "Phone at home", "<dd>2</dd>", *asked.offered):
        assert shown in mine.text
    assert (await answered(stage, manager)).location.endswith("told=yes")
    assert "They were told" in (await manager.get(f"{MINE}?told=yes")).text
    page = await browser.get(VOUCH)
    assert "Bob vouched for you" in page.text
    assert "You can open nothing else" in page.text
    assert (await went_on(browser)).location == "/"
    (session,) = [each for each in await stage.store.sessions.sessions() if each.principal.username == "alice"]
    assert [proof.factor for proof in session.proven] == [Factor.PASSWORD, Factor.PASS]
    assert session.confined is not None
    assert (session.confined.apps, session.confined.ends_at) == (("Wiki",), stage.now + 2 * HOUR)
    assert session.confined.is_vouched
    start = await browser.get(f"{SIGN_IN_ORIGIN}/")
    assert "You signed in with a pass." in start.text
    assert "forms.corp.example" not in start.text.partition("<main")[2]


async def test_it_leads_back_to_the_app_that_was_asked_for(stage: Stage) -> None:
    browser = stage.browser()
    form = await no_phone(stage, browser, return_to=f"{WIKI}/page?a=1", start="s" * 43)
    assert 'name="opens:Wiki" checked' in form.text
    assert 'name="opens:Forms">' in form.text
    await ask(browser, form)
    await answered(stage, await manager_of(stage))
    on = await browser.post(VOUCH, {**form.hidden, "go_on": "yes"})
    assert on.location.startswith(f"{WIKI}/.gatepost/ticket?")


async def test_nothing_moves_before_the_answer(stage: Stage) -> None:
    browser, _ = await asking(stage)
    status = await browser.get(f"{VOUCH}/status")
    assert status.text == '{"waits": true}'
    form = await stage.browser().get(VOUCH)
    assert form.location.startswith("/.gatepost/sign-in")
    token = csrf_of(stage, browser, await session_id_of(stage, browser))
    early = await browser.post(VOUCH, {"csrf_token": token, "go_on": "yes"})
    assert early.status == 403
    assert await sessions_of(stage) == [Level.FIRST_FACTOR]
    assert (await browser.get(f"{SIGN_IN_ORIGIN}/")).status == 303


async def test_a_frame_of_the_page_looks_again_without_its_script_and_lets_it_ask(stage: Stage) -> None:
    """Only the frame is loaded again: the page keeps the fragment of its address, and its reader their place."""
    browser, page = await asking(stage)
    assert '<noscript><iframe src="/.gatepost/vouch/status?frame=yes" title=' in page.text
    assert "refresh" not in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "connect-src 'self'; frame-src 'self'; " in policy
    frame = await browser.get(f"{VOUCH}/status?frame=yes")
    assert '<meta http-equiv="refresh" content="5">' in frame.text
    assert "We are waiting for Bob." in frame.text
    assert "frame-ancestors" not in frame.headers["Content-Security-Policy"]
    await answered(stage, await manager_of(stage))
    frame = await browser.get(f"{VOUCH}/status?frame=yes")
    assert "Bob has answered." in frame.text
    assert "refresh" not in frame.text
    assert (await stage.browser().get(f"{VOUCH}/status?frame=yes")).status == 404


async def test_no_is_no(stage: Stage) -> None:
    browser, _ = await asking(stage)
    answer = await answered(stage, await manager_of(stage), answer="no", words="")
    assert answer.location.endswith("told=no")
    page = await browser.get(VOUCH)
    assert (page.status, "Your manager said no" in page.text) == (403, True)
    assert (await stage.store.passes.passes(now=stage.now), await sessions_of(stage)) == ((), [Level.FIRST_FACTOR])


@pytest.mark.parametrize("words", ["other", "", "amber\0"])
async def test_wrong_words_are_the_end_and_count_like_a_wrong_passcode(stage: Stage, words: str) -> None:
    browser, _ = await asking(stage)
    asked, manager = await request_of(stage), await manager_of(stage)
    other = next(pair for pair in asked.offered if pair != asked.words)
    wrong = await answered(stage, manager, words=other if words == "other" else words)
    assert (wrong.status, "not the words on their page" in wrong.text) == (422, True)
    assert (await answered(stage, manager)).status == 409
    page = await browser.get(VOUCH)
    assert (page.status, "chose other words" in page.text) == (403, True)
    assert await stage.store.passes.passes(now=stage.now) == ()
    assert said(stage, "vouch.refused")[0]["reason"] == "wrong_words"
    explained_bob = await explained(await signed_in_admin(stage), "bob")
    assert "wrong passcodes in a row: 1 of" in explained_bob.text


@pytest.mark.parametrize("answer", ["no", "wrong words", "ended"])
async def test_after_an_answer_that_helped_nobody_they_can_ask_again(stage: Stage, answer: str) -> None:
    browser, _ = await asking(stage)
    before, manager = await request_of(stage), await manager_of(stage)
    await answered(stage, manager, **{"no": {"answer": "no"}, "wrong words": {"words": "x"}}.get(answer, {}))
    for given in await stage.store.passes.passes(now=stage.now):
        await stage.store.passes.end_pass(given.pass_id)
    page = await browser.get(VOUCH)
    assert page.status == 403
    again = re.search(r'href="(/\.gatepost/vouch\?[^"]*)"', page.text)
    assert again is not None, page.text
    page = await ask(browser, await browser.get(SIGN_IN_ORIGIN + html.unescape(again[1])))
    asked = await request_of(stage)
    assert asked.words in page.text
    assert asked.vouch_id != before.vouch_id
    await answered(stage, manager)
    assert (await went_on(browser)).location == "/"


async def test_nobody_asks_again_while_they_wait_or_can_go_on(stage: Stage) -> None:
    browser, _ = await asking(stage)
    assert 'name="ask"' not in (await browser.get(f"{VOUCH}?ask_again=1")).text
    await answered(stage, await manager_of(stage))
    assert "Bob vouched for you" in (await browser.get(f"{VOUCH}?ask_again=1")).text


async def test_too_many_wrong_words_stop_the_manager(tmp_path: Path) -> None:
    limits = {"passcodes_per_person": 2}
    async with admin_stage(tmp_path, schemes=SCHEMES, help_desk=ON, throttle=limits) as stage:
        managed(tmp_path, alice="bob")
        manager = await manager_of(stage)
        for _ in range(2):
            await asking(stage)
            assert (await answered(stage, manager, words="wrong")).status == 422
        await asking(stage)
        late = await answered(stage, manager)
        assert late.status == 429
        assert "Retry-After" in late.headers
        assert await stage.store.passes.passes(now=stage.now) == ()


async def test_a_hundred_at_once_open_one_session(stage: Stage) -> None:
    browser, _ = await asking(stage)
    manager = await manager_of(stage)
    at_once = await asyncio.gather(*(answered(stage, manager.copy()) for _ in range(100)))
    assert sum(each.status == 303 for each in at_once) == 1
    assert len(await stage.store.passes.passes(now=stage.now)) == 1
    form = await browser.get(VOUCH)
    goes = await asyncio.gather(*(browser.copy().post(VOUCH, {**form.hidden, "go_on": "yes"}) for _ in range(100)))
    assert sum(each.location == "/" for each in goes if each.status == 303) == 1
    assert await sessions_of(stage) == [Level.SIGNED_IN]


async def test_a_second_yes_changes_nothing(stage: Stage) -> None:
    await asking(stage)
    manager = await manager_of(stage)
    await answered(stage, manager)
    again = await answered(stage, manager)
    assert (again.status, "answered already" in again.text) == (409, True)
    assert len(await stage.store.passes.passes(now=stage.now)) == 1


async def test_another_sign_in_of_the_same_person_does_not_go_on_by_it(stage: Stage) -> None:
    browser, _ = await asking(stage)
    thief = stage.browser(address="203.0.113.66")
    form = await no_phone(stage, thief)
    await answered(stage, await manager_of(stage))
    assert (await thief.post(VOUCH, {**form.hidden, "go_on": "yes"})).status == 403
    assert (await went_on(browser)).location == "/"


async def test_nor_does_its_pass_open_anything_by_a_code(stage: Stage) -> None:
    await asking(stage)
    await answered(stage, await manager_of(stage))
    other = stage.browser()
    page = await stage.to_passcode(other)
    refused = await other.post(f"{SIGN_IN_ORIGIN}/.gatepost/passcode", {**page.hidden, "new": "pass"})
    assert (refused.status, "You have no pass" in refused.text) == (403, True)


async def test_whoever_asks_last_has_the_words_that_count(stage: Stage) -> None:
    first, _ = await asking(stage)
    before = await request_of(stage)
    second, _ = await asking(stage)
    manager = await manager_of(stage)
    assert (await answered(stage, manager, vouch=before.vouch_id, words=before.words)).status == 409
    assert "Ask your manager" in (await first.get(VOUCH)).text
    await answered(stage, manager)
    assert (await went_on(first)).status == 403
    assert (await went_on(second)).location == "/"


async def test_a_new_vouch_ends_what_the_one_before_opened(stage: Stage) -> None:
    first = await vouched(stage)
    (before,) = await stage.store.passes.passes(now=stage.now)
    second = await vouched(stage)
    (line,) = said(stage, "vouch.replaced")
    assert (line["pass_id"], line["person_guid"], line["sessions"]) == (before.pass_id, before.guid, 1)
    assert (await first.get(f"{SIGN_IN_ORIGIN}/")).status == 303
    assert (await second.get(f"{SIGN_IN_ORIGIN}/")).status == 200
    assert len(await stage.store.passes.passes(now=stage.now)) == 1


async def test_a_request_is_over_after_ten_minutes(stage: Stage) -> None:
    browser, _ = await asking(stage)
    asked = await request_of(stage)
    stage.now = asked.expires_at - 1
    manager = await manager_of(stage)
    assert asked.words in (await manager.get(MINE)).text
    stage.now = asked.expires_at
    assert "Nobody asks you." in (await manager.get(MINE)).text
    token = csrf_of(stage, manager, await session_id_of(stage, manager))
    yes = {"csrf_token": token, "vouch": asked.vouch_id, "words": asked.words, "answer": "yes"}
    assert (await manager.post(MINE, yes)).status == 409
    assert await stage.store.passes.passes(now=stage.now) == ()
    assert "Ask your manager" in (await browser.get(VOUCH)).text


async def test_a_person_asks_five_times_an_hour(stage: Stage) -> None:
    for _ in range(5):
        await asking(stage)
        stage.now += 60
    browser = stage.browser()
    page = await ask(browser, await no_phone(stage, browser))
    assert page.status == 429
    assert said(stage, "vouch.not_possible")[-1]["reason"] == "asked_too_often"


async def test_who_has_no_passcode_left_to_try_does_not_get_around_that(tmp_path: Path) -> None:
    async with admin_stage(tmp_path, schemes=SCHEMES, help_desk=ON, throttle={"passcodes_per_person": 1}) as stage:
        managed(tmp_path, alice="bob")
        browser = stage.browser()
        form = await no_phone(stage, browser)
        page = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/passcode")
        await stage.answer(browser, page, stage.wrong_passcode())
        assert (await ask(browser, form)).status == 429
        assert await stage.store.passes.vouches(now=stage.now) == ()


@pytest.mark.parametrize(
    ("managers", "reason"),
    [
        ({}, "no_manager"),
        ({"alice": "alice"}, "own_manager"),
        ({"alice": "bob", "bob": "alice"}, "managers_in_a_loop"),
        ({"alice": "bob", "bob": "carol", "carol": "bob"}, "managers_in_a_loop"),
        ({"alice": "gone"}, "manager_cannot_sign_in"),
    ],
)
async def test_where_nobody_may_vouch_nobody_is_asked(
    stage: Stage, tmp_path: Path, managers: dict[str, str], reason: str
) -> None:
    browser = stage.browser()
    form = await no_phone(stage, browser)
    managed(tmp_path, **managers)
    page = await ask(browser, form)
    assert (page.status, "Nobody can vouch for you" in page.text) == (403, True)
    assert reason not in page.text
    assert said(stage, "vouch.not_possible")[-1]["reason"] == reason
    assert await stage.store.passes.vouches(now=stage.now) == ()
    assert "Nobody can vouch for you" in (await browser.get(VOUCH)).text


@pytest.mark.parametrize(
    "managers",
    [
        {"alice": "carol"},
        {"alice": "alice"},
        {},
        {"alice": "bob", "bob": "alice"},
        {"alice": "bob", "bob": "carol", "carol": "bob"},
    ],
)
async def test_who_may_is_read_again_when_it_is_answered(
    stage: Stage, tmp_path: Path, managers: dict[str, str]
) -> None:
    await asking(stage)
    manager = await manager_of(stage)
    managed(tmp_path, **managers)
    page = await answered(stage, manager)
    assert (page.status, "does not name you as their manager" in page.text) == (403, True)
    assert await stage.store.passes.passes(now=stage.now) == ()
    assert said(stage, "vouch.refused")[-1]["reason"] == "not_their_manager"


async def test_nobody_else_answers(stage: Stage, tmp_path: Path) -> None:
    await asking(stage)
    other = await manager_of(stage, "carol")
    page = await other.get(MINE)
    assert "Nobody asks you." in page.text
    assert (await answered(stage, other)).status == 409
    assert await stage.store.passes.passes(now=stage.now) == ()


async def test_nobody_vouches_for_themselves_even_with_a_second_session(stage: Stage) -> None:
    own = stage.browser()
    await stage.sign_in(own)
    await asking(stage)
    page = await own.get(MINE)
    assert "Nobody asks you." in page.text
    assert (await answered(stage, own)).status == 409


async def test_a_manager_who_signed_in_with_a_pass_does_not_vouch(stage: Stage) -> None:
    code = code_on(await give(await signed_in_admin(stage), "bob"))
    manager = stage.browser()
    page = await stage.to_passcode(manager, username="bob")
    await manager.post(f"{SIGN_IN_ORIGIN}/.gatepost/passcode", {**page.hidden, "new": "pass"})
    page = await manager.get(f"{SIGN_IN_ORIGIN}/.gatepost/passcode")
    assert "you can open only the apps that it names" in page.text
    assert (await stage.answer(manager, page, code)).location == "/"
    await asking(stage)
    page = await manager.get(MINE)
    assert (page.status, "Not with a pass" in page.text) == (403, True)
    token = {"csrf_token": csrf_of(stage, manager, await session_id_of(stage, manager))}
    asked = await request_of(stage)
    forced = {**token, "vouch": asked.vouch_id, "words": asked.words, "answer": "yes"}
    assert (await manager.post(MINE, forced)).status == 403
    assert "asks you to vouch" not in (await manager.get(f"{SIGN_IN_ORIGIN}/")).text
    assert await stage.store.passes.passes((await request_of(stage)).guid, now=stage.now) == ()


async def test_a_manager_proves_a_fresh_second_factor_first(stage: Stage) -> None:
    manager = await manager_of(stage)
    stage.now += 601
    await asking(stage)
    page = await manager.get(MINE)
    assert page.location.startswith("/.gatepost/step-up?scheme=%09factors&return_to=%2F.gatepost%2Fme%2Fvouch")
    token = {"csrf_token": csrf_of(stage, manager, await session_id_of(stage, manager))}
    asked = await request_of(stage)
    forced = {**token, "vouch": asked.vouch_id, "words": asked.words, "answer": "yes"}
    assert (await manager.post(MINE, forced)).location.startswith("/.gatepost/step-up")
    assert await stage.store.passes.passes(now=stage.now) == ()
    step_up = await manager.get(SIGN_IN_ORIGIN + page.location)
    sent = await manager.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", step_up.hidden)
    passcode = await manager.get(SIGN_IN_ORIGIN + sent.location)
    assert (await stage.answer(manager, passcode, stage.passcode)).location == "/.gatepost/me/vouch"
    assert (await answered(stage, manager)).location.endswith("told=yes")


async def test_both_forms_need_their_token(stage: Stage) -> None:
    browser = stage.browser()
    form = await no_phone(stage, browser)
    bad = {**form.hidden, "csrf_token": "x" * 43}
    assert (await browser.post(VOUCH, {**bad, "ask": "yes"})).status == 403
    await ask(browser, form)
    manager = await manager_of(stage)
    assert (await answered(stage, manager, csrf_token="x" * 43)).status == 403
    await answered(stage, manager)
    assert (await browser.post(VOUCH, {**bad, "go_on": "yes"})).status == 403
    assert await sessions_of(stage) == [Level.FIRST_FACTOR]


async def test_once_its_sign_in_has_ended_a_yes_gives_nothing(stage: Stage) -> None:
    await asking(stage)
    asked = await request_of(stage)
    manager = await manager_of(stage)
    await stage.store.sessions.end_sessions_of(asked.guid)
    assert (await answered(stage, manager)).status == 409
    assert await stage.store.passes.passes(now=stage.now) == ()


async def test_once_the_time_of_the_sign_in_is_over_a_yes_gives_nothing(stage: Stage) -> None:
    browser = stage.browser()
    form = await no_phone(stage, browser)
    stage.now += FIRST_FACTOR_SECONDS - 60
    await ask(browser, form)
    stage.now += 60
    manager = await manager_of(stage)
    assert (await answered(stage, manager)).status == 409
    assert await stage.store.passes.passes(now=stage.now) == ()


async def test_once_the_person_cannot_sign_in_a_yes_gives_nothing(stage: Stage, tmp_path: Path) -> None:
    await asking(stage)
    manager = await manager_of(stage)
    users = tmp_path / "users.toml"
    users.write_text(users.read_text().replace('username = "alice"', 'username = "alice"\ndisabled = true'))
    assert (await answered(stage, manager)).status == 409
    assert await stage.store.passes.passes(now=stage.now) == ()


async def test_a_pass_that_was_ended_before_its_person_went_on_opens_nothing(stage: Stage) -> None:
    browser, _ = await asking(stage)
    await answered(stage, await manager_of(stage))
    form = await browser.get(VOUCH)
    (given,) = await stage.store.passes.passes(now=stage.now)
    await stage.store.passes.end_pass(given.pass_id)
    assert (await browser.post(VOUCH, {**form.hidden, "go_on": "yes"})).status == 403
    assert "has ended" in (await browser.get(VOUCH)).text
    assert await sessions_of(stage) == [Level.FIRST_FACTOR]


async def test_who_has_a_pass_of_the_help_desk_types_that(stage: Stage) -> None:
    await give(await signed_in_admin(stage))
    page = await no_phone(stage, stage.browser())
    assert (page.status, "The help desk gave you a pass" in page.text) == (403, True)


async def test_the_help_desk_may_be_faster(stage: Stage) -> None:
    await asking(stage)
    manager = await manager_of(stage)
    await give(await signed_in_admin(stage))
    page = await answered(stage, manager)
    assert (page.status, "given them a pass in the meantime" in page.text) == (409, True)
    assert len(await stage.store.passes.passes(now=stage.now)) == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"reason": " "}, "Write down the reason"),
        ({"reason": "x" * 201}, "Write down the reason"),
        ({"hours": "9"}, "8 at most"),
        ({"hours": "0"}, "8 at most"),
        ({"opens:Payroll": "on"}, "at least one app"),
    ],
)
async def test_reason_hours_and_apps_are_mandatory(stage: Stage, fields: dict[str, str], words: str) -> None:
    browser = stage.browser()
    page = await ask(browser, await no_phone(stage, browser), **fields)
    assert (page.status, words in page.text) == (422, True)
    assert 'value="Phone at home"' in page.text or "reason" in fields
    assert await stage.store.passes.vouches(now=stage.now) == ()


async def test_only_own_apps_are_offered_and_may_be_named(stage: Stage, tmp_path: Path) -> None:
    managed(tmp_path, carol="bob")
    browser = stage.browser()
    form = await no_phone(stage, browser, username="carol")
    assert "opens:Forms" in form.text
    assert "opens:Wiki" not in form.text
    assert (await ask(browser, form)).status == 422


async def test_the_person_is_told_by_mail_and_on_their_number(stage: Stage) -> None:
    await vouched(stage)
    await stage.portal[FLOW].proving.notices.settled()
    (told,) = stage.phone.told
    assert told[0] == "+447400123456"
    assert "Your manager vouched" in told[1]


async def test_reason_approver_and_end_are_recorded_and_no_words(stage: Stage) -> None:
    browser, _ = await asking(stage)
    asked = await request_of(stage)
    await answered(stage, await manager_of(stage))
    await went_on(browser)
    (line,) = said(stage, "vouch.asked")
    assert (line["reason"], line["apps"], line["asked_of"]) == ("Phone at home", "Wiki", asked.asked_of.guid)
    (line,) = said(stage, "vouch.answered")
    assert (line["reason"], line["apps"], line["ends_at"]) == ("Phone at home", "Wiki", int(stage.now + 2 * HOUR))
    assert line["guid"] == line["given_by"] == asked.asked_of.guid
    assert (line["answer"], line["person_guid"]) == ("yes", asked.guid)
    signed_in = said(stage, "sign_in.succeeded")[-1]
    assert (signed_in["factors"], signed_in["pass_id"]) == ("password pass", line["pass_id"])
    recorded = [stage.recorded.one(name) for name in ("vouch.asked", "vouch.answered")]
    assert [(each.actor and each.actor.guid, each.person and each.person.guid) for each in recorded] == [
        (asked.guid, None),
        (asked.asked_of.guid, asked.guid),
    ]
    assert [each.personal["reason"] for each in recorded] == ["Phone at home"] * 2
    stage.recorded.holds_none_of([word for pair in asked.offered for word in pair.split() if len(word) > 5])
    assert not any(word in stage.log_text for pair in asked.offered for word in pair.split() if len(word) > 5)


async def test_a_yes_is_recorded_though_the_person_cannot_be_told(stage: Stage) -> None:
    await asking(stage)
    manager = await manager_of(stage)

    async def fail() -> None:
        raise StoreUnavailable("the disk is gone")

    just_before(stage.store.numbers, "known_number", fail)
    assert (await answered(stage, manager)).status == 503
    (given,) = await stage.store.passes.passes(now=stage.now)
    assert [line["pass_id"] for line in said(stage, "vouch.answered")] == [given.pass_id]


async def test_requests_and_passes_are_listed_and_ended_on_the_admin_page(stage: Stage) -> None:
    browser, _ = await asking(stage)
    admin = await signed_in_admin(stage)
    page = await admin.get(PASSES)
    assert "People whose managers are asked" in page.text
    asked = await request_of(stage)
    assert not any(pair in page.text for pair in asked.offered)
    await answered(stage, await manager_of(stage))
    await went_on(browser)
    page = await admin.get(PASSES)
    assert "People whose managers are asked" not in page.text
    assert "Bob" in page.text
    (given,) = await stage.store.passes.passes(now=stage.now)
    assert given.needs_second is False
    ended = await admin.post(PASSES, {**page.hidden, "end": given.pass_id})
    assert "and with it one session" in ended.text
    assert (await browser.get(f"{SIGN_IN_ORIGIN}/")).status == 303


async def test_the_session_ends_with_the_hours(stage: Stage) -> None:
    browser = await vouched(stage)
    for _ in range(7):
        stage.now += HOUR / 4
        assert (await browser.get(f"{SIGN_IN_ORIGIN}/")).status == 200
    stage.now += HOUR / 4
    assert (await browser.get(f"{SIGN_IN_ORIGIN}/")).status == 303


async def test_it_enrols_nothing_vouches_for_nobody_and_asks_no_more(stage: Stage, tmp_path: Path) -> None:
    browser = await vouched(stage)
    for path in ("me/factors", "me/vouch", "password", "admin/"):
        assert (await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/{path}")).status in (403, 404), path
    assert (await browser.get(VOUCH)).location == "/"


async def test_other_pages_of_the_manager_say_that_somebody_asks(stage: Stage) -> None:
    manager = await manager_of(stage)
    assert "asks you to vouch" not in (await manager.get(f"{SIGN_IN_ORIGIN}/")).text
    await asking(stage)
    for path in ("/", "/.gatepost/me"):
        page = await manager.get(SIGN_IN_ORIGIN + path)
        assert 'href="/.gatepost/me/vouch">Somebody asks you to vouch for them</a>' in page.text


async def test_a_step_up_can_be_vouched_for_and_confines_the_session(tmp_path: Path) -> None:
    schemes = [
        {"name": "weak", "factors": ["password"], "networks": ["198.51.100.0/24"]},
        {"name": "strong", "factors": ["password", "sms"]},
    ]
    async with admin_stage(tmp_path, schemes=schemes, help_desk=ON) as stage:
        managed(tmp_path, alice="bob")
        browser = stage.browser(address="198.51.100.7")
        await stage.password(browser)
        step_up = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/step-up?scheme=strong")
        sent = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", step_up.hidden)
        page = await browser.get(SIGN_IN_ORIGIN + sent.location)
        answer = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/passcode", {**page.hidden, "new": "ask_manager"})
        form = await browser.get(SIGN_IN_ORIGIN + answer.location)
        assert "You can then open only the apps that you choose here" in form.text
        await ask(browser, form)
        manager = stage.browser(address="203.0.113.8")
        await stage.sign_in(manager, username="bob")
        await answered(stage, manager)
        assert (await went_on(browser)).status == 303
        (session,) = [each for each in await stage.store.sessions.sessions() if each.principal.username == "alice"]
        assert session.confined is not None
        assert Factor.PASS in session.proven_factors


async def test_on_a_shared_computer_nobody_vouches(tmp_path: Path) -> None:
    shared = [{"name": "Ward", "addresses": ["198.51.100.8/32"], "shared": True}]
    async with admin_stage(tmp_path, schemes=SCHEMES, help_desk=ON, networks=shared) as stage:
        managed(tmp_path, alice="bob")
        manager = await manager_of(stage)
        await asking(stage)
        assert (await manager.get(MINE)).status == 403
        token = {"csrf_token": csrf_of(stage, manager, await session_id_of(stage, manager))}
        assert (await answered(stage, manager, **token)).status == 403


async def test_while_it_is_off_there_is_none(tmp_path: Path) -> None:
    async with admin_stage(tmp_path, schemes=SCHEMES, help_desk={"passes": True}) as stage:
        managed(tmp_path, alice="bob")
        browser = stage.browser()
        page = await stage.to_passcode(browser)
        assert "I don’t have my phone" not in page.text
        for url in (VOUCH, MINE, f"{VOUCH}/status"):
            assert (await browser.get(url)).status == 404


async def test_alone_it_offers_no_pass_of_the_help_desk(tmp_path: Path) -> None:
    async with admin_stage(tmp_path, schemes=SCHEMES, help_desk={"vouching": True}) as stage:
        managed(tmp_path, alice="bob")
        page = await stage.to_passcode(stage.browser())
        assert "I have a pass" not in page.text
        admin = await signed_in_admin(stage)
        assert "Give them a pass" not in (await explained(admin, "alice")).text
        assert (await admin.get(PASSES)).status == 200
        browser = await vouched(stage)
        assert (await browser.get(f"{SIGN_IN_ORIGIN}/")).status == 200


async def test_the_way_to_it_tells_nobody_who_is_there(stage: Stage) -> None:
    """Without a password that is right there is no session, and so no page of it."""
    browser = stage.browser()
    await stage.password(browser, "alice", "wrong one")
    assert (await browser.get(VOUCH)).location.startswith("/.gatepost/sign-in")
    assert html.unescape((await browser.get(f"{VOUCH}/status")).text) != '{"waits": true}'


@pytest.mark.parametrize(
    ("managers", "words"),
    [
        ({"alice": "bob"}, "their manager can vouch for them, should they be without their phone: bob"),
        ({}, "nobody can vouch for them, should they be without their phone: the directory names no manager"),
        ({"alice": "alice"}, "the directory names them as their own manager"),
        ({"alice": "bob", "bob": "alice"}, "somebody above them is their own manager in the end"),
        ({"alice": "gone"}, "account is disabled, locked or expired"),
    ],
)
async def test_the_explanation_says_who_can_or_why_nobody_can(
    stage: Stage, tmp_path: Path, managers: dict[str, str], words: str
) -> None:
    managed(tmp_path, **managers)
    page = await explained(await signed_in_admin(stage), "alice")
    assert words in html.unescape(page.text)
    assert "can sign in now" in page.text
    assert await stage.store.passes.vouches(now=stage.now) == ()


async def test_the_explanation_says_that_a_pass_of_the_help_desk_comes_first(stage: Stage) -> None:
    admin = await signed_in_admin(stage)
    await give(admin)
    assert "they have a pass of the help desk" in (await explained(admin, "alice")).text


async def test_of_a_sign_in_without_a_second_factor_it_says_nothing(stage: Stage) -> None:
    assert "vouch for them" not in (await explained(await signed_in_admin(stage), "admin", address="192.0.2.7")).text


async def test_who_is_signed_in_with_enough_asks_nobody(stage: Stage) -> None:
    own = await manager_of(stage, "alice")
    token = {"csrf_token": csrf_of(stage, own, await session_id_of(stage, own))}
    wanted = {**token, "ask": "yes", "reason": "Just so", "hours": "2", "opens:Wiki": "on"}
    assert (await own.post(VOUCH, wanted)).location == "/"
    assert (await own.get(VOUCH)).location == "/"
    assert await stage.store.passes.vouches(now=stage.now) == ()


async def test_a_vouch_that_is_switched_off_before_its_person_goes_on_opens_nothing(stage: Stage) -> None:
    await asking(stage)
    await answered(stage, await manager_of(stage))
    asked = await request_of(stage)
    person = await stage.realms.of("local").read(asked.guid)  # type: ignore[union-attr]
    assert person is not None
    on, off = (
        Passes(stage.settings.passcode, HelpDeskSettings(passes=True, vouching=each), stage.store.passes, stage.keys)
        for each in (True, False)
    )
    assert await on.vouched(person, asked.session_id, now=stage.now) is not None
    assert await off.vouched(person, asked.session_id, now=stage.now) is None
    assert await on.counting(person, now=stage.now) is None
