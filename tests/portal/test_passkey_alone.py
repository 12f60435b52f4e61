"""A passkey with no password typed: whose it is, that it opens once, and that the directory has the last word."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import jwt
import pytest

from config.factors import Factor
from directory.directory import AccountState, RefusalReason
from directory.errors import DirectoryUnavailable
from directory.principal import Principal
from proxy.factors.passkey.passkeys import Passkeys
from proxy.sessions.identity import Assertions
from proxy.sessions.session import Level
from tests.portal.stage import SIGN_IN_ORIGIN, START, WIKI, Browser, Page, ScriptedDirectory, Stage, running_portal
from tests.portal.test_passkey import add_passkey, device, level_of, options_on
from tests.support.authenticator import Authenticator

SIGN_IN = f"{SIGN_IN_ORIGIN}/.gatepost/sign-in"
PASSKEY = f"{SIGN_IN_ORIGIN}/.gatepost/passkey"
INSIDE, ELSEWHERE = "192.0.2.7", "203.0.113.9"
SCHEMES = [
    {"name": "keys", "factors": ["passkey"], "networks": ["192.0.2.0/24"]},
    {"name": "browser", "factors": ["password", ["passkey", "sms"]]},
]
REFUSED = "That passkey did not sign you in."


class Domain(ScriptedDirectory):
    """The realm `corp`, in which scripted's account is as `refusals` says."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals: tuple[RefusalReason, ...] = ()
        self.is_there = True
        self.groups = frozenset({"Wiki Users"})

    @property
    def person(self) -> Principal:
        return Principal(
            guid=self.account.guid,
            realm="corp",
            username="scripted",
            display_name="Scripted",
            mobiles=("07400 123456",),
            groups=self.groups,
        )

    async def state(self, guid: str) -> AccountState | None:
        if self.error is not None:
            raise self.error
        if not self.is_there or guid != self.account.guid:
            return None
        return AccountState(principal=self.person, refusals=self.refusals, told_by="dc1")


@pytest.fixture
def domain() -> Domain:
    return Domain()


@pytest.fixture
async def stage(tmp_path: Path, domain: Domain) -> AsyncIterator[Stage]:
    async with running_portal(tmp_path, scripted=domain, schemes=SCHEMES) as running:
        yield running


def passkeys(stage: Stage) -> Passkeys:
    return Passkeys(stage.settings, stage.store.enrolments, stage.keys)


async def of_scripted(stage: Stage, domain: Domain, **facts: object) -> Authenticator:
    """A passkey that the person of the domain has added."""
    authenticator, theirs = device(**facts), passkeys(stage)
    asked = await theirs.ask_for_new(domain.person, session_id="s", now=stage.now)
    made = theirs.made(
        domain.person,
        authenticator.make(asked.options),
        session_id="s",
        stamp=asked.stamp,
        name="mine",
        now=stage.now,
    )
    assert made is not None
    assert await stage.store.enrolments.put_enrolments([made])
    return authenticator


async def asked_of(browser: Browser, *, query: str = "") -> tuple[Page, str, str]:
    """The page, what its script asks for when the button is pressed, and the stamp beside it."""
    page = await browser.get(f"{SIGN_IN}?{query}")
    assert "Sign in with a passkey" in page.text
    (href,) = re.findall(r'data-passkey="([^"]+)"', page.text)
    told = await browser.get(SIGN_IN_ORIGIN + href.replace("&amp;", "&"))
    assert told.status == 200
    found = json.loads(told.text)
    return page, json.dumps(found["options"]), found["stamp"]


async def send(browser: Browser, page: Page, answer: str, stamp: str) -> Page:
    return await browser.post(SIGN_IN, {**page.hidden, "passkey": answer, "passkey_stamp": stamp})


async def sign_in(browser: Browser, authenticator: Authenticator, *, query: str = "") -> Page:
    page, options, stamp = await asked_of(browser, query=query)
    return await send(browser, page, authenticator.prove(options), stamp)


async def test_it_signs_in_with_no_password_and_no_message(stage: Stage) -> None:
    first, authenticator = stage.browser(), device()
    await stage.sign_in(first)
    await add_passkey(first, authenticator)
    sent, browser = len(stage.phone.messages), stage.browser()
    landed = await sign_in(browser, authenticator, query=urlencode({"return_to": f"{WIKI}/page", "start": START}))
    assert landed.status == 303
    assert landed.location.startswith(f"{WIKI}/.gatepost/ticket?")
    assert len(stage.phone.messages) == sent
    (session,) = [each for each in await stage.store.sessions.sessions() if each.begun_with is Factor.PASSKEY]
    assert session.level is Level.SIGNED_IN
    assert (session.scheme, session.principal.username) == ("keys", "alice")
    assert [proof.factor for proof in session.proven] == [Factor.PASSKEY]
    assert session.principal.groups == {"Wiki Users"}


async def test_it_is_offered_only_where_a_scheme_begins_with_it(stage: Stage, domain: Domain) -> None:
    authenticator = await of_scripted(stage, domain)
    inside, outside = stage.browser(address=INSIDE), stage.browser(address=ELSEWHERE)
    page, options, stamp = await asked_of(inside)
    form = await outside.get(SIGN_IN)
    assert "passkey" not in form.text
    assert 'autocomplete="username"' in form.text
    assert 'autocomplete="username webauthn"' in page.text, "the browser offers them where it fills in names"
    assert (await outside.get(PASSKEY)).status == 404
    inside.address = ELSEWHERE
    assert REFUSED in (await send(inside, page, authenticator.prove(options), stamp)).text
    assert inside.session_cookie() is None


async def test_before_a_second_factor_it_takes_the_passwords_place(tmp_path: Path, domain: Domain) -> None:
    schemes = [{"name": "both", "factors": [["password", "passkey"], "sms"]}]
    async with running_portal(tmp_path, scripted=domain, schemes=schemes) as stage:
        authenticator, browser = await of_scripted(stage, domain), stage.browser()
        half = await sign_in(browser, authenticator)
        assert half.location.startswith("/.gatepost/passcode")
        assert await level_of(stage, browser) is Level.FIRST_FACTOR
        page = await browser.get(SIGN_IN_ORIGIN + half.location)
        assert (await stage.answer(browser, page, stage.passcode)).status == 303
        assert await level_of(stage, browser) is Level.SIGNED_IN


@pytest.mark.parametrize(
    "reason",
    [
        RefusalReason.DISABLED,
        RefusalReason.LOCKED,
        RefusalReason.ACCOUNT_EXPIRED,
        RefusalReason.LOGON_HOURS,
        RefusalReason.WORKSTATION,
        RefusalReason.PASSWORD_EXPIRED,
        RefusalReason.MUST_CHANGE,
    ],
)
async def test_an_account_that_may_not_sign_in_does_not(stage: Stage, domain: Domain, reason: RefusalReason) -> None:
    authenticator, browser = await of_scripted(stage, domain), stage.browser()
    domain.refusals = (reason,)
    refused = await sign_in(browser, authenticator)
    assert refused.status == 401
    assert REFUSED in refused.text
    assert browser.session_cookie() is None
    assert any(line.get("reason") == reason.value and line.get("guid") for line in stage.log)
    domain.refusals = ()
    assert (await sign_in(browser, authenticator)).status == 303


async def test_an_account_that_is_gone_and_a_directory_that_is_away_open_nothing(stage: Stage, domain: Domain) -> None:
    authenticator, browser = await of_scripted(stage, domain), stage.browser()
    domain.error = DirectoryUnavailable("corp", "is away")
    assert (await sign_in(browser, authenticator)).status == 503
    domain.error, domain.is_there = None, False
    assert (await sign_in(browser, authenticator)).status == 401
    assert browser.session_cookie() is None


async def test_no_scheme_is_no_sign_in(tmp_path: Path, domain: Domain) -> None:
    schemes = [{"name": "keys", "factors": ["passkey"], "groups": ["Gatepost Admins"]}, SCHEMES[1]]
    async with running_portal(tmp_path, scripted=domain, schemes=schemes) as stage:
        authenticator, browser = await of_scripted(stage, domain), stage.browser()
        assert (await sign_in(browser, authenticator)).status == 403
        assert browser.session_cookie() is None


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"origin": "https://signin.evil.example"}, "passkey_not_right"),
        ({"rp_id": "evil.example"}, "passkey_not_right"),
        ({"is_touched": False}, "passkey_not_right"),
        ({"is_framed": True}, "passkey_not_right"),
        ({"verifies": False}, "passkey_without_user_verification"),
        ({"user_handle": b"of another person"}, "passkey_unknown"),
        ({"user_handle": b""}, "passkey_unreadable"),
        ({"credential_id": b"unheard of"}, "passkey_unknown"),
    ],
    ids=str,
)
async def test_what_is_not_right_is_one_page_whatever_it_is(
    stage: Stage, domain: Domain, wrong: dict[str, object], reason: str
) -> None:
    authenticator, browser = await of_scripted(stage, domain), stage.browser()
    for name, value in wrong.items():
        setattr(authenticator, name, value)
    refused = await sign_in(browser, authenticator)
    assert (refused.status, REFUSED in refused.text) == (401, True)
    assert browser.session_cookie() is None
    assert [line["reason"] for line in stage.log if line.get("event") == "sign_in.refused"] == [reason]


async def test_an_assertion_opens_once_and_in_one_browser(stage: Stage, domain: Domain, tmp_path: Path) -> None:
    authenticator = await of_scripted(stage, domain)
    browser, thief = stage.browser(), stage.browser()
    page, options, stamp = await asked_of(browser)
    foreign, _, _ = await asked_of(thief)
    answer = authenticator.prove(options)
    assert (await send(thief, foreign, answer, stamp)).status == 401
    twins = [browser.copy() for _ in range(6)]
    statuses = [each.status for each in await asyncio.gather(*(send(each, page, answer, stamp) for each in twins))]
    assert sorted(statuses) == [303] + [401] * 5
    assert (await send(browser, page, answer, stamp)).status == 401
    assert "passkey_seen_before" in stage.log_text
    assert len(await stage.store.sessions.sessions()) == 1
    # At another worker too.
    async with running_portal(tmp_path, scripted=domain, schemes=SCHEMES) as worker:
        twin = worker.browser()
        twin.cookies = browser.copy().cookies
        assert (await send(twin, page, answer, stamp)).status == 401
        assert "passkey_seen_before" in worker.log_text


async def test_a_counter_that_went_back_opens_nothing(stage: Stage, domain: Domain) -> None:
    authenticator = await of_scripted(stage, domain, counts=True, counter=7)
    assert (await sign_in(stage.browser(), authenticator)).status == 303
    authenticator.counter -= 1
    assert (await sign_in(stage.browser(), authenticator)).status == 401
    assert any(line.get("event") == "passkey.counter_went_back" for line in stage.log)


@pytest.mark.parametrize("seconds", [301, -61])
async def test_it_holds_for_a_few_minutes(stage: Stage, domain: Domain, seconds: float) -> None:
    authenticator, browser = await of_scripted(stage, domain), stage.browser()
    page, options, stamp = await asked_of(browser)
    stage.now += seconds
    assert (await send(browser, page, authenticator.prove(options), stamp)).status == 401
    assert "passkey_too_late" in stage.log_text


@pytest.mark.parametrize("stamp", ["", "x", "1800000000.short", "1800000000." + "A" * 22])
async def test_a_stamp_of_ones_own_is_none(stage: Stage, domain: Domain, stamp: str) -> None:
    authenticator, browser = await of_scripted(stage, domain), stage.browser()
    page, options, _ = await asked_of(browser)
    assert (await send(browser, page, authenticator.prove(options), stamp)).status == 401


async def test_what_was_asked_for_beside_a_password_opens_nothing_alone(stage: Stage) -> None:
    first, authenticator = stage.browser(), device()
    await stage.sign_in(first)
    await add_passkey(first, authenticator)
    half = stage.browser()
    passcode = await stage.to_passcode(half)
    (options,) = re.findall(r'data-options="([^"]+)"', passcode.text)
    page, alone, stamp = await asked_of(half)
    beside = authenticator.prove(options.replace("&#34;", '"'))
    assert (await send(half, page, beside, stamp)).status == 401
    assert (await stage.answer(half, passcode, authenticator.prove(alone))).status == 422


async def test_tries_are_counted_by_address_and_lock_nobody_out(stage: Stage, domain: Domain) -> None:
    authenticator, browser = await of_scripted(stage, domain), stage.browser()
    page, options, stamp = await asked_of(browser)
    statuses = []
    for _ in range(stage.settings.throttle.passwords_per_address + 1):
        statuses.append((await send(browser, page, "{}", stamp)).status)
    assert set(statuses[:-1]) == {401}
    assert statuses[-1] == 429
    assert (await send(browser, page, authenticator.prove(options), stamp)).status == 429
    other = stage.browser(address="192.0.2.99")
    assert (await sign_in(other, authenticator)).status == 303


async def test_one_that_is_right_is_not_counted(tmp_path: Path, domain: Domain) -> None:
    few = {"passwords_per_address": 5}
    async with running_portal(tmp_path, scripted=domain, schemes=SCHEMES, throttle=few) as stage:
        authenticator = await of_scripted(stage, domain)
        for _ in range(8):
            assert (await sign_in(stage.browser(), authenticator)).status == 303


async def test_a_form_of_another_site_signs_nobody_in(stage: Stage, domain: Domain) -> None:
    authenticator, browser = await of_scripted(stage, domain), stage.browser()
    _, options, stamp = await asked_of(browser)
    fields = {"passkey": authenticator.prove(options), "passkey_stamp": stamp, "csrf_token": "x"}
    assert (await browser.post(SIGN_IN, fields)).status == 403
    assert (await browser.post(SIGN_IN, fields, Origin="https://evil.example")).status == 403
    assert browser.session_cookie() is None


async def test_it_may_add_another_one_at_once(stage: Stage) -> None:
    first, authenticator = stage.browser(), device()
    await stage.sign_in(first)
    await add_passkey(first, authenticator)
    browser = stage.browser()
    assert (await sign_in(browser, authenticator)).status == 303
    await add_passkey(browser, device(), name="Spare")
    assert "Spare" in (await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/me/factors")).text


async def test_proven_again_it_still_verifies_its_person(stage: Stage) -> None:
    """Nothing else is proven in such a session: whoever finds it open, and the key beside it, has not the PIN."""
    first, authenticator = stage.browser(), device()
    await stage.sign_in(first)
    await add_passkey(first, authenticator)
    browser = stage.browser()
    await sign_in(browser, authenticator)
    stage.now += 600
    factors = f"{SIGN_IN_ORIGIN}/.gatepost/me/factors"
    to_prove = await browser.get(SIGN_IN_ORIGIN + (await browser.get(factors)).location)
    asked = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", to_prove.hidden)
    page = await browser.get(SIGN_IN_ORIGIN + asked.location)
    assert json.loads(options_on(page))["userVerification"] == "required"
    authenticator.verifies = False
    assert (await stage.answer(browser, page, authenticator.prove(options_on(page)))).status == 422
    assert (await browser.get(factors)).status == 303
    authenticator.verifies = True
    await stage.answer(browser, page, authenticator.prove(options_on(page)))
    assert (await browser.get(factors)).status == 200


async def test_apps_are_told_that_it_was_more_than_one_factor(stage: Stage, domain: Domain) -> None:
    authenticator, browser = await of_scripted(stage, domain), stage.browser()
    await sign_in(browser, authenticator)
    (session,) = await stage.store.sessions.sessions()
    token = Assertions(stage.keys, issuer=SIGN_IN_ORIGIN).sign(session, stage.settings.apps[0], stage.now)
    claims = jwt.decode(token.decode(), options={"verify_signature": False})
    assert claims["amr"] == ["pop", "user", "mfa"]
