"""A browser that is remembered: what it saves, what it never stands for, and everything that makes it fall."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from argon2 import PasswordHasher

from config.factors import Factor
from config.settings import SchemeSettings
from directory.login_name import parse_login_name
from directory.principal import Principal
from proxy.factors.remembered.browser import Fall, RememberedBrowser, name_of, next_value, password_of, why_fallen
from proxy.factors.remembered.browser_store import CHANGE_SECONDS
from proxy.factors.second_factor import Chosen, Lack, Unusable
from proxy.secrets.keys import Keys, Purpose
from proxy.secrets.tokens import is_token, new_token
from proxy.sessions.identity import Assertions
from tests.portal.stage import SIGN_IN_ORIGIN, WIKI, Browser, Page, Stage, running_portal
from tests.support.people import NOW, principal, session

DAY = 86_400.0
COOKIE = "__Host-gatepost-remembered"
SCHEMES = [
    {"name": "admins", "factors": ["password"], "groups": ["Gatepost Admins"]},
    {"name": "browser", "factors": ["password", "sms"], "remember": "14d"},
    {"name": "recent", "factors": ["password", "sms"], "fresh": "15m"},
]
ME = f"{SIGN_IN_ORIGIN}/.gatepost/me"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with running_portal(tmp_path, schemes=SCHEMES) as stage:
        yield stage


def value(browser: Browser) -> str:
    return browser.cookies["signin.corp.example"].get(COOKIE, "")


async def remembered(stage: Stage, username: str = "alice") -> Browser:
    """A browser that signed in with the tick, and whose session has ended since."""
    browser = stage.browser()
    page = await stage.to_passcode(browser, username=username)
    assert "Remember this browser for 14 days" in page.text
    await stage.answer(browser, page, stage.passcode, remember="yes")
    assert value(browser)
    await stage.store.sessions.end_all_sessions()
    stage.now += DAY
    return browser


async def is_let_in(stage: Stage, browser: Browser, **facts: str) -> bool:
    """With the password alone; else the passcode page came, and a text message."""
    sent = len(stage.phone.messages)
    answer = await stage.password(browser, **facts)
    assert answer.status == 303, answer.text
    is_in = "passcode" not in answer.location
    assert (len(stage.phone.messages) == sent) is is_in
    return is_in


async def test_a_remembered_browser_signs_in_without_a_message(stage: Stage, tmp_path: Path) -> None:
    browser = await remembered(stage)
    before = value(browser)
    assert await is_let_in(stage, browser)
    assert value(browser) != before, "its value changes with each use"
    (found,) = await stage.store.sessions.sessions()
    assert [proof.factor for proof in found.proven] == [Factor.PASSWORD, Factor.REMEMBERED]
    assertion = Assertions(stage.keys, issuer=SIGN_IN_ORIGIN).sign(found, stage.settings.apps[0], stage.now)
    assert jwt.decode(assertion, options={"verify_signature": False})["amr"] == ["pwd", "remembered"]
    assert stage.log[-1]["factors"] == "password remembered"
    for secret in (before, value(browser)):
        assert secret not in stage.log_text
        assert secret.encode() not in stored(tmp_path)


def stored(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("state.db*") if file.is_file())


async def test_without_the_tick_nothing_is_remembered(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    assert COOKIE not in browser.cookies["signin.corp.example"]
    assert await is_let_in(stage, stage.browser()) is False


async def test_a_tick_counts_only_where_the_scheme_has_it(tmp_path: Path) -> None:
    schemes = [{"name": "browser", "factors": ["password", "sms"]}]
    async with running_portal(tmp_path, schemes=schemes) as stage:
        browser = stage.browser()
        page = await stage.to_passcode(browser)
        assert "Remember" not in page.text
        await stage.answer(browser, page, stage.passcode, remember="yes")
        assert COOKIE not in browser.cookies["signin.corp.example"]


@pytest.mark.parametrize("is_whole", [True, False])
@pytest.mark.parametrize("mode", ["navigate", "cors"])
async def test_the_tick_stays_where_a_wrong_passcode_is_asked_for_again(
    stage: Stage, is_whole: bool, mode: str
) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    assert " checked" not in page.text
    for ticks in ({"remember": "yes"}, {}, {"remember": "yes"}):
        fields = {**page.hidden, "passcode": stage.wrong_passcode() if is_whole else "12", **ticks}
        again = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/passcode", fields, **{"Sec-Fetch-Mode": mode})
        assert again.status == (303 if mode == "navigate" else 422)
        if mode == "navigate":
            again = await browser.get(SIGN_IN_ORIGIN + again.location)
        tick = again.text.split('<input id="remember"')[1].split(">")[0]
        assert (" checked" in tick) is bool(ticks)


async def test_it_is_over_after_its_time(stage: Stage) -> None:
    browser = await remembered(stage)
    stage.now += 13 * DAY - 1
    assert await is_let_in(stage, browser)
    await stage.store.sessions.end_all_sessions()
    stage.now += 1
    assert await is_let_in(stage, browser) is False


async def test_a_wrong_password_is_refused_and_uses_nothing_up(stage: Stage) -> None:
    browser = await remembered(stage)
    before = value(browser)
    assert (await stage.password(browser, password="wrong horse")).status == 401
    assert value(browser) == before
    assert await is_let_in(stage, browser)


async def test_it_is_of_no_use_to_another_person(stage: Stage) -> None:
    browser = await remembered(stage)
    assert (await stage.password(browser, "bob")).status != 303  # who has no number
    assert await is_let_in(stage, browser), "and alice's is still there"


async def test_ten_tabs_at_once_are_no_theft(stage: Stage) -> None:
    browser = await remembered(stage)
    tabs = [browser.copy() for _ in range(10)]
    assert all(await asyncio.gather(*(is_in_now(stage, tab) for tab in tabs)))
    assert len({value(tab) for tab in tabs}) == 1, "whichever answer comes last, the browser keeps the value in force"
    assert stage.phone.told == []
    await stage.store.sessions.end_all_sessions()
    stage.now += DAY
    assert await is_let_in(stage, tabs[3])


async def is_in_now(stage: Stage, browser: Browser) -> bool:
    answer = await stage.password(browser)
    return answer.status == 303 and "passcode" not in answer.location


async def test_an_answer_that_was_lost_is_no_theft(stage: Stage) -> None:
    browser = await remembered(stage)
    lost = browser.copy()
    assert await is_let_in(stage, lost)
    stage.now += CHANGE_SECONDS - 1
    assert await is_let_in(stage, browser)
    assert value(browser) == value(lost)
    assert stage.phone.told == []


async def test_a_copied_cookie_jar_is_found_out(stage: Stage) -> None:
    browser, elsewhere = await remembered(stage), await remembered(stage)
    thief = browser.copy()
    assert await is_let_in(stage, browser)
    stage.now += CHANGE_SECONDS
    assert await is_let_in(stage, thief) is False
    assert [to for to, _ in stage.phone.told] == ["+447400123456"]
    assert "used from two places" in stage.phone.told[0][1]
    await stage.store.sessions.end_all_sessions()
    for each in (browser, elsewhere):
        assert await is_let_in(stage, each) is False, "all of the person's are forgotten"
    assert any(line.get("reason") == "stolen" for line in stage.log)


async def test_whoever_stole_it_and_used_it_first_is_found_out_too(stage: Stage) -> None:
    browser = await remembered(stage)
    thief = browser.copy()
    for _ in range(3):
        assert await is_let_in(stage, thief)
        stage.now += DAY
    assert await is_let_in(stage, browser) is False
    assert await is_let_in(stage, thief) is False


async def test_a_new_password_makes_it_fall(stage: Stage, tmp_path: Path) -> None:
    browser = await remembered(stage)
    new = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("another horse 8")
    await rewrite(stage, tmp_path, lambda text: text.replace(text.split('password_hash = "')[1].split('"')[0], new, 1))
    assert await is_let_in(stage, browser, password="another horse 8") is False


async def test_another_number_makes_it_fall(stage: Stage, tmp_path: Path) -> None:
    browser = await remembered(stage)
    await rewrite(stage, tmp_path, lambda text: text.replace("07400 123456", "07400 123999"))
    assert await is_let_in(stage, browser) is False


OFF = 'mobile = "07400 123456"\ndisabled = true'


async def test_a_disabled_account_gets_nowhere_and_its_browsers_stay_forgotten(stage: Stage, tmp_path: Path) -> None:
    browser = await remembered(stage)
    await rewrite(stage, tmp_path, lambda text: text.replace('mobile = "07400 123456"', OFF))
    assert (await stage.password(browser, password="wrong")).status == 401
    assert len(list(await stage.store.browsers.guids_with_browsers())) == 1, "a wrong password has seen nothing"
    assert (await stage.password(browser)).status == 401
    assert [line["reason"] for line in stage.log if line["event"] == "browser.forgotten"] == ["disabled"]
    await rewrite(stage, tmp_path, lambda text: text.replace(OFF, 'mobile = "07400 123456"'))
    assert await is_let_in(stage, browser) is False


async def rewrite(stage: Stage, folder: Path, change: Any) -> None:
    """The file of local users, as it is after the change."""
    path = folder / "users.toml"
    before = path.read_text()
    after = change(before)
    assert after != before
    path.write_text(after + "\n")


async def test_a_step_up_asks_all_the_same(tmp_path: Path) -> None:
    wiki = {"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1", "scheme": "recent"}
    async with running_portal(tmp_path, schemes=SCHEMES, apps=[wiki]) as stage:
        browser = await remembered(stage)
        assert await is_let_in(stage, browser)
        page = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/step-up?scheme=recent&return_to={WIKI}/")
        assert "one more step" in page.text.lower() or "code" in page.text
        await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", page.hidden)
        assert len(stage.phone.messages) == 2


async def test_the_admin_pages_ask_all_the_same(tmp_path: Path) -> None:
    admin = {"groups": ["Wiki Users"], "scheme": "browser"}
    async with running_portal(tmp_path, schemes=SCHEMES, admin=admin) as stage:
        browser = await remembered(stage)
        assert await is_let_in(stage, browser)
        answer = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/admin/")
        assert answer.location.startswith("/.gatepost/step-up?")
        page = await browser.get(SIGN_IN_ORIGIN + answer.location)
        asked = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", page.hidden)
        page = await browser.get(SIGN_IN_ORIGIN + asked.location)
        assert "Remember" not in page.text, "a step-up remembers nothing"
        await stage.answer(browser, page, stage.passcode, remember="yes")
        assert (await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/admin/")).status == 200


async def test_people_see_and_forget_their_browsers(stage: Stage) -> None:
    browser, other = await remembered(stage), await remembered(stage)
    assert await is_let_in(stage, browser)
    page = await browser.get(ME)
    assert page.text.count('name="forget"') == 2
    names = [part.split('"')[0] for part in page.text.split('name="forget" value="')[1:]]
    assert value(browser) not in page.text
    answer = await browser.post(ME, {**page.hidden, "forget": names[1]})
    assert "forgotten=1" in answer.location
    assert await is_let_in(stage, other) is False
    assert (await browser.get(ME)).text.count('name="forget"') == 1
    answer = await browser.post(ME, {**page.hidden, "forget": names[1]})
    assert "forgotten=0" in answer.location


async def test_nobody_forgets_anothers(stage: Stage) -> None:
    browser = await remembered(stage)
    (kept,) = await stage.store.browsers.browsers((await alice(stage)).guid)
    admin = stage.browser()
    await stage.password(admin, "admin")
    page = await admin.get(ME)
    assert "forget" not in page.text
    await admin.post(ME, {**page.hidden, "forget": kept.name})
    assert await is_let_in(stage, browser)


async def alice(stage: Stage) -> Principal:
    login_name = parse_login_name("alice")
    assert login_name is not None
    directory = next(each for each in stage.realms if each.realm == "local")
    account = await directory.find(login_name)
    assert account is not None
    found = await directory.read(account.guid)
    assert found is not None
    return found


@pytest.mark.parametrize(("button", "stays"), [("all", False), ("others", True)])
async def test_signing_out_everywhere_forgets_browsers(stage: Stage, button: str, stays: bool) -> None:
    browser, other = await remembered(stage), await remembered(stage)
    assert await is_let_in(stage, browser)
    page = await browser.get(ME)
    await browser.post(ME, {**page.hidden, button: "yes"})
    await stage.store.sessions.end_all_sessions()
    assert await is_let_in(stage, browser) is stays
    assert await is_let_in(stage, other) is False


async def test_the_help_desk_sees_and_forgets_them(tmp_path: Path) -> None:
    async with running_portal(tmp_path, schemes=SCHEMES, admin={"groups": ["Gatepost Admins"]}) as stage:
        browser, admin = await remembered(stage), stage.browser()
        await stage.password(admin, "admin")
        person = f"{SIGN_IN_ORIGIN}/.gatepost/admin/person"

        async def explained() -> Page:
            form = await admin.get(person)
            return await admin.post(person, {**form.hidden, "login": "alice"})

        page = await explained()
        assert "Browsers that are remembered for them" in page.text
        done = await admin.post(f"{person}/forget-browsers", page.hidden)
        assert "Their browsers are forgotten" in done.text
        assert "remembered for them" not in done.text
        assert await is_let_in(stage, browser) is False
        assert any(
            call.args == ("admin.browsers_forgotten",) or "browsers" in call.kwargs for call in stage.logger.calls
        )


async def test_ending_a_persons_sessions_forgets_their_browsers(tmp_path: Path) -> None:
    async with running_portal(tmp_path, schemes=SCHEMES, admin={"groups": ["Gatepost Admins"]}) as stage:
        browser, admin = await remembered(stage), stage.browser()
        assert await is_let_in(stage, browser)
        await stage.password(admin, "admin")
        person = f"{SIGN_IN_ORIGIN}/.gatepost/admin/person"
        form = await admin.get(person)
        page = await admin.post(person, {**form.hidden, "login": "alice"})
        await admin.post(f"{person}/end-sessions", page.hidden)
        assert await is_let_in(stage, browser) is False


async def test_a_new_tick_replaces_what_the_browser_had(stage: Stage) -> None:
    browser = await remembered(stage)
    stage.now += 14 * DAY
    page = await stage.to_passcode(browser)
    await stage.answer(browser, page, stage.passcode, remember="yes")
    assert len(await stage.store.browsers.browsers((await alice(stage)).guid)) == 1


SCHEME = SchemeSettings.model_validate(
    {"name": "browser", "factors": ["password", ["sms", "email"]], "remember": "14d"}
)
NUMBER = Chosen(factor=Factor.SMS, digests=(b"new key", b"number"))
HELD: dict[Factor, Chosen | Unusable] = {Factor.SMS: NUMBER}
PERSON = principal(password_set_at=NOW - DAY, account_mark="2.1")
BROWSER = RememberedBrowser(
    name="n",
    guid=PERSON.guid,
    realm="corp",
    scheme="browser",
    proven=((Factor.SMS, b"number"),),
    password=password_of(PERSON),
    account="2.1",
    made_at=NOW,
    used_at=NOW,
    expires_at=NOW + 14 * DAY,
    client_address="192.0.2.7",
)


def fallen(
    browser: RememberedBrowser = BROWSER,
    person: Principal = PERSON,
    scheme: SchemeSettings | None = SCHEME,
    held: dict[Factor, Chosen | Unusable] = HELD,
    now: float = NOW + DAY,
) -> Fall | None:
    return why_fallen(browser, person, scheme, held, now=now)


def scheme(**changes: Any) -> SchemeSettings:
    return SchemeSettings.model_validate(SCHEME.model_dump() | changes)


def test_it_stands_as_long_as_nothing_has_changed() -> None:
    assert fallen() is None
    assert fallen(now=NOW + 14 * DAY - 1) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"person": replace(PERSON, guid="another")}, Fall.PERSON),
        ({"person": replace(PERSON, realm="other")}, Fall.PERSON),
        ({"scheme": None}, Fall.SCHEME),
        ({"scheme": scheme(remember=None)}, Fall.SCHEME),
        ({"scheme": scheme(factors=(("password",), ("email",)))}, Fall.SCHEME),
        ({"scheme": scheme(factors=(("password",), ("sms",), ("email",)))}, Fall.SCHEME),
        ({"now": NOW + 14 * DAY}, Fall.EXPIRED),
        ({"scheme": scheme(remember=DAY)}, Fall.EXPIRED),
        ({"now": NOW - 3600}, Fall.EXPIRED),
        ({"person": replace(PERSON, password_set_at=NOW)}, Fall.PASSWORD),
        ({"person": replace(PERSON, password_set_at=None)}, Fall.PASSWORD),
        ({"person": replace(PERSON, password_set_at=None), "browser": replace(BROWSER, password="")}, Fall.PASSWORD),
        ({"person": replace(PERSON, account_mark="4.1")}, Fall.ACCOUNT),
        ({"person": replace(PERSON, account_mark="")}, Fall.ACCOUNT),
        ({"scheme": scheme(groups=("Left",))}, Fall.GROUP),
        ({"held": {Factor.SMS: replace(NUMBER, digests=(b"other",))}}, Fall.FACTOR),
        ({"held": {Factor.SMS: Unusable(factor=Factor.SMS, lack=Lack.NUMBER, reason="x")}}, Fall.FACTOR),
        ({"held": {}}, Fall.FACTOR),
    ],
)
def test_it_falls_with(change: dict[str, Any], why: Fall) -> None:
    assert fallen(**change) is why


def test_a_session_by_a_remembered_browser_proves_its_own_scheme_alone() -> None:
    """Which second factors it stands for, the session alone knows."""
    stands = session(proven=(session().proven[0], replace(session().proven[0], factor=Factor.REMEMBERED)))
    assert stands.next_choice is None
    nothing = replace(stands, proven=stands.proven[1:])
    assert nothing.next_choice == (Factor.PASSWORD,), "it never is the first factor"


def test_the_next_value_names_the_same_browser() -> None:
    key = Keys(b"k" * 32).derive(Purpose.REMEMBERED_BROWSERS)
    for _ in range(100):
        first = new_token()
        second = next_value(key, first)
        assert is_token(second.encode())
        assert second != first
        assert name_of(second) == name_of(first) != name_of(new_token())
