"""A new password: when the directory asks for one, and when the person does; what it opens, ends and costs."""

from __future__ import annotations

import asyncio
import hashlib
import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from directory.change_outcomes import (
    ChangeRefusal,
    PasswordChanged,
    PasswordChanger,
    PasswordChangeRefused,
    PasswordRules,
)
from directory.directory import PasswordRefused, RefusalReason
from directory.errors import DirectoryBusy, DirectoryUnavailable, OutcomeUnknown
from directory.login_name import LoginName
from directory.principal import Account, Principal, password_version
from proxy.pages import phrases
from proxy.portal.landing import expiry_warning
from proxy.sessions.session import Level
from tests.portal.stage import (
    NOW,
    SIGN_IN_ORIGIN,
    START,
    WIKI,
    Browser,
    Page,
    ScriptedDirectory,
    Stage,
    running_portal,
)

PAGE = f"{SIGN_IN_ORIGIN}/.gatepost/password"
OLD = "the old one 1"
NEW = 'Nächstes ª²ﬁ "wörd" 🔑'
NAME = "scripted@corp"
DAY = 86_400.0

CORP = {
    "type": "active_directory",
    "name": "corp",
    "domain": "corp.example",
    "bind_user": "svc@corp.example",
    "bind_password": "service",
}


class ChangingDirectory(ScriptedDirectory):
    """The realm `corp` with one person, whose password can be changed."""

    principal = Principal(
        guid=ScriptedDirectory.account.guid,
        realm="corp",
        username="scripted",
        display_name="Scripted Person",
        mobiles=("07400 123456",),
        groups=frozenset({"Wiki Users"}),
    )

    def __init__(self) -> None:
        super().__init__()
        self.password = OLD
        self.stopped: RefusalReason | None = None
        """Why a right password does not open the account."""
        self.refusal: ChangeRefusal | None = None
        self.verifies = True
        self.still_taken: str | None = None
        """The password before the last change, which AD takes for another hour."""
        self.changes: list[tuple[str, str]] = []
        self.changing = 0
        self.most_changing = 0

    async def authenticate(self, account: Account | None, password: str) -> Principal | PasswordRefused:
        refused = await super().authenticate(account, password)
        assert isinstance(refused, PasswordRefused)
        if account is None or password not in (self.password, self.still_taken):
            return PasswordRefused(RefusalReason.WRONG_PASSWORD)
        if self.stopped is not None:
            fixed = self.stopped in (RefusalReason.MUST_CHANGE, RefusalReason.PASSWORD_EXPIRED)
            return PasswordRefused(self.stopped, self.principal if fixed else None)
        return self.principal

    async def find(self, login_name: LoginName) -> Account | None:
        if await super().find(login_name) is None:
            return None
        return replace(self.account, password_version=password_version(self.principal.password_set_at))

    async def change_password(self, guid: str, old: str, new: str) -> PasswordChanged | PasswordChangeRefused:
        self.changes.append((old, new))
        self.changing += 1
        self.most_changing = max(self.most_changing, self.changing)
        await asyncio.sleep(0.01)
        self.changing -= 1
        if self.error is not None:
            raise self.error
        if old != self.password:
            return PasswordChangeRefused(ChangeRefusal.WRONG_PASSWORD)
        if self.refusal is not None:
            return PasswordChangeRefused(self.refusal)
        self.still_taken, self.password, self.stopped = self.password, new, None
        self.principal = replace(self.principal, password_set_at=NOW + len(self.changes))
        return PasswordChanged(replace(self.principal, display_name="Read Anew") if self.verifies else None)

    async def password_rules(self) -> PasswordRules | None:
        return PasswordRules(min_length=7, history=24, needs_variety=True, min_age_seconds=0.0)


class World:
    def __init__(self, stage: Stage, corp: ChangingDirectory) -> None:
        self.stage = stage
        self.corp = corp

    async def sign_in(self, browser: Browser, **facts: str) -> Page:
        return await self.stage.sign_in(browser, username=NAME, password=self.corp.password, **facts)

    async def must_change(self, browser: Browser, **facts: str) -> Page:
        """As far as the page for the new password."""
        self.corp.stopped = RefusalReason.MUST_CHANGE
        answer = await self.sign_in(browser, **facts)
        assert answer.status == 303
        assert answer.location.startswith("/.gatepost/password"), answer.location
        return await browser.get(SIGN_IN_ORIGIN + answer.location)

    async def change(self, browser: Browser, page: Page, old: str = OLD, new: str = NEW, **fields: str) -> Page:
        return await browser.post(PAGE, {**page.hidden, "current": old, "new": new, "again": new, **fields})


@asynccontextmanager
async def running_world(
    folder: Path, changes: Any = MappingProxyType({}), **corp_settings: Any
) -> AsyncIterator[World]:
    corp = ChangingDirectory()
    local = {"type": "local", "name": "local", "file": str(folder / "users.toml")}
    directories = [local, {**CORP, **corp_settings}]
    async with running_portal(folder, scripted=corp, directories=directories, **changes) as stage:
        yield World(stage, corp)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_world(tmp_path) as world:
        yield world


async def sessions(world: World) -> list[Level]:
    return [each.level for each in await world.stage.store.sessions.sessions(world.corp.account.guid)]


# Those who must.


async def test_who_must_change_goes_by_passcode_and_new_password_to_the_app(world: World) -> None:
    browser = world.stage.browser()
    page = await world.must_change(browser, return_to=f"{WIKI}/a?q=1", start=START)
    assert len(world.stage.phone.messages) == 1
    assert page.status == 200
    assert "Choose a new password" in page.text
    landing = await world.change(browser, page)
    assert landing.status == 303
    assert landing.location.startswith(f"{WIKI}/.gatepost/ticket?ticket=")
    assert world.corp.changes == [(OLD, NEW)]  # as they were typed, to the last character
    assert await sessions(world) == [Level.SIGNED_IN]
    start = await browser.get(SIGN_IN_ORIGIN + "/")
    assert "Read Anew" in start.text


async def test_until_then_the_session_opens_nothing_else(world: World) -> None:
    browser = world.stage.browser()
    await world.must_change(browser, return_to=f"{WIKI}/", start=START)
    assert await sessions(world) == [Level.MUST_CHANGE_PASSWORD]
    sent = len(world.stage.phone.messages)
    for path in ("/", "/.gatepost/passcode", "/.gatepost/sign-in"):
        answer = await browser.get(f"{SIGN_IN_ORIGIN}{path}?return_to={WIKI}/&start={START}")
        assert "ticket" not in answer.headers.get("Location", "")
        assert answer.status == 303 or "password" in answer.text
    passcode = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/passcode", {"new": "yes"})
    assert (passcode.status, passcode.location) == (303, "/.gatepost/password")
    assert len(world.stage.phone.messages) == sent
    assert await sessions(world) == [Level.MUST_CHANGE_PASSWORD]


async def test_the_passcode_comes_first(world: World) -> None:
    world.corp.stopped = RefusalReason.PASSWORD_EXPIRED
    browser = world.stage.browser()
    page = await world.stage.to_passcode(browser, username=NAME, password=OLD)
    assert await sessions(world) == [Level.FIRST_FACTOR]
    shown = await browser.get(PAGE)
    assert (shown.status, shown.location) == (303, "/.gatepost/passcode")
    sent = await world.change(browser, page)
    assert (sent.status, sent.location) == (303, "/.gatepost/passcode")
    assert world.corp.changes == []


async def test_the_session_id_changes_at_each_step(world: World) -> None:
    browser = world.stage.browser()
    world.corp.stopped = RefusalReason.MUST_CHANGE
    page = await world.stage.to_passcode(browser, username=NAME, password=OLD)
    cookies = [browser.session_cookie()]
    answer = await world.stage.answer(browser, page, world.stage.passcode)
    cookies.append(browser.session_cookie())
    earlier = browser.copy()
    await world.change(browser, await browser.get(SIGN_IN_ORIGIN + answer.location))
    cookies.append(browser.session_cookie())
    assert len(set(cookies)) == 3
    assert (await earlier.get(SIGN_IN_ORIGIN + "/")).location.startswith("/.gatepost/sign-in")


async def test_a_step_that_is_not_taken_in_time_is_over(world: World) -> None:
    browser = world.stage.browser()
    page = await world.must_change(browser)
    world.stage.now += 901
    answer = await world.change(browser, page)
    assert answer.location.startswith("/.gatepost/sign-in")
    assert world.corp.changes == []


async def test_a_wrong_password_looks_as_ever_whatever_the_account_needs(world: World) -> None:
    world.corp.stopped = RefusalReason.MUST_CHANGE
    refused = await world.stage.password(world.stage.browser(), NAME, "wrong")
    unknown = await world.stage.password(world.stage.browser(), "nobody@corp", "wrong")
    assert refused.status == unknown.status == 401
    assert phrases.SIGN_IN_REFUSED in refused.text
    assert world.stage.phone.messages == []


async def test_a_new_password_that_cannot_be_tried_out_leads_to_a_fresh_sign_in(world: World) -> None:
    browser = world.stage.browser()
    page = await world.must_change(browser)
    world.corp.verifies = False
    answer = await world.change(browser, page)
    assert "Sign in with the new one." in answer.text
    assert browser.session_cookie() is None
    assert await sessions(world) == []


# Those who want to.


async def test_a_signed_in_person_changes_it_and_is_signed_out_everywhere_else(world: World) -> None:
    elsewhere, browser = world.stage.browser(), world.stage.browser(address="192.0.2.8")
    await world.sign_in(elsewhere)
    await world.stage.to_passcode(world.stage.browser(), username=NAME, password=OLD)  # a half one ends too
    await world.sign_in(browser)
    before = browser.copy()
    ids = {each.session_id for each in await world.stage.store.sessions.sessions(world.corp.account.guid)}
    world.stage.now += 100
    for page in ("/", "/.gatepost/me"):  # where it is looked for, and where it is advised
        assert 'href="/.gatepost/password"' in (await browser.get(SIGN_IN_ORIGIN + page)).text
    answer = await world.change(browser, await browser.get(PAGE))
    assert answer.status == 303
    done = await browser.get(SIGN_IN_ORIGIN + answer.location)
    assert "Your password was changed. You have been signed out everywhere else." in done.text
    [session] = await world.stage.store.sessions.sessions(world.corp.account.guid)
    assert (session.level, session.created_at, session.begun_at) == (Level.SIGNED_IN, NOW, NOW + 100)
    assert session.session_id not in ids
    for other in (elsewhere, before):
        assert (await other.get(SIGN_IN_ORIGIN + "/")).location.startswith("/.gatepost/sign-in")


@pytest.mark.parametrize("verifies", [True, False])
async def test_a_password_changed_here_does_not_open_anything_for_its_hour_of_grace(
    world: World, verifies: bool
) -> None:
    world.corp.verifies = verifies
    browser = world.stage.browser()
    await world.sign_in(browser)
    await world.change(browser, await browser.get(PAGE))
    assert world.corp.password == NEW
    binds = world.corp.binds
    refused = await world.stage.password(world.stage.browser(), NAME, OLD)
    assert refused.status == 401
    assert world.corp.binds == binds
    world.stage.now += 3599.0
    assert (await world.stage.password(world.stage.browser(), NAME, OLD)).status == 401
    assert (await world.sign_in(world.stage.browser())).status == 303


async def test_a_replaced_password_that_an_administrator_sets_again_is_right_again(world: World) -> None:
    browser = world.stage.browser()
    await world.sign_in(browser)
    await world.change(browser, await browser.get(PAGE))
    world.corp.password = OLD
    world.corp.principal = replace(world.corp.principal, password_set_at=NOW + 100)
    assert (await world.sign_in(world.stage.browser())).status == 303


async def test_a_new_password_that_is_the_old_one_still_opens(world: World) -> None:
    browser = world.stage.browser()
    await world.sign_in(browser)
    await world.change(browser, await browser.get(PAGE), new=OLD)
    assert (await world.sign_in(world.stage.browser())).status == 303


async def test_other_persons_stay_signed_in(world: World) -> None:
    alice, browser = world.stage.browser(), world.stage.browser()
    await world.stage.sign_in(alice)
    await world.sign_in(browser)
    await world.change(browser, await browser.get(PAGE))
    assert (await alice.get(SIGN_IN_ORIGIN + "/")).status == 200


async def test_without_a_session_there_is_no_page_and_no_change(world: World) -> None:
    browser = world.stage.browser()
    assert (await browser.get(PAGE)).location == "/.gatepost/sign-in"
    assert (await browser.post(PAGE, {"current": OLD, "new": NEW, "again": NEW})).status == 303
    assert world.corp.changes == []


async def test_a_local_user_is_told_where_to_ask(world: World) -> None:
    browser = world.stage.browser()
    await world.stage.sign_in(browser)
    await world.stage.sign_in(world.stage.browser())
    for path in ("/", "/.gatepost/me"):
        assert "/.gatepost/password" not in (await browser.get(SIGN_IN_ORIGIN + path)).text
    page = await browser.get(PAGE)
    assert (page.status, "Ask your IT help desk for a new one." in page.text) == (403, True)


# What is refused.


async def test_what_the_directory_refuses_is_said_in_a_sentence(world: World) -> None:
    browser = world.stage.browser()
    page = await world.must_change(browser)
    sentences = set()
    for refusal in ChangeRefusal:
        world.corp.refusal = refusal
        answer = await world.change(browser, page)
        assert answer.status == 422, refusal
        sentences.add(answer.text.split('id="error">')[1].split("<")[0])
        assert OLD not in answer.text
        assert "wörd" not in answer.text
    assert len(sentences) == len(ChangeRefusal)
    assert await sessions(world) == [Level.MUST_CHANGE_PASSWORD]


@pytest.mark.parametrize(
    "fields",
    [
        {"current": "", "new": NEW, "again": NEW},
        {"current": OLD, "new": "", "again": ""},
        {"current": OLD, "new": NEW, "again": ""},
        {"current": OLD, "new": NEW, "again": NEW + " "},
        {"current": OLD, "new": "x" * 1025, "again": "x" * 1025},
        {"current": "x\0", "new": NEW, "again": NEW},
        {},
    ],
)
async def test_what_is_empty_differs_or_cannot_be_a_password_never_reaches_the_directory(
    world: World, fields: dict[str, str]
) -> None:
    browser = world.stage.browser()
    page = await world.must_change(browser)
    answer = await browser.post(PAGE, {**page.hidden, **fields})
    assert answer.status == 422
    assert world.corp.changes == []


@pytest.mark.parametrize("new", ["Password1", "qwertyuiop", "house rule 7"])
async def test_what_too_many_people_use_is_refused_before_the_directory_is_asked(tmp_path: Path, new: str) -> None:
    own = tmp_path / "refused.txt"
    own.write_text(hashlib.sha1(b"house rule 7").hexdigest() + ":1\n")
    async with running_world(tmp_path, changes={"password": {"refused_file": str(own)}}) as world:
        browser = world.stage.browser()
        page = await world.must_change(browser)
        assert "Not one of the passwords that many people use" in page.text
        answer = await world.change(browser, page, new=new)
        assert answer.status == 422
        assert "Many people use this password, so attackers try it first. Choose another one." in answer.text
        assert new not in answer.text
        assert (stage_log := world.stage.log[-1])["event"] == "password.not_changed"
        assert stage_log["reason"] == "too_common"
        assert new not in world.stage.log_text
        assert world.corp.changes == []
        assert (await world.change(browser, page)).status == 303


async def test_a_list_that_cannot_be_read_lets_no_password_through(tmp_path: Path) -> None:
    own = tmp_path / "refused.txt"
    own.write_text(hashlib.sha1(b"house rule 7").hexdigest() + ":1\n")
    async with running_world(tmp_path, changes={"password": {"refused_file": str(own)}}) as world:
        browser = world.stage.browser()
        page = await world.must_change(browser)
        own.unlink()
        assert (await world.change(browser, page)).status == 500
        assert world.corp.changes == []


async def test_a_change_needs_the_token_of_this_session_and_form(world: World) -> None:
    browser = world.stage.browser()
    await world.sign_in(browser)
    before = await browser.get(PAGE)
    other = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/sign-out")
    for token in ("", "x" * 43, other.hidden["csrf_token"]):
        answer = await world.change(browser, before, csrf_token=token)
        assert answer.status == 403
    foreign = {**before.hidden, "current": OLD, "new": NEW, "again": NEW}
    assert (await browser.post(PAGE, foreign, Origin="https://evil.example")).status == 403
    assert world.corp.changes == []
    assert (await world.change(browser, before)).status == 303
    assert (await world.change(browser, before)).status == 403  # the token ended with its session


async def test_a_wrong_old_password_counts_like_a_wrong_one_at_the_sign_in(world: World) -> None:
    browser = world.stage.browser()
    await world.sign_in(browser)
    page = await browser.get(PAGE)
    most = world.stage.settings.throttle.passwords_per_person
    for _ in range(most):
        assert (await world.change(browser, page, old="wrong")).status == 422
    answer = await world.change(browser, page)
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert len(world.corp.changes) == most
    binds = world.corp.binds
    assert (await world.stage.password(world.stage.browser(), NAME, OLD)).status == 401
    assert world.corp.binds == binds


async def test_a_password_against_the_rules_costs_no_try(world: World) -> None:
    browser = world.stage.browser()
    await world.sign_in(browser)
    page = await browser.get(PAGE)
    world.corp.refusal = ChangeRefusal.TOO_SHORT
    for _ in range(2 * world.stage.settings.throttle.passwords_per_person):
        assert (await world.change(browser, page)).status == 422
    world.corp.refusal = None
    assert (await world.change(browser, page)).status == 303


async def test_a_change_whose_outcome_nobody_knows_stays_counted(world: World) -> None:
    browser = world.stage.browser()
    await world.sign_in(browser)
    page = await browser.get(PAGE)
    for error in (DirectoryBusy("corp"), DirectoryUnavailable("corp", "nobody answers")):
        world.corp.error = error
        for _ in range(2 * world.stage.settings.throttle.passwords_per_person):
            assert (await world.change(browser, page)).status == 503
    world.corp.error = OutcomeUnknown("corp", "no answer in time")
    for _ in range(world.stage.settings.throttle.passwords_per_person):
        assert (await world.change(browser, page)).status == 503
    world.corp.error = None
    assert (await world.change(browser, page)).status == 429


async def test_changes_of_one_person_are_tried_one_at_a_time_and_a_form_sent_twice_once(world: World) -> None:
    browser = world.stage.browser()
    await world.sign_in(browser)
    page = await browser.get(PAGE)
    answers = await asyncio.gather(*(world.change(browser.copy(), page) for _ in range(3)))
    assert world.corp.most_changing == 1
    assert world.corp.changes == [(OLD, NEW)]
    assert all(answer.status == 303 for answer in answers)
    assert await sessions(world) == [Level.SIGNED_IN]


async def test_parallel_guesses_at_the_old_password_do_not_pass_the_limit(world: World) -> None:
    browser = world.stage.browser()
    await world.sign_in(browser)
    page = await browser.get(PAGE)
    await asyncio.gather(*(world.change(browser.copy(), page, old=f"guess {n}") for n in range(12)))
    assert len(world.corp.changes) == world.stage.settings.throttle.passwords_per_person
    assert world.corp.most_changing == 1


def stored_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("state.db*") if path.is_file())


async def test_no_password_reaches_the_log_the_store_or_a_page(world: World, tmp_path: Path) -> None:
    browser = world.stage.browser()
    page = await world.must_change(browser)
    pages = [page, await world.change(browser, page, old="guessed secret"), await world.change(browser, page)]
    stored = stored_bytes(tmp_path)
    for secret in (OLD, NEW, "guessed secret"):
        assert secret not in world.stage.log_text
        assert secret.encode() not in stored
        assert all(secret not in each.text for each in pages)
    events = [call.args[0] if call.args else call.kwargs["event"] for call in world.stage.logger.calls]
    assert "password.changed" in events
    assert "password.not_changed" in events


async def test_the_page_is_right_for_password_managers_and_screen_readers(world: World) -> None:
    browser = world.stage.browser()
    await world.sign_in(browser)
    text = (await browser.get(PAGE)).text
    assert text.count('autocomplete="current-password"') == 1
    assert text.count('autocomplete="new-password"') == 2
    assert 'autocomplete="username" value="scripted"' in text
    for field in ("current", "new", "again"):
        assert f'<label for="{field}" id="label-{field}">' in text
        assert f'id="{field}" name="{field}" type="password"' in text
    assert 'aria-describedby="rules"' in text
    assert "At least 7 characters" in text
    assert "Different from your last 24 passwords" in text


# The warning.


def expiring(days: float | None, realm: str = "corp") -> Principal:
    expires_at = None if days is None else NOW + days * DAY
    return replace(ChangingDirectory.principal, realm=realm, password_expires_at=expires_at)


@pytest.mark.parametrize(
    ("days", "warning"),
    [
        (None, ""),
        (14.01, ""),
        (14.0, "in 14 days"),
        (2.5, "in 2 days"),
        (1.5, "in 1 day."),
        (0.5, "within a day"),
        (-1.0, "within a day"),
    ],
)
async def test_people_are_warned_from_the_set_time_on(world: World, days: float | None, warning: str) -> None:
    said = expiry_warning(expiring(days), world.stage.settings.directories, NOW)
    assert warning in said
    assert bool(said) == bool(warning)


async def test_nobody_is_warned_where_it_is_turned_off_or_unknown(tmp_path: Path) -> None:
    async with running_world(tmp_path, warn_before_expiry=0.0) as world:
        assert expiry_warning(expiring(-1), world.stage.settings.directories, NOW) == ""
        assert expiry_warning(expiring(1, realm="local"), world.stage.settings.directories, NOW) == ""


async def test_the_warning_comes_once_after_the_sign_in_and_can_wait(world: World) -> None:
    world.corp.principal = expiring(3)
    browser = world.stage.browser()
    answer = await world.sign_in(browser, return_to=f"{WIKI}/a", start=START)
    assert answer.location.startswith("/.gatepost/password?")
    reminder = await browser.get(SIGN_IN_ORIGIN + answer.location)
    assert "in 3 days" in reminder.text
    change, later = (html.unescape(link) for link in re.findall(r'href="(/.gatepost/[a-z-]+\?[^"]+)"', reminder.text))
    assert (await browser.get(SIGN_IN_ORIGIN + change)).hidden["return_to"] == f"{WIKI}/a"
    landing = await browser.get(SIGN_IN_ORIGIN + later)
    assert landing.location.startswith(f"{WIKI}/.gatepost/ticket?ticket=")
    assert "in 3 days" in (await browser.get(SIGN_IN_ORIGIN + "/")).text


# Explanations.

EXPLAINED = {
    RefusalReason.LOGON_HOURS: "But your account cannot be used at this time.",
    RefusalReason.WORKSTATION: "But your account can only be used on certain computers. Ask your IT help desk.",
    RefusalReason.DISABLED: "But your account is disabled. Ask your IT help desk.",
    RefusalReason.ACCOUNT_EXPIRED: "But your account has expired. Ask your IT help desk.",
}
FIXED_BY_CHANGE = {RefusalReason.PASSWORD_EXPIRED, RefusalReason.MUST_CHANGE}


async def refused_page(world: World, reason: RefusalReason) -> Page:
    world.corp.stopped = reason
    return await world.stage.password(world.stage.browser(address=f"192.0.2.{len(reason.value)}"), NAME, OLD)


@pytest.mark.parametrize("reason", [each for each in RefusalReason if each not in FIXED_BY_CHANGE])
async def test_a_refusal_tells_nothing_unless_the_operator_chose_so(world: World, reason: RefusalReason) -> None:
    answer = await refused_page(world, reason)
    assert answer.status == 401
    assert phrases.SIGN_IN_REFUSED in answer.text


@pytest.mark.parametrize("reason", [each for each in RefusalReason if each not in FIXED_BY_CHANGE])
async def test_only_what_proves_the_password_is_ever_explained(tmp_path: Path, reason: RefusalReason) -> None:
    async with running_world(tmp_path, explain_refusals=True) as world:
        answer = await refused_page(world, reason)
    if reason in EXPLAINED:
        assert (answer.status, EXPLAINED[reason] in answer.text) == (403, True)
    else:
        assert (answer.status, phrases.SIGN_IN_REFUSED in answer.text) == (401, True)
    assert world.stage.phone.messages == []


async def test_a_directory_that_cannot_change_passwords_refuses_like_a_wrong_one(stage: Stage) -> None:
    stage.scripted.reason = RefusalReason.MUST_CHANGE
    answer = await stage.password(stage.browser(), NAME, OLD)
    assert answer.status == 401
    assert not isinstance(stage.scripted, PasswordChanger)
