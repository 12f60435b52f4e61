"""A ticket as the first factor: asked for once, judged by the person's scheme, and never in the way of the form."""

import asyncio
import base64
import hashlib
import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.factors import Factor
from directory.directory import PasswordRefused, RefusalReason
from directory.errors import DirectoryUnavailable
from directory.kerberos.ticket import MAX_TOKEN_BYTES, KerberosTicket, TicketRefusal, TicketRefused
from directory.principal import Account, Principal
from proxy.delivery.channel import Outcome
from proxy.factors.recovery_code.recovery_codes import enrolment_of_code
from proxy.portal.kerberos import negotiate_token
from proxy.sessions.session import Level
from tests.portal.stage import (
    PASSWORD,
    SIGN_IN_ORIGIN,
    START,
    WIKI,
    Browser,
    Page,
    ScriptedDirectory,
    Stage,
    running_portal,
)
from tests.support.people import principal

KERBEROS = f"{SIGN_IN_ORIGIN}/.gatepost/kerberos"
SIGN_IN = f"{SIGN_IN_ORIGIN}/.gatepost/sign-in"
INSIDE = "198.51.100.9"
PEOPLE = {
    "S-1-5-21-1-2-3-1001": principal(guid="00000000-0000-4000-8000-000000000011"),
    "S-1-5-21-1-2-3-1002": principal(
        guid="00000000-0000-4000-8000-000000000012", username="typist", groups=frozenset()
    ),
    "S-1-5-21-1-2-3-1003": principal(guid="00000000-0000-4000-8000-000000000013", username="deskless", mobiles=()),
}
ALICE, TYPIST, DESKLESS = PEOPLE
SCHEMES = [
    {"name": "inside", "factors": ["kerberos", "sms"], "networks": ["198.51.100.0/24"], "groups": ["Wiki Users"]},
    {"name": "kiosk", "factors": ["kerberos"], "networks": ["203.0.113.0/24"]},
    {"name": "browser", "factors": ["password", "sms"]},
]


class Acceptor:
    """The token is the SID; anything else opens nothing. Each use has an authenticator of its own."""

    def __init__(self) -> None:
        self.tokens: list[bytes] = []
        self.realm = "CORP.EXAMPLE"
        self.stolen: bytes | None = None
        """The authenticator of all tokens from now on."""

    async def accept(self, token: bytes) -> KerberosTicket | TicketRefused:
        self.tokens.append(token)
        if not token.startswith(b"S-1-"):
            return TicketRefused(TicketRefusal.UNUSABLE, "Request is a replay")
        use = self.stolen or hashlib.sha256(str(len(self.tokens)).encode()).digest()
        return KerberosTicket(
            kerberos_realm=self.realm, sid=token.decode(), password_set_at=None, authenticator=use, reply=b"here I am"
        )

    async def close(self) -> None: ...


class Domain(ScriptedDirectory):
    kerberos_realm = "CORP.EXAMPLE"

    def __init__(self) -> None:
        super().__init__()
        self.tickets = self.acceptor = Acceptor()
        self.refusal: RefusalReason | None = None

    async def holder(self, ticket: KerberosTicket) -> Principal | RefusalReason | TicketRefusal:
        if self.error is not None:
            raise self.error
        return self.refusal or PEOPLE.get(ticket.sid, RefusalReason.UNKNOWN)


@pytest.fixture
async def domain() -> Domain:
    return Domain()


@pytest.fixture
async def stage(tmp_path: Path, domain: Domain) -> AsyncIterator[Stage]:
    async with running_portal(tmp_path, scripted=domain, schemes=SCHEMES) as stage:
        yield stage


def negotiate(token: str | bytes) -> dict[str, str]:
    octets = token.encode() if isinstance(token, str) else token
    return {"Authorization": "Negotiate " + base64.b64encode(octets).decode()}


async def arrive(browser: Browser, query: str = "") -> Page:
    """As far as the question for a ticket."""
    answer = await browser.get(f"{SIGN_IN}?{query}")
    assert answer.status == 303
    assert answer.location.startswith("/.gatepost/kerberos")
    return await browser.get(SIGN_IN_ORIGIN + answer.location)


def is_form(page: Page) -> bool:
    return 'name="password"' in page.text and "<form" in page.text and "action=" not in page.text


async def test_a_ticket_and_a_passcode_lead_to_the_app(stage: Stage) -> None:
    browser = stage.browser(address=INSIDE)
    query = f"return_to={WIKI}/page&start={START}"
    asked = await arrive(browser, query)
    assert (asked.status, asked.headers["WWW-Authenticate"]) == (401, "Negotiate")
    half = await browser.get(f"{KERBEROS}?{query}", **negotiate(ALICE))
    assert half.headers["WWW-Authenticate"] == "Negotiate " + base64.b64encode(b"here I am").decode()
    assert half.location.startswith("/.gatepost/passcode?challenge=")
    page = await browser.get(SIGN_IN_ORIGIN + half.location)
    landing = await stage.answer(browser, page, stage.passcode)
    assert landing.location.startswith(f"{WIKI}/.gatepost/ticket?")
    session = await stage.sessions.find((browser.session_cookie() or "").encode(), "signin.corp.example", stage.now)
    assert session is not None
    assert session.scheme == "inside"
    assert [proof.factor.value for proof in session.proven] == ["kerberos", "sms"]


async def with_recovery_code(stage: Stage, sid: str, code: str) -> None:
    made = enrolment_of_code(stage.keys, PEOPLE[sid], code, name="1", now=stage.now)
    assert await stage.store.enrolments.put_enrolments([made])


async def own_factors_step_up(browser: Browser) -> Page:
    return await browser.get(SIGN_IN_ORIGIN + (await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/me/factors")).location)


CODED = [*SCHEMES[:2], {"name": "browser", "factors": ["password", ["sms", "recovery_code"]]}]


async def test_a_recovery_code_proves_nothing_beside_a_ticket(tmp_path: Path, domain: Domain) -> None:
    async with running_portal(tmp_path, scripted=domain, schemes=CODED) as stage:
        await with_recovery_code(stage, ALICE, "K7QX-2MRA-9FZT")
        browser = stage.browser(address=INSIDE)
        await arrive(browser)
        half = await browser.get(KERBEROS, **negotiate(ALICE))
        await stage.answer(browser, await browser.get(SIGN_IN_ORIGIN + half.location), stage.passcode)
        stage.now += 601
        step_up = await own_factors_step_up(browser)
        asked = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", step_up.hidden)
        page = await browser.get(SIGN_IN_ORIGIN + asked.location)
        assert "recovery_code" not in page.text
        refused = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/passcode", {**page.hidden, "new": "recovery_code"})
        assert refused.status == 403
        assert "counts only beside your password" in refused.text
        assert stage.log[-1]["reason"] == "recovery_code_without_password"
        (session,) = await stage.store.sessions.sessions()
        assert [proof.factor for proof in session.proven] == [Factor.KERBEROS, Factor.SMS]
        assert (await stage.answer(browser, page, stage.passcode)).location == "/.gatepost/me/factors"


class WithPassword(Domain):
    """Whose `scripted` is the person without a phone, whatever the password."""

    account = replace(ScriptedDirectory.account, guid=PEOPLE[DESKLESS].guid)

    async def authenticate(self, account: Account | None, password: str) -> Principal | PasswordRefused:
        return PEOPLE[DESKLESS]


async def test_who_has_only_recovery_codes_beside_a_ticket_is_asked_for_the_password(tmp_path: Path) -> None:
    async with running_portal(tmp_path, scripted=WithPassword(), schemes=CODED) as stage:
        await with_recovery_code(stage, DESKLESS, "K7QX-2MRA-9FZT")
        browser = stage.browser(address="203.0.113.5")
        await arrive(browser)
        assert (await browser.get(KERBEROS, **negotiate(DESKLESS))).location == "/"
        step_up = await own_factors_step_up(browser)
        assert is_form(step_up)
        added = await browser.post(SIGN_IN, {**step_up.hidden, "username": "scripted@corp", "password": PASSWORD})
        assert added.location == "/.gatepost/me/factors"
        step_up = await own_factors_step_up(browser)
        asked = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", step_up.hidden)
        page = await browser.get(SIGN_IN_ORIGIN + asked.location)
        assert (await stage.answer(browser, page, "K7QX-2MRA-9FZT")).location == "/.gatepost/me/factors"
        (session,) = await stage.store.sessions.sessions()
        assert [proof.factor for proof in session.proven] == [Factor.KERBEROS, Factor.PASSWORD, Factor.RECOVERY_CODE]


async def test_a_ticket_alone_is_enough_where_the_scheme_says_so(stage: Stage) -> None:
    browser = stage.browser(address="203.0.113.5")
    await arrive(browser)
    assert (await browser.get(KERBEROS, **negotiate(TYPIST))).location == "/"
    assert stage.phone.messages == []


async def test_the_question_for_a_ticket_is_the_form_and_the_form_works(stage: Stage) -> None:
    browser = stage.browser(address=INSIDE)
    form = await arrive(browser, f"return_to={WIKI}/page&start={START}")
    assert is_form(form)
    fields = {**form.hidden, "username": "alice", "password": PASSWORD}
    half = await browser.post(SIGN_IN, fields)
    page = await browser.get(SIGN_IN_ORIGIN + half.location)
    landing = await stage.answer(browser, page, stage.passcode)
    assert landing.location.startswith(f"{WIKI}/.gatepost/ticket?")


async def test_where_no_scheme_begins_with_a_ticket_none_is_asked_for(stage: Stage, domain: Domain) -> None:
    browser = stage.browser()
    assert is_form(await browser.get(SIGN_IN))
    answer = await browser.get(KERBEROS, **negotiate(ALICE))
    assert answer.location == "/.gatepost/sign-in?form=1"
    assert domain.tickets.tokens == []


@pytest.mark.parametrize(
    "value", ["Negotiate ???", "Negotiate", "Basic YTpi", "Bearer x", "Negotiate YQ==, Basic YTpi"]
)
async def test_what_is_no_token_gives_the_form(stage: Stage, value: str) -> None:
    browser = stage.browser(address=INSIDE)
    await arrive(browser)
    answer = await browser.get(KERBEROS, Authorization=value)
    assert is_form(answer)
    assert answer.headers["WWW-Authenticate"] == 'Gatepost realm="sign-in"'
    assert browser.session_cookie() is None


@pytest.mark.parametrize("reason", [RefusalReason.DISABLED, RefusalReason.LOCKED, RefusalReason.MUST_CHANGE])
async def test_an_account_that_may_not_be_used_now_gets_the_form(
    stage: Stage, domain: Domain, reason: RefusalReason
) -> None:
    browser = stage.browser(address=INSIDE)
    await arrive(browser)
    domain.refusal = reason
    answer = await browser.get(KERBEROS, **negotiate(ALICE))
    assert is_form(answer)
    assert (browser.session_cookie(), stage.phone.messages) == (None, [])
    assert any(line.get("reason") == reason.value for line in stage.log)


async def test_a_refused_ticket_gives_the_form_without_another_question(stage: Stage) -> None:
    """Or a browser would go on for ever."""
    browser = stage.browser(address=INSIDE)
    await arrive(browser)
    answer = await browser.get(KERBEROS, **negotiate("forged"))
    assert answer.status == 401
    assert is_form(answer)
    assert "Negotiate" not in answer.headers["WWW-Authenticate"]
    assert "forged" not in stage.log_text
    assert base64.b64encode(b"forged").decode() not in stage.log_text


async def test_a_token_opens_once_at_all_nodes_together(stage: Stage, domain: Domain, tmp_path: Path) -> None:
    domain.tickets.stolen = b"s" * 32
    browser = stage.browser(address="203.0.113.5")
    await arrive(browser)
    assert (await browser.get(KERBEROS, **negotiate(TYPIST))).location == "/"
    elsewhere = Domain()
    elsewhere.tickets.stolen = b"s" * 32
    async with running_portal(tmp_path, scripted=elsewhere, schemes=SCHEMES) as other:  # with the same store
        thief = other.browser(address="203.0.113.5")
        await arrive(thief)
        assert is_form(await thief.get(KERBEROS, **negotiate(TYPIST)))
        assert thief.session_cookie() is None
        assert other.log[-1]["reason"] == "ticket_seen_before"


async def test_one_of_many_parallel_uses_of_a_token_opens(stage: Stage, domain: Domain) -> None:
    domain.tickets.stolen = b"s" * 32
    browsers = [stage.browser(address="203.0.113.5") for _ in range(8)]
    for browser in browsers:
        await arrive(browser)
    answers = await asyncio.gather(*(browser.get(KERBEROS, **negotiate(TYPIST)) for browser in browsers))
    assert sorted(answer.status for answer in answers) == [303, *[401] * 7]


async def test_without_the_store_a_ticket_opens_nothing(stage: Stage, domain: Domain) -> None:
    browser = stage.browser(address="203.0.113.5")
    await arrive(browser)
    stage.store.away = True
    assert (await browser.get(KERBEROS, **negotiate(TYPIST))).status == 503
    assert browser.session_cookie() is None


async def test_a_person_of_an_unknown_domain_gets_the_form(stage: Stage, domain: Domain) -> None:
    browser = stage.browser(address=INSIDE)
    await arrive(browser)
    domain.tickets.realm = "OTHER.EXAMPLE"
    assert is_form(await browser.get(KERBEROS, **negotiate(ALICE)))
    assert browser.session_cookie() is None


async def test_whom_only_a_scheme_with_a_password_is_for_gets_the_form(stage: Stage) -> None:
    browser = stage.browser(address=INSIDE)
    await arrive(browser)
    assert is_form(await browser.get(KERBEROS, **negotiate(TYPIST)))
    assert browser.session_cookie() is None


async def test_a_password_does_not_stand_for_a_ticket(stage: Stage) -> None:
    browser = stage.browser(address="203.0.113.5")
    form = await arrive(browser)
    await browser.post(SIGN_IN, {**form.hidden, "username": "alice", "password": PASSWORD})
    session = await stage.sessions.find((browser.session_cookie() or "").encode(), "signin.corp.example", stage.now)
    assert session is not None
    assert (session.scheme, session.factors) == ("browser", ((Factor.PASSWORD,), (Factor.SMS,)))


async def test_a_browser_that_keeps_no_cookies_is_not_sent_in_circles(stage: Stage, domain: Domain) -> None:
    browser = stage.browser(address=INSIDE)
    answer = await browser.get(KERBEROS, **negotiate(ALICE))
    assert (answer.status, is_form(answer)) == (200, True)
    assert (domain.tickets.tokens, stage.phone.messages) == ([], [])


@pytest.mark.parametrize("destination", ["image", "iframe", "empty", "script"])
async def test_only_a_page_load_can_cost_a_passcode(stage: Stage, domain: Domain, destination: str) -> None:
    browser = stage.browser(address=INSIDE)
    await arrive(browser)
    answer = await browser.get(KERBEROS, Sec_Fetch_Dest=destination, **negotiate(ALICE))
    assert answer.status == 303
    assert (domain.tickets.tokens, stage.phone.messages) == ([], [])


async def test_a_second_tab_waits_for_the_same_passcode(stage: Stage) -> None:
    browser = stage.browser(address=INSIDE)
    await arrive(browser)
    first = await browser.get(KERBEROS, **negotiate(ALICE))
    await arrive(browser)
    second = await browser.get(KERBEROS, **negotiate(ALICE))
    assert second.location.partition("&")[0] == first.location.partition("&")[0]
    assert len(stage.phone.messages) == 1


async def test_who_began_by_typing_is_not_overtaken_by_a_ticket(stage: Stage, domain: Domain) -> None:
    browser = stage.browser(address=INSIDE)
    form = await arrive(browser)
    await browser.post(SIGN_IN, {**form.hidden, "username": "alice", "password": PASSWORD})
    assert is_form(await browser.get(SIGN_IN))
    assert (await browser.get(KERBEROS, **negotiate(ALICE))).location == "/.gatepost/sign-in?form=1"
    assert domain.tickets.tokens == []


async def test_a_dead_end_leads_back_to_the_form(stage: Stage, tmp_path: Path) -> None:
    browser = stage.browser(address="198.51.100.9")
    await arrive(browser)
    answer = await browser.get(KERBEROS, **negotiate(DESKLESS))
    assert answer.status == 403
    assert 'href="/.gatepost/sign-in?form=1"' in answer.text
    assert is_form(await browser.get(f"{SIGN_IN}?form=1"))
    assert is_form(await browser.get(f"{SIGN_IN}?again=1")), "the ticket before this one fitted nowhere"


LINK = re.compile(r'<a [^>]*href="(/\.gatepost/sign-in[^"]*)"')


@pytest.mark.parametrize("outcome", [Outcome.UNAVAILABLE, Outcome.REFUSED, Outcome.ACCEPTED])
async def test_with_a_dead_gateway_the_administrator_of_a_joined_computer_signs_in_by_the_form(
    tmp_path: Path, domain: Domain, outcome: Outcome
) -> None:
    """And "Sign in as someone else" is no way back to the same person."""
    admins = {"name": "admins", "factors": ["password"], "groups": ["Gatepost Admins"], "networks": [f"{INSIDE}/32"]}
    async with running_portal(tmp_path, scripted=domain, schemes=[admins, *SCHEMES]) as stage:
        stage.phone.outcome = outcome
        browser = stage.browser(address=INSIDE)
        await arrive(browser)
        page = await browser.get(KERBEROS, **negotiate(ALICE))
        if page.status == 303:
            page = await browser.get(SIGN_IN_ORIGIN + page.location)
        (href,) = set(LINK.findall(page.text))
        form = await browser.get(SIGN_IN_ORIGIN + html.unescape(href))
        assert is_form(form)
        answer = await browser.post(SIGN_IN, {**form.hidden, "username": "admin", "password": PASSWORD})
        assert answer.status == 303
        (session,) = await stage.store.sessions.sessions()
        assert (session.principal.username, session.level) == ("admin", Level.SIGNED_IN)


async def test_messages_are_throttled_as_after_a_password(stage: Stage) -> None:
    statuses = set()
    for _ in range(stage.settings.throttle.sends_per_person + 1):
        browser = stage.browser(address=INSIDE)
        await arrive(browser)
        statuses.add((await browser.get(KERBEROS, **negotiate(ALICE))).status)
    assert statuses == {303, 429}
    assert len(stage.phone.messages) == stage.settings.throttle.sends_per_person


async def test_a_directory_that_is_away_denies(stage: Stage, domain: Domain) -> None:
    browser = stage.browser(address=INSIDE)
    await arrive(browser)
    domain.error = DirectoryUnavailable("corp", "down")
    assert (await browser.get(KERBEROS, **negotiate(ALICE))).status == 503
    assert browser.session_cookie() is None


async def test_head_begins_nothing(stage: Stage, domain: Domain) -> None:
    browser = stage.browser(address=INSIDE)
    await arrive(browser)
    answer = await browser.request("HEAD", KERBEROS, headers=negotiate(ALICE))
    assert answer.status == 405
    assert domain.tickets.tokens == []


@pytest.mark.parametrize(
    ("fields", "token"),
    [
        (["Negotiate YQ=="], b"a"),
        (["negotiate  YQ== "], b"a"),
        (["Negotiate YQ==", "Negotiate YQ=="], b""),
        (["NegotiateYQ=="], b""),
        (["Negotiate Y\xe9=="], b""),
        (["Negotiate " + "A" * (MAX_TOKEN_BYTES * 2)], b""),
    ],
)
def test_a_token_is_read_from_one_field_of_one_form(fields: list[Any], token: bytes) -> None:
    assert negotiate_token(fields) == token
