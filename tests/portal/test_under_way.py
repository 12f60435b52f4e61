"""While a passcode is being handed over, and when that failed: one message for all workers, and pages that are true."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from config.factors import ChannelKind
from proxy.delivery.channel import Delivery, DeliveryStatus, Outcome, PasscodeMessage
from proxy.delivery.delivery_store import FailureReason
from proxy.factors.challenge import Challenge
from tests.portal.stage import SIGN_IN_ORIGIN, Browser, Page, Phone, Stage, running_portal

PASSCODE = f"{SIGN_IN_ORIGIN}/.gatepost/passcode"
STEP_UP = f"{SIGN_IN_ORIGIN}/.gatepost/step-up"
PASSWORD_FIRST = [
    {"name": "inside", "factors": ["password"], "networks": ["192.0.2.0/24"]},
    {"name": "browser", "factors": ["password", "sms"]},
]


class SlowPhone(Phone):
    """Takes no message before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def send(
        self, message: PasscodeMessage, *, kinds: Collection[ChannelKind] | None = None, after: str = ""
    ) -> Delivery:
        self.is_asked.set()
        await self.may_go_on.wait()
        return await super().send(message, kinds=kinds, after=after)


def let_both_look_first(*stages: Stage) -> None:
    """Whoever looks for a live challenge goes on only when all others have looked, too."""
    everybody = asyncio.Barrier(len(stages))
    for stage in stages:
        looked = stage.store.challenges.challenge_of_session

        async def look(session_id: str, *, now: float, looked=looked) -> Challenge | None:  # type: ignore[no-untyped-def]
            found = await looked(session_id, now=now)
            if found is None:
                await everybody.wait()
            return found  # type: ignore[no-any-return]

        stage.store.challenges.challenge_of_session = look  # type: ignore[method-assign]


async def test_of_presses_at_two_workers_at_the_same_time_one_sends_a_passcode(tmp_path: Path) -> None:
    async with (
        running_portal(tmp_path, schemes=PASSWORD_FIRST) as one,
        running_portal(tmp_path, schemes=PASSWORD_FIRST) as other,
    ):
        browser = one.browser()
        await one.password(browser)
        query = {"scheme": "browser", "return_to": "https://forms.corp.example/", "start": "s" * 43}
        page = await browser.get(f"{STEP_UP}?{urlencode(query)}")
        twin = Browser(other.client)
        twin.cookies = browser.copy().cookies
        let_both_look_first(one, other)
        answers = await asyncio.gather(*(each.post(STEP_UP, page.hidden) for each in (browser, twin)))
        assert len(one.phone.messages) + len(other.phone.messages) == 1
        assert {answer.status for answer in answers} == {303}
        assert len({answer.location for answer in answers}) == 1
        standing = await one.throttle.sends_of_day(now=one.now)
        assert standing.count == 1, "what was not begun is not counted"


async def test_what_is_being_sent_cannot_be_sent_again_meanwhile(stage: Stage) -> None:
    phone = SlowPhone()
    stage.phone.send = phone.send  # type: ignore[method-assign]
    waiting = asyncio.create_task(stage.password(stage.browser()))
    await phone.is_asked.wait()
    (session,) = await stage.store.sessions.sessions()
    challenge = await stage.store.challenges.challenge_of_session(session.session_id, now=stage.now)
    assert challenge is not None
    assert not await stage.store.challenges.mark_sent(challenge.challenge_id, now=stage.now, not_before=stage.now - 30)
    phone.may_go_on.set()
    assert (await waiting).status == 303


async def step_up_twice(stage: Stage, phone: SlowPhone) -> tuple[Browser, Page, asyncio.Task[Page]]:
    """Pressed in one tab, whose answer is awaited; the passcode page in another one."""
    browser = stage.browser()
    await stage.password(browser)
    query = {"scheme": "browser", "return_to": "https://forms.corp.example/", "start": "s" * 43}
    page = await browser.get(f"{STEP_UP}?{urlencode(query)}")
    stage.phone.send = phone.send  # type: ignore[method-assign]
    waiting = asyncio.create_task(browser.copy().post(STEP_UP, page.hidden))
    await phone.is_asked.wait()
    pressed = await browser.post(STEP_UP, page.hidden)
    return browser, await browser.get(SIGN_IN_ORIGIN + pressed.location), waiting


async def test_the_page_says_sending_while_it_is_being_sent_and_sends_nothing_more(tmp_path: Path) -> None:
    async with running_portal(tmp_path, schemes=PASSWORD_FIRST) as stage:
        phone = SlowPhone()
        browser, page, waiting = await step_up_twice(stage, phone)
        assert "We are sending a code to your mobile" in page.text
        assert 'data-state="sending" data-status=' in page.text
        assert "We sent" not in page.text
        assert (await browser.post(PASSCODE, {**page.hidden, "resend": "yes"})).status == 429
        stage.now += 14  # longer than any channel is waited for: whoever sent it was stopped
        status = f"{PASSCODE}/status?{urlencode({'challenge': page.hidden['challenge']})}"
        assert json.loads((await browser.get(status)).text)["state"] == "unknown"
        phone.may_go_on.set()
        assert (await waiting).status == 303
        told = json.loads((await browser.get(status)).text)
        assert (told["state"], told["lead"][:7]) == ("accepted", "We sent")
        assert len(phone.messages) == 1


async def test_what_was_not_sent_is_not_called_sent_and_may_be_sent_at_once(stage: Stage) -> None:
    stage.phone.outcome = Outcome.UNAVAILABLE
    stage.phone.has_tags = True
    browser = stage.browser()
    unsent = await stage.password(browser)
    assert unsent.status == 503
    for _ in range(2):
        assert "Try again" in (await browser.post(PASSCODE, unsent.hidden)).text
    page = await browser.get(PASSCODE)
    assert "The message for this page" not in page.text
    assert "We could not send a code to your mobile" in page.text
    assert "We sent" not in page.text
    assert "data-wait" not in page.text
    stage.phone.outcome = Outcome.ACCEPTED
    again = await browser.post(PASSCODE, {**page.hidden, "resend": "yes"})
    assert "We sent a text message" in (await browser.get(SIGN_IN_ORIGIN + again.location)).text


@pytest.mark.parametrize("outcome", [Outcome.UNAVAILABLE, Outcome.REFUSED])
async def test_who_waits_for_a_late_message_can_type_it_after_a_re_send_that_failed(
    stage: Stage, outcome: Outcome
) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    passcode = stage.passcode
    stage.phone.outcome = outcome
    stage.now += 31
    failed = await browser.post(PASSCODE, {**page.hidden, "resend": "yes"})
    assert failed.status == 503
    assert "Your first message may still arrive" in failed.text
    assert "We sent a text message" in failed.text
    assert (await stage.answer(browser, failed, passcode)).status == 303


async def test_what_has_failed_is_not_said_to_arrive_still(stage: Stage) -> None:
    stage.phone.reports, stage.phone.status = True, DeliveryStatus.FAILED
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    stage.phone.outcome = Outcome.UNAVAILABLE
    stage.now += 31
    failed = await browser.post(PASSCODE, {**page.hidden, "resend": "yes"})
    assert failed.status == 503
    assert "may still arrive" not in failed.text
    assert "Try again" in failed.text


@pytest.mark.parametrize("outcome", [Outcome.UNAVAILABLE, Outcome.REFUSED])
async def test_what_nobody_took_is_not_among_the_days_passcodes(stage: Stage, outcome: Outcome) -> None:
    await stage.to_passcode(stage.browser())
    stage.phone.outcome = outcome
    assert (await stage.password(stage.browser())).status == 503
    assert (await stage.throttle.sends_of_day(now=stage.now)).count == 1


async def test_a_number_that_is_refused_is_listed_for_the_admin(stage: Stage) -> None:
    stage.phone.outcome = Outcome.UNAVAILABLE
    await stage.password(stage.browser())
    stage.phone.outcome = Outcome.REFUSED
    await stage.password(stage.browser())
    (failure,) = await stage.store.deliveries.failures(since=0)
    assert (failure.username, failure.reason, failure.destination) == (
        "alice",
        FailureReason.NUMBER_REFUSED,
        "•••••••• 456",
    )


async def test_what_the_gateway_calls_failed_is_listed_for_the_admin_once(stage: Stage) -> None:
    stage.phone.reports = True
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    assert await stage.store.deliveries.failures(since=0) == ()
    stage.phone.status = DeliveryStatus.FAILED
    for _ in range(2):
        stage.now += 10
        assert "could not be delivered" in (await browser.get(PASSCODE)).text
    (failure,) = await stage.store.deliveries.failures(since=0)
    assert (failure.username, failure.reason) == ("alice", FailureReason.UNKNOWN)
    assert "the gateway says" in failure.detail
    assert page.status == 200


async def test_what_may_have_been_taken_is(stage: Stage) -> None:
    stage.phone.outcome = Outcome.UNKNOWN
    await stage.to_passcode(stage.browser())
    assert (await stage.throttle.sends_of_day(now=stage.now)).count == 1


async def test_somebody_whom_nothing_reaches_is_still_limited_by_their_own_count(tmp_path: Path) -> None:
    async with running_portal(tmp_path, throttle={"sends_per_person": 2}) as stage:
        stage.phone.outcome = Outcome.UNAVAILABLE
        answers = [(await stage.password(stage.browser())).status for _ in range(3)]
        assert answers == [503, 503, 429]
