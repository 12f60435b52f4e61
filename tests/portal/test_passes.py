"""A pass from the help desk: given, confirmed, typed in place of a second factor, and all that it does not open."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.factors import Factor
from proxy.operations.store_errors import StoreUnavailable
from proxy.portal.app_keys import FLOW
from proxy.sessions.session import Level
from proxy.sign_in.client import Client
from tests.portal.admin import ADMIN, GIVE, PASSES, PERSON, admin_stage, explained, said, signed_in_admin, token_of
from tests.portal.stage import SIGN_IN_ORIGIN, Browser, Page, Stage
from tests.support.in_between import just_before

HOUR = 3600.0
SCHEMES = [
    {"name": "admins", "factors": ["password"], "groups": ["Gatepost Admins"], "networks": ["192.0.2.0/24"]},
    {"name": "browser", "factors": ["password", "sms"]},
]
WRONG_CODE = "0" * 20


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with admin_stage(tmp_path, schemes=SCHEMES, help_desk={"passes": True}) as running:
        yield running


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Stage]:
    async with admin_stage(tmp_path, schemes=SCHEMES, help_desk={"passes": True, "two_persons": True}) as running:
        users = tmp_path / "users.toml"
        users.write_text(users.read_text().replace('display_name = "Bob"\ngroups = []', 'groups = ["Gatepost Admins"]'))
        yield running


async def give(browser: Browser, login: str = "alice", **fields: str) -> Page:
    page = await explained(browser, login)
    return await browser.post(
        GIVE, {**page.hidden, "reason": "Phone at home", "hours": "2", "opens:Wiki": "on", **fields}
    )


def code_on(page: Page) -> str:
    found = re.search(r'<p class="read"><code>([0-9 ]+)</code>', page.text)
    assert found is not None, page.text
    return found[1]


async def to_pass_page(stage: Stage, browser: Browser, **facts: str) -> Page:
    page = await stage.to_passcode(browser, **facts)
    assert "I have a pass from the help desk" in page.text
    answer = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/passcode", {**page.hidden, "new": "pass"})
    if answer.status != 303:
        return answer
    return await browser.get(SIGN_IN_ORIGIN + answer.location)


async def signed_in_by_pass(stage: Stage, admin: Browser | None = None) -> tuple[Browser, str]:
    code = code_on(await give(admin or await signed_in_admin(stage)))
    browser = stage.browser(address="198.51.100.7")
    answer = await stage.answer(browser, await to_pass_page(stage, browser), code)
    assert answer.location == "/", answer.text
    return browser, code


async def test_it_stands_in_for_the_passcode_and_confines_the_session(stage: Stage) -> None:
    browser, _ = await signed_in_by_pass(stage)
    (session,) = [each for each in await stage.store.sessions.sessions() if each.principal.username == "alice"]
    assert session.level is Level.SIGNED_IN
    assert [proof.factor for proof in session.proven] == [Factor.PASSWORD, Factor.PASS]
    assert session.confined is not None
    assert session.confined.apps == ("Wiki",)
    assert session.confined.ends_at == stage.now + 2 * HOUR
    start = await browser.get(f"{SIGN_IN_ORIGIN}/")
    assert "You signed in with a pass." in start.text
    assert "wiki.corp.example" in start.text
    assert "forms.corp.example" not in start.text.partition("<main")[2]


async def test_the_session_ends_with_the_pass(stage: Stage) -> None:
    browser, _ = await signed_in_by_pass(stage)
    for _ in range(7):  # never idle
        stage.now += HOUR / 4
        assert (await browser.get(f"{SIGN_IN_ORIGIN}/")).status == 200
    stage.now += HOUR / 4
    assert (await browser.get(f"{SIGN_IN_ORIGIN}/")).location.startswith("/.gatepost/sign-in")


async def test_the_code_is_shown_once_kept_as_a_hash_and_in_no_line(stage: Stage) -> None:
    admin = await signed_in_admin(stage)
    code = code_on(await give(admin)).replace(" ", "")
    (given,) = await stage.store.passes.passes(now=stage.now)
    assert code.encode() not in given.digest
    for page in (await admin.get(PASSES), await explained(admin, "alice")):
        assert code not in page.text.replace(" ", "")
    assert code not in stage.log_text
    assert len(code) == 20


async def test_spaces_do_not_matter_and_it_may_be_typed_in_a_second_browser(stage: Stage) -> None:
    _, code = await signed_in_by_pass(stage)
    other = stage.browser()
    page = await to_pass_page(stage, other)
    assert (await stage.answer(other, page, code.replace(" ", "-"))).location == "/"


async def test_a_wrong_code_counts_like_a_wrong_passcode(stage: Stage) -> None:
    await give(await signed_in_admin(stage))
    browser = stage.browser()
    page = await to_pass_page(stage, browser)
    assert (await stage.answer(browser, page, "123")).status == 422
    statuses = [(await stage.answer(browser, page, WRONG_CODE)).status for _ in range(5)]
    assert statuses == [422, 422, 422, 422, 403]
    assert [line["reason"] for line in said(stage, "passcode.refused")] == ["wrong"] * 4 + ["exhausted"]


async def test_another_persons_code_is_wrong(stage: Stage) -> None:
    admin = await signed_in_admin(stage)
    code = code_on(await give(admin, "carol"))
    await give(admin)
    browser = stage.browser()
    page = await to_pass_page(stage, browser)
    assert (await stage.answer(browser, page, code)).status == 422


async def test_without_one_a_page_says_so(stage: Stage) -> None:
    page = await to_pass_page(stage, stage.browser())
    assert page.status == 403
    assert "You have no pass" in page.text


async def test_who_has_no_number_is_asked_for_the_pass_at_once(stage: Stage) -> None:
    assert (await stage.password(stage.browser(), "carol")).status == 403
    code = code_on(await give(await signed_in_admin(stage), "carol"))
    browser = stage.browser()
    page = await stage.to_passcode(browser, username="carol")
    assert "The 20 digits of your pass" in page.text
    assert (await stage.answer(browser, page, code)).location == "/"


async def test_the_explanation_says_what_a_pass_does_not_open(stage: Stage) -> None:
    admin = await signed_in_admin(stage)
    await give(admin, "carol")
    assert "can sign in now" in (await explained(admin, "carol")).text
    page = await explained(admin, "carol", app="Forms")
    assert "they can only use a pass, which does not open Forms" in page.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"reason": " "}, "Write down the reason"),
        ({"reason": "x" * 201}, "Write down the reason"),
        ({"hours": "9"}, "8 at most"),
        ({"hours": "0"}, "8 at most"),
        ({"hours": "1e3"}, "8 at most"),
        ({"opens:Wiki": "on", "opens:Payroll": "on"}, "at least one app"),
    ],
)
async def test_reason_hours_and_apps_are_mandatory(stage: Stage, fields: dict[str, str], words: str) -> None:
    page = await give(await signed_in_admin(stage), **fields)
    assert words in page.text
    assert await stage.store.passes.passes(now=stage.now) == ()


async def test_at_least_one_app_is_named(stage: Stage) -> None:
    admin = await signed_in_admin(stage)
    page = await explained(admin, "alice")
    answer = await admin.post(GIVE, {**page.hidden, "reason": "Phone at home", "hours": "2"})
    assert "at least one app" in answer.text
    assert await stage.store.passes.passes(now=stage.now) == ()


async def test_a_person_has_one_at_a_time(stage: Stage) -> None:
    admin = await signed_in_admin(stage)
    page = await explained(admin, "alice")
    await give(admin)
    again = await admin.post(GIVE, {**page.hidden, "reason": "Again", "hours": "2", "opens:Wiki": "on"})
    assert "They already have a pass" in again.text
    assert "They have a pass until" in (await explained(admin, "alice")).text


async def test_nobody_gives_one_to_themselves(stage: Stage) -> None:
    admin = await signed_in_admin(stage)
    page = await explained(admin, "admin")
    assert "Give them a pass" not in page.text
    answer = await admin.post(GIVE, {**page.hidden, "reason": "Mine", "hours": "2", "opens:Wiki": "on"})
    assert answer.status == 403
    assert await stage.store.passes.passes(now=stage.now) == ()


async def test_reason_approver_and_end_are_recorded(stage: Stage) -> None:
    admin = await signed_in_admin(stage)
    await signed_in_by_pass(stage, admin)
    (line,) = said(stage, "admin.pass_given")
    assert (line["reason"], line["apps"], line["ends_at"]) == ("Phone at home", "Wiki", int(stage.now + 2 * HOUR))
    assert line["guid"] == line["given_by"] != line["person_guid"]
    signed_in = said(stage, "sign_in.succeeded")[-1]
    assert (signed_in["factors"], signed_in["pass_id"]) == ("password pass", line["pass_id"])
    given, entry = stage.recorded.one("admin.pass_given"), stage.recorded.of("sign_in.succeeded")[-1]
    assert given.actor is not None
    assert given.person is not None
    assert (given.actor.guid, given.person.guid) == (line["guid"], line["person_guid"])
    assert (given.facts["apps"], given.personal) == ("Wiki", {"reason": "Phone at home"})
    assert entry.facts["pass_id"] == given.facts["pass_id"] == line["pass_id"]


async def test_the_person_is_told_by_mail_and_on_their_number(stage: Stage) -> None:
    code = code_on(await give(await signed_in_admin(stage))).replace(" ", "")
    await stage.portal[FLOW].proving.notices.settled()
    (told,) = stage.phone.told
    assert told[0] == "+447400123456"
    assert "The help desk gave you a pass" in told[1]
    assert code not in repr(stage.phone.told)


async def end(stage: Stage, admin: Browser) -> Page:
    (given,) = await stage.store.passes.passes(now=stage.now)
    page = await admin.get(PASSES)
    ended = await admin.post(PASSES, {**page.hidden, "end": given.pass_id})
    await stage.portal[FLOW].proving.notices.settled()
    return ended


async def test_the_person_is_told_when_it_is_ended(stage: Stage) -> None:
    admin = await signed_in_admin(stage)
    await give(admin)
    await stage.portal[FLOW].proving.notices.settled()
    stage.phone.told.clear()
    page = await end(stage, admin)
    assert "The pass of alice has ended" in page.text
    assert "We could not tell them: the directory did not say who they are." not in page.text
    (told,) = stage.phone.told
    assert told[0] == "+447400123456"
    assert "The help desk ended your pass" in told[1]


async def test_of_two_who_end_it_at_one_time_one_has_the_person_told(stage: Stage) -> None:
    one, other = await signed_in_admin(stage), await signed_in_admin(stage)
    await give(one)
    await stage.portal[FLOW].proving.notices.settled()
    stage.phone.told.clear()
    # Both have found it; the other one is faster.
    just_before(stage.store.passes, "end_pass", lambda: end(stage, other))
    page = await end(stage, one)
    assert (page.status, "This pass has ended, or was confirmed before." in page.text) == (409, True)
    assert len(stage.phone.told) == 1
    assert len(said(stage, "admin.pass_ended")) == 1


async def test_it_ends_though_the_directory_does_not_say_whom_to_tell(stage: Stage, tmp_path: Path) -> None:
    admin = await signed_in_admin(stage)
    await give(admin)
    await stage.portal[FLOW].proving.notices.settled()
    stage.phone.told.clear()
    users = tmp_path / "users.toml"
    users.write_text(users.read_text().replace('username = "alice"', 'username = "somebody-else"'))
    page = await end(stage, admin)
    assert "We could not tell them: the directory did not say who they are." in page.text
    assert await stage.store.passes.passes(now=stage.now) == ()
    assert stage.phone.told == []
    assert said(stage, "admin.pass_ended")


async def test_of_one_that_never_counted_the_end_is_not_told_either(two: Stage) -> None:
    admin = await signed_in_admin(two)
    await give(admin)
    assert "has ended" in (await end(two, admin)).text
    assert two.phone.told == []


async def test_of_one_that_waits_for_a_second_person_nobody_is_told_before(two: Stage) -> None:
    first, second = await signed_in_admin(two), two.browser()
    await two.password(second, "bob")
    await give(first)
    notices = two.portal[FLOW].proving.notices
    await notices.settled()
    assert two.phone.told == []
    (given,) = await two.store.passes.passes(now=two.now)
    page = await second.get(PASSES)
    await second.post(PASSES, {**page.hidden, "confirm": given.pass_id})
    await notices.settled()
    assert len(two.phone.told) == 1


async def test_ending_one_ends_its_sessions_and_no_others(stage: Stage) -> None:
    admin = await signed_in_admin(stage)
    by_pass, _ = await signed_in_by_pass(stage, admin)
    by_phone = stage.browser()
    await stage.sign_in(by_phone)
    page = await admin.get(PASSES)
    assert "Phone at home" in page.text
    (given,) = await stage.store.passes.passes(now=stage.now)
    ended = await admin.post(PASSES, {**page.hidden, "end": given.pass_id})
    assert "and with it one session" in ended.text
    assert (await by_pass.get(f"{SIGN_IN_ORIGIN}/")).status == 303
    assert (await by_phone.get(f"{SIGN_IN_ORIGIN}/")).status == 200
    assert (await admin.post(PASSES, {**page.hidden, "end": given.pass_id})).status == 409
    assert said(stage, "admin.pass_ended")[0]["sessions"] == 1


async def test_an_end_that_breaks_off_leaves_nothing_open_and_may_be_done_again(stage: Stage) -> None:
    admin = await signed_in_admin(stage)
    browser, _ = await signed_in_by_pass(stage, admin)

    async def fail() -> None:
        raise StoreUnavailable("the disk is gone")

    just_before(stage.store.passes, "end_pass", fail)
    assert (await end(stage, admin)).status == 503
    assert (await browser.get(f"{SIGN_IN_ORIGIN}/")).location.startswith("/.gatepost/sign-in")
    assert "The pass of alice has ended" in (await end(stage, admin)).text
    assert await stage.store.passes.passes(now=stage.now) == ()


async def test_what_it_opens_while_it_is_ended_ends_too(stage: Stage) -> None:
    admin, browser = await signed_in_admin(stage), stage.browser()
    code = code_on(await give(admin))
    page = await to_pass_page(stage, browser)
    just_before(stage.store.passes, "end_pass", lambda: stage.answer(browser, page, code))
    assert "and with it one session" in (await end(stage, admin)).text
    assert (await browser.get(f"{SIGN_IN_ORIGIN}/")).location.startswith("/.gatepost/sign-in")


async def test_what_steps_up_while_it_is_ended_ends_too(stage: Stage) -> None:
    admin = await signed_in_admin(stage)
    await signed_in_by_pass(stage, admin)
    client = Client(address="198.51.100.7", host="signin.corp.example", browser="b", incident="i")
    sessions, left = stage.store.sessions, [Factor.SMS, Factor.TOTP, Factor.EMAIL]

    async def step_up() -> None:
        (mine,) = [each for each in await sessions.sessions() if each.principal.username == "alice"]
        await stage.portal[FLOW].sessions.go_on(client, mine, left.pop(), now=stage.now)
        if left:
            just_before(sessions, "end_session", step_up)

    just_before(sessions, "end_session", step_up)
    assert "and with it one session" in (await end(stage, admin)).text
    assert left == []
    assert [each for each in await sessions.sessions() if each.principal.username == "alice"] == []


async def test_one_that_was_ended_meanwhile_opens_nothing(stage: Stage) -> None:
    code = code_on(await give(await signed_in_admin(stage)))
    browser = stage.browser()
    page = await to_pass_page(stage, browser)
    (given,) = await stage.store.passes.passes(now=stage.now)
    await stage.store.passes.end_pass(given.pass_id)
    assert (await stage.answer(browser, page, code)).status == 410
    assert (await browser.get(f"{SIGN_IN_ORIGIN}/")).status == 303


async def test_one_that_ends_while_its_session_begins_leaves_no_session(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = code_on(await give(await signed_in_admin(stage)))
    browser = stage.browser()
    page = await to_pass_page(stage, browser)
    (given,) = await stage.store.passes.passes(now=stage.now)
    replace_session = stage.store.sessions.replace_session

    async def ended_first(*arguments: object, **named: object) -> bool:
        await stage.store.passes.end_pass(given.pass_id)
        return await replace_session(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(stage.store.sessions, "replace_session", ended_first)
    answer = await stage.answer(browser, page, code)
    assert answer.location.startswith("/.gatepost/sign-in")
    assert [each for each in await stage.store.sessions.sessions() if each.principal.username == "alice"] == []


async def test_it_counts_only_once_a_second_one_has_confirmed_it(two: Stage) -> None:
    first, second = await signed_in_admin(two), two.browser()
    await two.password(second, "bob")
    code = code_on(await give(first))
    browser = two.browser()
    assert (await to_pass_page(two, browser)).status == 403
    (given,) = await two.store.passes.passes(now=two.now)
    own = await first.get(PASSES)
    assert 'name="confirm"' not in own.text
    assert (await first.post(PASSES, {**own.hidden, "confirm": given.pass_id})).status == 409
    page = await second.get(PASSES)
    assert 'name="confirm"' in page.text
    at_once = [second.post(PASSES, {**page.hidden, "confirm": given.pass_id}) for _ in range(5)]
    assert sorted([each.status for each in await asyncio.gather(*at_once)]) == [200, 409, 409, 409, 409]
    assert (await two.answer(browser, await to_pass_page(two, browser), code)).location == "/"
    (line,) = said(two, "admin.pass_confirmed")
    assert line["guid"] != line["given_by"]


async def test_it_is_recorded_though_its_person_cannot_be_told(two: Stage) -> None:
    first, second = await signed_in_admin(two), two.browser()
    await two.password(second, "bob")
    await give(first)
    (given,) = await two.store.passes.passes(now=two.now)
    page = await second.get(PASSES)

    async def fail() -> None:
        raise StoreUnavailable("the disk is gone")

    just_before(two.store.numbers, "known_number", fail)
    assert (await second.post(PASSES, {**page.hidden, "confirm": given.pass_id})).status == 503
    (confirmed,) = await two.store.passes.passes(now=two.now)
    assert confirmed.counts
    assert [line["pass_id"] for line in said(two, "admin.pass_confirmed")] == [given.pass_id]


async def test_nobody_confirms_their_own(two: Stage) -> None:
    first, second = await signed_in_admin(two), two.browser()
    await two.password(second, "bob")
    await give(first, "bob")
    (given,) = await two.store.passes.passes(now=two.now)
    page = await second.get(PASSES)
    assert 'name="confirm"' not in page.text
    assert (await second.post(PASSES, {**page.hidden, "confirm": given.pass_id})).status == 409
    (still,) = await two.store.passes.passes(now=two.now)
    assert not still.counts


async def test_it_opens_no_admin_page(stage: Stage, tmp_path: Path) -> None:
    browser, _ = await signed_in_by_pass(stage)
    users = tmp_path / "users.toml"
    users.write_text(users.read_text().replace('groups = ["Wiki Users"]', 'groups = ["Gatepost Admins"]'))
    token = browser.session_cookie()
    assert token is not None
    session = await stage.sessions.find(token.encode(), "signin.corp.example", stage.now)
    assert session is not None
    person = await stage.realms.of("local").read(session.principal.guid)  # type: ignore[union-attr]
    assert person is not None
    await stage.sessions.update_principal(replace(session, principal=person))
    assert person.groups == {"Gatepost Admins"}
    for url in (ADMIN, PERSON, PASSES):
        assert (await browser.get(url)).status == 403
    form = await token_of(stage, browser)
    assert (await browser.post(PASSES, {**form, "end": "x"})).status == 403
    assert "Administration" not in (await browser.get(f"{SIGN_IN_ORIGIN}/")).text


async def test_a_browser_is_not_remembered_by_it(tmp_path: Path) -> None:
    schemes = [SCHEMES[0], {**SCHEMES[1], "remember": "14d"}]
    async with admin_stage(tmp_path, schemes=schemes, help_desk={"passes": True}) as stage:
        code = code_on(await give(await signed_in_admin(stage)))
        browser = stage.browser()
        assert 'name="remember"' in (await stage.to_passcode(browser)).text
        page = await to_pass_page(stage, browser)
        assert 'name="remember"' not in page.text
        assert (await stage.answer(browser, page, code, remember="yes")).location == "/"
        (session,) = [each for each in await stage.store.sessions.sessions() if each.confined is not None]
        assert await stage.store.browsers.browsers(session.principal.guid) == ()


async def test_while_it_is_off_there_is_none(tmp_path: Path) -> None:
    async with admin_stage(tmp_path, schemes=SCHEMES) as stage:
        admin = await signed_in_admin(stage)
        assert "Give them a pass" not in (await explained(admin, "alice")).text
        assert (await admin.get(PASSES)).status == 404
        page = await stage.to_passcode(stage.browser())
        assert "I have a pass" not in page.text


async def test_nothing_of_it_is_shown_to_others(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    assert (await browser.get(PASSES)).status == 403
    assert "You signed in with a pass" not in (await browser.get(f"{SIGN_IN_ORIGIN}/")).text


async def test_a_step_up_by_it_says_first_that_it_confines_the_session(tmp_path: Path) -> None:
    schemes = [{"name": "weak", "factors": ["password"]}, {"name": "strong", "factors": ["password", "sms"]}]
    async with admin_stage(tmp_path, schemes=schemes, help_desk={"passes": True}) as stage:
        code = code_on(await give(await signed_in_admin(stage), "carol"))
        browser = stage.browser()
        await stage.password(browser, "carol")
        page = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/step-up?scheme=strong")
        assert "If you go on with a pass, you can open only the apps that it names, until it ends." in page.text
        asked = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", page.hidden)
        page = await browser.get(SIGN_IN_ORIGIN + asked.location)
        assert "If you go on with a pass, you can open only the apps that it names, until it ends." in page.text
        await stage.answer(browser, page, code)
        (session,) = [each for each in await stage.store.sessions.sessions() if each.confined is not None]
        assert session.principal.username == "carol"
        other = stage.browser()
        await stage.password(other, "alice")
        page = await other.get(f"{SIGN_IN_ORIGIN}/.gatepost/step-up?scheme=strong")
        assert "If you go on with a pass, you can open only the apps that it names, until it ends." not in page.text
