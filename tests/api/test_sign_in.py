"""Whole sign-ins by JSON: the contract's shapes, each step, and what stands after it."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from config.factors import TYPED, Factor
from directory.directory import RefusalReason
from proxy.api.models import FactorName
from proxy.delivery.channel import Outcome
from proxy.factors.enrolment import seal_enrolment
from proxy.secrets.tokens import token_digest
from proxy.sessions.session import Level, Session
from proxy.sessions.way import TOKEN_HOST, Way
from tests.api.stage import API, APIClient, Said, running_api
from tests.portal.stage import NOW, PASSWORD, SIGN_IN_ORIGIN, Stage, running_portal
from tests.portal.test_mail_for_sms import CHANNELS, Telling
from tests.portal.test_passkey import with_passkey
from tests.portal.test_password_change import CORP, NAME, OLD, ChangingDirectory
from tests.support.eventually import eventually

OVER = 'Bearer realm="sign-in", error="invalid_token"'
"""By this a client knows that it has to begin again."""
TOTP_KEY = b"12345678901234567890"


async def only_session(stage: Stage) -> Session:
    (session,) = await stage.store.sessions.sessions()
    return session


def is_over(said: Said) -> bool:
    return (said.status, said.error, said.headers["WWW-Authenticate"]) == (401, "refused", OVER)


async def test_a_password_and_a_passcode_sign_in(stage: Stage, client: APIClient) -> None:
    asked = await client.sign_in()
    assert (asked.status, asked.headers["Content-Type"]) == (200, "application/json")
    assert asked.body == {
        "state": "proof",
        "flow": asked.flow,
        "factor": "sms",
        "factors": ["sms"],
        "destination": asked.destination,
        "expires_in": 300,
        "resend_in": 30,
    }
    assert asked.destination.endswith("456")
    assert "400123" not in asked.destination
    half = await only_session(stage)
    assert (half.way, half.level) == (Way.API, Level.FIRST_FACTOR)
    done = await client.prove(asked)
    assert done.status == 200
    assert done.body == {"state": "signed_in", "token": done.token, "expires_in": 1800}
    session = await only_session(stage)
    assert (session.way, session.level, session.user_agent) == (Way.API, Level.SIGNED_IN, "curl/8.14")
    assert await stage.store.sessions.session_by_cookie(token_digest(done.token), TOKEN_HOST) == session
    assert await stage.store.sessions.session_by_cookie(token_digest(done.token), "signin.corp.example") is None


async def test_a_scheme_of_a_password_alone_signs_in_at_once(client: APIClient) -> None:
    done = await client.sign_in("admin")
    assert (done.status, done.state) == (200, "signed_in")


async def test_id_and_token_change_at_each_step_and_the_one_before_is_worthless(
    stage: Stage, client: APIClient
) -> None:
    asked = await client.sign_in()
    half = await only_session(stage)
    done = await client.prove(asked)
    assert done.token != asked.flow
    assert (await only_session(stage)).session_id != half.session_id
    assert is_over(await client.prove(asked))
    assert is_over(await client.resend(asked))
    assert is_over(await client.session(asked.flow))


async def test_a_half_signed_in_one_opens_nothing_but_its_next_step(client: APIClient) -> None:
    asked = await client.sign_in()
    assert is_over(await client.session(asked.flow))
    assert (await client.prove(asked)).status == 200


async def test_a_token_is_no_sign_in_that_waits(stage: Stage, client: APIClient) -> None:
    token = await client.token()
    assert is_over(await client.call("POST", "proof", {"flow": token, "factor": "sms", "passcode": stage.passcode}))
    assert is_over(await client.call("POST", "resend", {"flow": token}))
    assert (await client.session(token)).status == 200


async def test_a_sign_in_in_a_browser_is_none_here_nor_the_other_way_round(stage: Stage, client: APIClient) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    assert is_over(await client.session(browser.session_cookie() or ""))
    token = await client.token()
    other = stage.browser()
    other.cookies["signin.corp.example"] = {"__Host-gatepost": token}
    assert (await other.get(f"{SIGN_IN_ORIGIN}/.gatepost/me")).status == 303


async def test_wrong_passcodes_are_counted_and_the_last_one_ends_it(stage: Stage, client: APIClient) -> None:
    asked = await client.sign_in()
    for left in (4, 3, 2, 1):
        wrong = await client.prove(asked, stage.wrong_passcode())
        assert (wrong.status, wrong.error) == (401, "refused")
        assert wrong.headers["WWW-Authenticate"] == 'Gatepost realm="sign-in"'
        assert (f"{left} tries" if left > 1 else "one try") in wrong.message
    last = await client.prove(asked, stage.wrong_passcode())
    assert (last.status, last.error) == (403, "not_allowed")
    assert is_over(await client.prove(asked))
    assert await stage.store.sessions.sessions() == []


@pytest.mark.parametrize("passcode", ["", " ", "12345", "what?"])
async def test_what_cannot_be_a_passcode_is_none_and_costs_no_attempt(client: APIClient, passcode: str) -> None:
    asked = await client.sign_in()
    for _ in range(6):
        said = await client.call("POST", "proof", {"flow": asked.flow, "factor": "sms", "passcode": passcode})
        assert (said.status, said.error) == (400, "bad_request")
    assert (await client.prove(asked)).status == 200


async def test_of_parallel_right_answers_one_signs_in(stage: Stage, client: APIClient) -> None:
    asked = await client.sign_in()
    said = await asyncio.gather(*(client.prove(asked) for _ in range(5)))
    assert sorted(each.status for each in said) == [200, 401, 401, 401, 401]
    assert len(await stage.store.sessions.sessions()) == 1


async def test_a_passcode_is_over_and_another_one_may_be_asked_for(stage: Stage, client: APIClient) -> None:
    asked = await client.sign_in()
    late = stage.passcode
    stage.now += 300
    over = await client.prove(asked, late)
    assert (over.status, over.error) == (401, "refused")
    assert over.headers["WWW-Authenticate"] != OVER
    again = await client.resend(asked)
    assert (again.status, again.flow) == (200, asked.flow)
    assert len(stage.phone.messages) == 2
    assert (await client.prove(again)).status == 200


async def test_it_is_sent_again_with_the_same_passcode_but_not_too_soon(stage: Stage, client: APIClient) -> None:
    asked = await client.sign_in()
    soon = await client.resend(asked)
    assert (soon.status, soon.error, soon.headers["Retry-After"]) == (429, "throttled", "30")
    stage.now += 30
    again = await client.resend(asked)
    assert (again.status, again.state, again.resend_in, again.expires_in) == (200, "proof", 30, 270)
    first, second = stage.phone.messages
    assert first.passcode == second.passcode
    assert (await client.prove(asked)).status == 200


@asynccontextmanager
async def of_scripted(folder: Path, schemes: list[dict[str, Any]], **person: Any) -> AsyncIterator[Stage]:
    directory = Telling()
    directory.person = replace(directory.person, **{"mobiles": ("07400 123456",), **person})
    channels = {"channels": tuple(CHANNELS)}
    async with running_api(folder, scripted=directory, schemes=schemes, second_factor=channels) as stage:
        stage.phone.channels = dict(CHANNELS)
        yield stage


async def test_each_factor_of_a_scheme_is_asked_for_in_turn_with_a_flow_of_its_own(tmp_path: Path) -> None:
    async with of_scripted(tmp_path, [{"name": "both", "factors": ["password", "sms", "email"]}]) as stage:
        client = APIClient(stage)
        first = await client.sign_in("scripted@corp")
        second = await client.prove(first)
        assert (second.status, second.state, second.factor) == (200, "proof", "email")
        assert second.flow != first.flow
        assert is_over(await client.prove(first, factor="email"))
        assert (await client.prove(second)).state == "signed_in"


async def test_a_next_factor_that_cannot_be_asked_for_ends_what_was_begun(tmp_path: Path) -> None:
    """Its flow is told to nobody, so nobody could go on by it."""
    async with of_scripted(tmp_path, [{"name": "both", "factors": ["password", "sms", "email"]}]) as stage:
        client = APIClient(stage)
        first = await client.sign_in("scripted@corp")
        stage.phone.outcome = Outcome.UNAVAILABLE
        said = await client.prove(first)
        assert (said.status, said.error) == (503, "unavailable")
        assert await stage.store.sessions.sessions() == []


async def test_another_way_is_asked_for_by_its_channel(tmp_path: Path) -> None:
    async with of_scripted(tmp_path, [{"name": "one", "factors": ["password", ["sms", "email"]]}]) as stage:
        client = APIClient(stage)
        asked = await client.sign_in("scripted@corp")
        assert asked.factors == ["sms", "email"]
        early = await client.prove(asked, "123456", factor="email")
        assert (early.status, early.error) == (401, "refused"), "nothing was sent there, and a guess sends nothing"
        assert len(stage.phone.messages) == 1
        mailed = await client.resend(asked, channel="email")
        assert (mailed.status, mailed.factor, mailed.factors) == (200, "email", ["email", "sms"])
        assert "@" in mailed.destination
        assert stage.phone.messages[-1].number is None
        assert (await client.prove(mailed)).state == "signed_in"
        assert (await only_session(stage)).proven_factors == {Factor.PASSWORD, Factor.EMAIL}


async def test_a_channel_that_the_sign_in_does_not_take_is_none(client: APIClient) -> None:
    asked = await client.sign_in()
    said = await client.resend(asked, channel="email")
    assert (said.status, said.error) == (400, "bad_request")


async def test_where_mail_may_stand_in_it_is_the_same_passcode_by_mail(tmp_path: Path) -> None:
    directory = Telling()
    directory.person = replace(directory.person, mobiles=("07400 123456",))
    second_factor = {"channels": tuple(CHANNELS), "email_for_sms": True}
    async with running_api(tmp_path, scripted=directory, second_factor=second_factor) as stage:
        stage.phone.channels = dict(CHANNELS)
        client = APIClient(stage)
        asked = await client.sign_in("scripted@corp")
        stage.now += 30
        mailed = await client.resend(asked, channel="email")
        assert (mailed.status, mailed.factor) == (200, "sms")
        first, second = stage.phone.messages
        assert (first.passcode, stage.phone.afters) == (second.passcode, ["", "kapow"])


def totp(now: float) -> str:
    """As an independent program computes it."""
    command = ["oathtool", "--totp", f"--now=@{int(now)}", TOTP_KEY.hex()]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


async def test_a_code_of_an_app_is_taken_in_the_place_of_a_message(tmp_path: Path) -> None:
    schemes = [{"name": "one", "factors": ["password", ["sms", "totp"]]}]
    async with of_scripted(tmp_path, schemes) as stage:
        app = seal_enrolment(stage.keys, Telling.person, Factor.TOTP, TOTP_KEY, name="phone", now=stage.now)
        await stage.store.enrolments.put_enrolments([app])
        client = APIClient(stage)
        asked = await client.sign_in("scripted@corp")
        assert asked.factors == ["sms", "totp"]
        wrong = await client.prove(asked, "000000" if totp(NOW) != "000000" else "000001", factor="totp")
        assert (wrong.status, "4 tries" in wrong.message) == (401, True), "attempts are the sign-in's"
        assert (await client.prove(asked, totp(stage.now), factor="totp")).state == "signed_in"
        assert len(stage.phone.messages) == 1


async def test_nothing_is_sent_again_for_what_needs_no_message(tmp_path: Path) -> None:
    schemes = [{"name": "one", "factors": ["password", ["totp", "sms"]]}]
    async with of_scripted(tmp_path, schemes) as stage:
        app = seal_enrolment(stage.keys, Telling.person, Factor.TOTP, TOTP_KEY, name="phone", now=stage.now)
        await stage.store.enrolments.put_enrolments([app])
        client = APIClient(stage)
        asked = await client.sign_in("scripted@corp")
        assert (asked.factor, asked.destination, asked.resend_in) == ("totp", "", 0)
        assert (await client.resend(asked)).status == 400
        assert stage.phone.messages == []
        sent = await client.resend(asked, channel="sms")
        assert (sent.status, sent.factor) == (200, "sms")
        assert (await client.prove(sent)).state == "signed_in"


async def test_a_passkey_is_never_offered_here(tmp_path: Path) -> None:
    schemes = [{"name": "browser", "factors": ["password", ["passkey", "sms"]]}]
    async with running_api(tmp_path, schemes=schemes) as stage:
        await with_passkey(stage)
        asked = await APIClient(stage).sign_in()
        assert (asked.status, asked.factor, asked.factors) == (200, "sms", ["sms"])


async def test_somebody_whose_sign_in_needs_a_browser_is_told_and_nothing_begins(tmp_path: Path) -> None:
    async with running_api(tmp_path, schemes=[{"name": "strong", "factors": ["password", "passkey"]}]) as stage:
        said = await APIClient(stage).sign_in()
        assert (said.status, said.error) == (403, "not_allowed")
        assert "browser" in said.message
        assert await stage.store.sessions.sessions() == []
        assert (await APIClient(stage).sign_in(password="wrong")).status == 401, "that tells nobody who exists"


async def test_what_can_be_typed_here_is_what_the_document_names() -> None:
    assert {Factor(name) for name in get_args(FactorName)} == TYPED - {Factor.PASSWORD}


@pytest.mark.parametrize("name", ["Wiki", "wiki.corp.example", "WIKI.corp.example"])
async def test_with_an_app_it_is_for_that_one_alone(stage: Stage, client: APIClient, name: str) -> None:
    asked = await client.sign_in(app=name)
    assert stage.phone.messages[-1].app == "Wiki"
    stage.now += 30
    await client.resend(asked)
    assert stage.phone.messages[-1].app == "Wiki"
    done = await client.prove(asked)
    confined = (await only_session(stage)).confined
    assert confined is not None
    assert confined.apps == ("Wiki",)
    assert (await client.session(done.token)).apps == ["Wiki"]


@pytest.mark.parametrize("name", ["", "Nowhere", "signin.corp.example", "Forms", "forms.corp.example"])
async def test_an_app_that_takes_no_tokens_is_refused_before_anything_is_judged(
    stage: Stage, client: APIClient, name: str
) -> None:
    assert (await client.sign_in("scripted@corp", app=name)).status == 403
    assert stage.scripted.binds == 0


async def test_who_must_change_their_password_does_so_in_a_browser(tmp_path: Path) -> None:
    corp = ChangingDirectory()
    corp.stopped = RefusalReason.MUST_CHANGE
    async with running_api(tmp_path, scripted=corp, directories=[CORP]) as stage:
        client = APIClient(stage)
        said = await client.prove(await client.sign_in(NAME, OLD))
        assert (said.status, said.error) == (403, "not_allowed")
        assert SIGN_IN_ORIGIN in said.message
        assert await stage.store.sessions.sessions() == []


async def test_a_message_that_nobody_takes_ends_what_was_begun(stage: Stage, client: APIClient) -> None:
    stage.phone.outcome = Outcome.UNAVAILABLE
    said = await client.sign_in()
    assert (said.status, said.error) == (503, "unavailable")
    assert int(said.headers["Retry-After"]) > 0
    assert await stage.store.sessions.sessions() == []


async def test_it_is_off_until_the_configuration_has_it_enabled(tmp_path: Path) -> None:
    async with running_portal(tmp_path) as stage:
        client = APIClient(stage)
        for method, path in (("POST", "sign-in"), ("GET", "session"), ("GET", "openapi.json")):
            assert (await client.call(method, path)).status == 404
        assert (await client.sign_in()).status == 404


async def test_the_log_says_by_which_way_and_holds_no_secret(stage: Stage, client: APIClient) -> None:
    asked = await client.sign_in()
    await client.prove(asked, stage.wrong_passcode())
    done = await client.prove(asked)
    await client.session(done.token)
    await client.call("DELETE", "session", token=done.token)
    assert {each.get("way") for each in stage.log if each["event"] == "sign_in.succeeded"} == {"api"}
    assert {each["way"] for each in stage.log if each.get("way")} == {"api"}
    secrets = (PASSWORD, stage.passcode, stage.wrong_passcode(), asked.flow, done.token, "400123456")
    assert not any(secret in stage.log_text for secret in secrets)
    stage.recorded.holds_none_of(secrets)
    assert API not in stage.log_text.replace("'path': '" + API, "'path': '")


async def test_it_is_seen_and_ended_on_the_persons_own_page(stage: Stage, client: APIClient) -> None:
    token = await client.token()
    browser = stage.browser()
    await stage.sign_in(browser)
    page = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/me")
    assert "curl" in page.text
    assert "others" in page.text
    await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/me", {**page.hidden, "others": "yes"})
    assert is_over(await client.session(token))


async def test_the_person_is_told_of_a_program_that_is_new_to_them_and_once(tmp_path: Path) -> None:
    async with of_scripted(tmp_path, [{"name": "quick", "factors": ["password"]}]) as stage:
        browser, client = stage.browser(), APIClient(stage)
        await stage.password(browser, "scripted@corp")
        for _ in range(3):
            assert (await client.sign_in("scripted@corp")).state == "signed_in"
        await eventually(lambda: bool(stage.phone.told))
        ((address, text),) = stage.phone.told
        assert address == "scripted@corp.example"
        assert "with a program" in text
        assert "curl" in text
