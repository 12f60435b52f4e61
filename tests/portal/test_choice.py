"""A choice in a scheme: the first factor that the person has is asked for, and the others are a button away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.factors import Factor
from proxy.sessions.session import Level, Session
from tests.portal.stage import SIGN_IN_ORIGIN, WIKI, Browser, Page, Stage, running_portal
from tests.portal.test_mail_for_sms import CHANNELS, Telling

SCHEMES = [
    {"name": "quick", "factors": ["password"], "networks": ["203.0.113.0/24"]},
    {"name": "browser", "factors": ["password", ["sms", "email"]]},
    {"name": "strong", "factors": ["password", ["email", "sms"]], "fresh": "10m"},
    {"name": "texted", "factors": ["password", "sms"]},
]
APPS = [{"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1", "scheme": "strong"}]
NAME = "scripted@corp"


@asynccontextmanager
async def portal(folder: Path, **person: Any) -> AsyncIterator[Stage]:
    directory = Telling()
    directory.person = replace(directory.person, **person)
    changes: dict[str, Any] = {"schemes": SCHEMES, "apps": APPS, "second_factor": {"channels": tuple(CHANNELS)}}
    async with running_portal(folder, scripted=directory, **changes) as stage:
        stage.phone.channels = dict(CHANNELS)
        yield stage


async def only_session(stage: Stage) -> Session:
    (session,) = await stage.store.sessions.sessions()
    return session


async def press_new(stage: Stage, browser: Browser, page: Page, factor: str) -> Page:
    """The button for another factor."""
    answer = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/passcode", {**page.hidden, "new": factor})
    assert answer.status == 303, answer.text
    return await browser.get(SIGN_IN_ORIGIN + answer.location)


async def to_step_up(stage: Stage, scheme: str) -> tuple[Browser, Page]:
    """Signed in by password alone, as far as the passcode page of the step-up."""
    browser = stage.browser(address="203.0.113.5")
    assert (await stage.password(browser, username=NAME)).status == 303
    asked = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/step-up?scheme={scheme}&return_to={WIKI}/")
    pressed = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", asked.hidden)
    return browser, await browser.get(SIGN_IN_ORIGIN + pressed.location)


@pytest.mark.parametrize(
    ("person", "factor"),
    [
        ({"mobiles": ("07400 123456",)}, Factor.SMS),
        ({"mobiles": ("07400 123456",), "mail": None}, Factor.SMS),
        ({"mobiles": ()}, Factor.EMAIL),
        ({"mobiles": ("see Bob",)}, Factor.EMAIL),
    ],
)
async def test_the_first_factor_that_the_person_has_signs_them_in(
    tmp_path: Path, person: dict[str, Any], factor: Factor
) -> None:
    async with portal(tmp_path, **person) as stage:
        browser = stage.browser()
        page = await stage.to_passcode(browser, username=NAME)
        assert (await stage.answer(browser, page, stage.passcode)).status == 303
        session = await only_session(stage)
        assert session.level is Level.SIGNED_IN
        assert session.proven_factors == {Factor.PASSWORD, factor}


async def test_who_has_none_of_them_is_told_about_the_first(tmp_path: Path) -> None:
    async with portal(tmp_path, mobiles=(), mail=None) as stage:
        refused = await stage.password(stage.browser(), username=NAME)
        assert refused.status == 403
        assert "mobile" in refused.text.casefold()
        assert [line["reason"] for line in stage.log if "reason" in line] == ["mobile_empty"]
        assert await stage.store.sessions.sessions() == []


async def test_the_page_offers_the_other_factor_and_each_passcode_proves_its_own(tmp_path: Path) -> None:
    async with portal(tmp_path, mobiles=("07400 123456",)) as stage:
        browser = stage.browser()
        page = await stage.to_passcode(browser, username=NAME)
        by_sms = stage.passcode
        assert 'name="new" value="email"' in page.text
        assert "s•••@corp.example" in page.text
        other = await press_new(stage, browser, page, "email")
        assert stage.phone.messages[-1].mail == "scripted@corp.example"
        assert stage.passcode != by_sms
        assert 'name="new" value="sms"' in other.text
        # One that was sent to the phone is no answer to what was asked by mail.
        assert (await stage.answer(browser, other, by_sms)).status == 422
        assert (await stage.answer(browser, other, stage.passcode)).status == 303
        assert (await only_session(stage)).proven_factors == {Factor.PASSWORD, Factor.EMAIL}


async def test_going_back_and_forth_sends_no_more_than_the_limits_let(tmp_path: Path) -> None:
    async with portal(tmp_path, mobiles=("07400 123456",)) as stage:
        browser = stage.browser()
        page = await stage.to_passcode(browser, username=NAME)
        most = stage.settings.throttle.sends_per_person
        for count in range(most):
            factor = ("email", "sms")[count % 2]
            answer = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/passcode", {**page.hidden, "new": factor})
        assert answer.status == 429
        assert len(stage.phone.messages) == most


async def test_going_back_and_forth_wins_no_attempts(tmp_path: Path) -> None:
    async with portal(tmp_path, mobiles=("07400 123456",)) as stage:
        browser = stage.browser()
        page = await stage.to_passcode(browser, username=NAME)
        pages = [await press_new(stage, browser, page, "email"), await press_new(stage, browser, page, "sms")]
        assert (await stage.answer(browser, page, stage.wrong_passcode())).status == 410, "another took its place"
        statuses = [(await stage.answer(browser, each, stage.wrong_passcode())).status for each in pages * 3]
        assert statuses == [422] * 4 + [403, 303]  # and then there is no session any more
        assert await stage.store.sessions.sessions() == []


async def test_a_step_up_offers_the_other_factor_too(tmp_path: Path) -> None:
    async with portal(tmp_path, mobiles=("07400 123456",)) as stage:
        browser, page = await to_step_up(stage, "strong")
        assert stage.phone.messages[-1].mail == "scripted@corp.example"
        by_mail = stage.passcode
        assert 'name="new" value="sms"' in page.text
        assert "You have 4 tries left." in (await stage.answer(browser, page, stage.wrong_passcode())).text
        other = await press_new(stage, browser, page, "sms")
        assert 'name="new" value="email"' in other.text
        assert stage.phone.messages[-1].number is not None
        assert "You have 3 tries left." in (await stage.answer(browser, other, by_mail)).text
        assert (await stage.answer(browser, other, stage.passcode)).location == f"{WIKI}/"
        assert (await only_session(stage)).proven_factors == {Factor.PASSWORD, Factor.SMS}


async def test_a_step_up_offers_no_factor_that_its_scheme_does_not_take(tmp_path: Path) -> None:
    async with portal(tmp_path, mobiles=("07400 123456",)) as stage:
        browser, page = await to_step_up(stage, "texted")
        assert 'name="new" value="email"' not in page.text
        answer = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/passcode", {**page.hidden, "new": "email"})
        assert page.hidden["challenge"] in answer.location
        assert [message.number is not None for message in stage.phone.messages] == [True]


async def test_a_factor_of_no_choice_is_not_asked_for(tmp_path: Path) -> None:
    async with portal(tmp_path, mobiles=("07400 123456",)) as stage:
        browser = stage.browser()
        page = await stage.to_passcode(browser, username=NAME)
        await press_new(stage, browser, page, "password")
        assert [message.number is not None for message in stage.phone.messages] == [True]
        assert (await only_session(stage)).level is Level.FIRST_FACTOR


async def test_a_step_up_takes_whichever_was_proven_and_is_fresh(tmp_path: Path) -> None:
    async with portal(tmp_path, mobiles=("07400 123456",)) as stage:
        browser = stage.browser()
        await stage.sign_in(browser, username=NAME)  # by SMS, of which "strong" takes either
        step_up = f"{SIGN_IN_ORIGIN}/.gatepost/step-up?scheme=strong&return_to={WIKI}/"
        landed = await browser.get(step_up)
        assert (landed.status, landed.location) == (303, f"{WIKI}/")
        stage.now += 601
        asked = await browser.get(step_up)
        assert asked.status == 200
        assert "s•••@corp.example" in asked.text  # the first of its choice
        pressed = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", asked.hidden)
        page = await browser.get(SIGN_IN_ORIGIN + pressed.location)
        assert (await stage.answer(browser, page, stage.passcode)).location == f"{WIKI}/"
        session = await only_session(stage)
        assert session.proven_factors == {Factor.PASSWORD, Factor.SMS, Factor.EMAIL}


async def test_the_log_of_a_step_up_names_the_factor_that_is_asked_for(tmp_path: Path) -> None:
    async with portal(tmp_path, mobiles=("07400 123456",), mail=None) as stage:
        browser = stage.browser(address="203.0.113.5")
        assert (await stage.password(browser, username=NAME)).status == 303
        asked = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/step-up?scheme=strong&return_to={WIKI}/")
        assert (await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", asked.hidden)).status == 303
        told = {line["event"]: line.get("factor") for line in stage.log if "factor" in line}
        assert told == {"step_up.begun": "sms", "passcode.sent": "sms"}
