"""Re-sends: the same passcode, when it is worth it, by the next channel; where it went decides what it proves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.factors import ChannelKind
from proxy.delivery.channel import DeliveryStatus, Outcome
from proxy.factors.passcode.arrival_times import (
    MOST_SECONDS,
    READ_SECONDS,
    Arrivals,
    PasscodeArrival,
    offer_after,
    slow_seconds,
)
from proxy.portal.progress import progress_of
from proxy.sign_in.message_fate import kinds_under_way, latest_of
from tests.portal.stage import SIGN_IN_ORIGIN, USERS, Browser, Page, Stage, running_portal
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW, look, sending

PASSCODE = f"{SIGN_IN_ORIGIN}/.gatepost/passcode"
MAIL = {"kapow": ChannelKind.SMS, "email": ChannelKind.EMAIL}


async def again(browser: Browser, page: Page, how: str = "yes") -> Page:
    answer = await browser.post(PASSCODE, {**page.hidden, "resend": how})
    return await browser.get(SIGN_IN_ORIGIN + answer.location) if answer.status == 303 else answer


def give_mail(stage: Stage) -> None:
    folder = stage.settings.directories[0].file.parent
    (folder / "users.toml").write_text(
        USERS.replace('mobile = "07400 123456"', 'mobile = "07400 123456"\nmail = "alice@corp.example"')
    )


async def known_number(stage: Stage) -> object:
    (session,) = await stage.store.sessions.sessions()
    return await stage.store.numbers.known_number(session.principal.guid)


async def test_with_one_channel_no_other_way_is_offered(stage: Stage) -> None:
    page = await stage.to_passcode(stage.browser())
    assert 'value="another"' not in page.text


async def test_by_another_way_the_same_passcode_goes_through_the_next_channel(stage: Stage) -> None:
    give_mail(stage)
    stage.phone.channels = {"kapow": ChannelKind.SMS, "own": ChannelKind.SMS, "email": ChannelKind.EMAIL}
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    assert "Send it through another provider" in page.text
    stage.now += 31
    page = await again(browser, page, "another")
    assert "Send it by e-mail to a•••@corp.example" in page.text
    assert "number ending in 456" in page.text
    stage.now += 31
    page = await again(browser, page, "another")
    assert "We sent an e-mail with a code to" in page.text
    assert "a•••@corp.example" in page.text
    assert "alice@corp.example" not in page.text
    assert "Send it as a text message to •••••••• 456" in page.text
    stage.now += 31
    page = await again(browser, page)  # the same way again, which begins with the first
    assert stage.phone.afters == ["", "kapow", "own", ""]
    assert len({each.passcode for each in stage.phone.messages}) == 1
    assert len({each.number for each in stage.phone.messages}) == 1


async def test_another_way_is_limited_as_any_re_send_and_resets_no_attempt(stage: Stage) -> None:
    give_mail(stage)
    folder = stage.settings.directories[0].file.parent
    async with running_portal(folder, throttle={"sends_per_number": 2}) as strict:
        give_mail(strict)
        strict.phone.channels = MAIL
        browser = strict.browser()
        page = await strict.to_passcode(browser)
        await strict.answer(browser, page, strict.wrong_passcode())
        assert (await again(browser, page, "another")).status == 429
        assert len(strict.phone.messages) == 1
        strict.now += 31
        assert (await again(browser, page, "another")).status == 200
        strict.now += 31
        assert (await again(browser, page, "another")).status == 429
        assert len(strict.phone.messages) == 2
        assert "You have 3 tries left." in (await strict.answer(browser, page, strict.wrong_passcode())).text


async def test_nobody_names_the_channel_or_the_destination_from_outside(stage: Stage) -> None:
    give_mail(stage)
    stage.phone.channels = MAIL
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    stage.now += 31
    fields = {"resend": "email", "after": "kapow", "channel": "email", "mail": "x@evil.example", "number": "+449"}
    await browser.post(PASSCODE, {**page.hidden, **fields})
    assert stage.phone.afters == ["", ""]
    assert {each.number for each in stage.phone.messages} == {"+447400123456"}
    assert {each.mail for each in stage.phone.messages} == {"alice@corp.example"}


@pytest.mark.parametrize("by_mail", [False, True])
async def test_a_passcode_that_went_by_mail_too_proves_no_number(stage: Stage, by_mail: bool) -> None:
    """Else whoever reads the mail could make a number of theirs the one that is trusted."""
    give_mail(stage)
    stage.phone.channels = MAIL
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    stage.now += 31
    page = await again(browser, page, "another" if by_mail else "yes")
    assert (await stage.answer(browser, page, stage.passcode)).status == 303
    assert (await known_number(stage) is None) == by_mail


async def test_where_each_message_went_is_remembered_and_found_by_its_id(stage: Stage) -> None:
    give_mail(stage)
    stage.phone.channels = MAIL
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    stage.now += 31
    await again(browser, page, "another")
    sent = await stage.store.deliveries.sendings_of(page.hidden["challenge"], now=stage.now)
    assert [(each.channel, each.kind, each.destination) for each in sent] == [
        ("kapow", ChannelKind.SMS, "•••••••• 456"),
        ("email", ChannelKind.EMAIL, "a•••@corp.example"),
    ]
    assert [each.message_id for each in sent] == [each.message_id for each in stage.phone.messages]
    assert (sent[0].username, sent[0].realm) == ("alice", "local")
    assert stage.passcode not in repr(sent)


async def test_the_page_says_what_is_known(stage: Stage) -> None:
    browser = stage.browser()
    assert "Your message has been sent." in (await stage.to_passcode(browser)).text
    stage.phone.outcome = Outcome.UNKNOWN
    stage.now += 31
    browser = stage.browser()
    assert "may be on its way" in (await stage.to_passcode(browser)).text
    stage.phone.outcome = Outcome.REFUSED
    refused = await stage.password(stage.browser())
    assert refused.status == 503
    assert "Messages to •••••••• 456 are refused." in refused.text


async def test_the_persons_name_language_and_tag_go_with_the_message(tmp_path: Path) -> None:
    async with running_portal(tmp_path) as stage:
        stage.phone.languages = ("en", "de", "pt-br")
        stage.phone.has_tags = True
        browser = stage.browser()
        form = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in")
        fields = {**form.hidden, "username": "alice", "password": "correct horse 7"}
        answer = await browser.post(
            f"{SIGN_IN_ORIGIN}/.gatepost/sign-in", fields, Accept_Language="fr;q=0.9, de-AT;q=0.8, en;q=0.1"
        )
        page = await browser.get(SIGN_IN_ORIGIN + answer.location)
        (message,) = stage.phone.messages
        assert (message.language, message.name) == ("de", "Alice <Liddell>")
        assert f"<strong>{message.tag}</strong>" in page.text
        stage.phone.has_tags = False
        stage.now += 31
        assert "<strong>" not in (await again(browser, page)).text


async def test_the_days_alarm_is_in_the_log_once(tmp_path: Path) -> None:
    async with running_portal(tmp_path, throttle={"sends_per_day": 5}) as stage:
        for count in range(1, 6):
            await stage.to_passcode(stage.browser(), username="alice")
            alarms = [each for each in stage.logger.calls if each.kwargs["event"] == "passcodes.day_nearly_used_up"]
            assert len(alarms) == (1 if count >= 4 else 0)
        assert alarms[0].method_name == "error"
        assert alarms[0].kwargs == {"event": "passcodes.day_nearly_used_up", "sent": 4, "most": 5}
        assert 'gatepost_passcodes_of_day{count="sent"} 5.0' in stage.metrics.render().decode()


async def test_no_log_of_a_sign_in_at_debug_holds_a_passcode_a_number_an_address_or_a_name(stage: Stage) -> None:
    give_mail(stage)
    stage.phone.channels = MAIL
    stage.phone.has_tags = stage.phone.reports = True
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    stage.now += 31
    page = await again(browser, page, "another")
    await browser.get(f"{PASSCODE}/status?challenge={page.hidden['challenge']}")
    await stage.answer(browser, page, stage.wrong_passcode())
    await stage.answer(browser, page, stage.passcode)
    written = stage.log_text + repr(stage.phone.messages) + stage.metrics.render().decode()
    assert "passcode.sent" in written
    for secret in (
        *(stage.passcode, "7400123456", "07400 123456", "alice@", "Liddell", page.hidden["challenge"]),
        *(stage.phone.messages[0].tag, "email:77", "kapow:77"),
    ):
        assert secret not in written, secret


# When a re-send is offered, and what counts as slow.
async def test_a_re_send_is_offered_when_codes_usually_have_come(stage: Stage) -> None:
    for _ in range(20):
        browser = stage.browser()
        page = await stage.to_passcode(browser)
        stage.now += 60
        await stage.answer(browser, page, stage.passcode)
        stage.now += 3600  # past every window
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    assert 'data-wait="60"' in page.text
    stage.now += 31  # who knows better is not held up
    assert (await again(browser, page)).status == 200


async def test_a_passcode_sent_twice_is_not_measured(stage: Stage) -> None:
    for _ in range(25):
        browser = stage.browser()
        page = await stage.to_passcode(browser)
        stage.now += 60
        page = await again(browser, page)
        stage.now += 20
        await stage.answer(browser, page, stage.passcode)
        stage.now += 3600
    assert 'data-wait="30"' in (await stage.to_passcode(stage.browser())).text


SECONDS = st.floats(min_value=0, max_value=600, allow_nan=False)
ARRIVALS = st.lists(st.builds(PasscodeArrival, st.floats(NOW - 90_000, NOW), SECONDS), max_size=60)


@given(ARRIVALS)
def test_the_wait_stays_between_the_configured_one_and_the_longest(arrivals: list[PasscodeArrival]) -> None:
    assert 30 <= offer_after(arrivals, at_least=30, lifetime=300) <= MOST_SECONDS
    assert offer_after(arrivals, at_least=30, lifetime=60) == 30
    assert offer_after(arrivals, at_least=120, lifetime=300) == 120


def test_nine_of_ten_have_come_by_then() -> None:
    arrivals = [PasscodeArrival(NOW, float(seconds)) for seconds in range(1, 51)]
    wait = offer_after(arrivals, at_least=10, lifetime=300)
    assert sum(each.seconds <= wait for each in arrivals) >= 45


def test_slow_is_what_is_much_slower_than_usual() -> None:
    def at(count: int, seconds: float, ago: float) -> list[PasscodeArrival]:
        return [PasscodeArrival(NOW - ago, seconds)] * count

    assert slow_seconds(at(20, 12, 7200) + at(5, 42, 60), now=NOW) == 40
    assert slow_seconds(at(20, 40, 7200) + at(5, 42, 60), now=NOW) is None
    assert slow_seconds(at(5, 42, 60), now=NOW) == 40
    assert slow_seconds(at(4, 42, 60), now=NOW) is None
    assert slow_seconds(at(20, 2, 7200) + at(5, 9, 60), now=NOW) is None
    assert slow_seconds(at(5, 42, 7200), now=NOW) is None


async def test_what_one_worker_measured_the_others_say_too_within_seconds(tmp_path: Path) -> None:
    async with running_portal(tmp_path) as one, running_portal(tmp_path) as other:
        for stage in (one, other, one, other, one):
            browser = stage.browser()
            page = await stage.to_passcode(browser)
            for each in (one, other):
                each.now += 42
            await stage.answer(browser, page, stage.passcode)
        browser = one.browser()
        assert "take about 40 seconds today" in (await one.to_passcode(browser)).text
        twin = Browser(other.client)
        twin.cookies = browser.cookies
        other.now += READ_SECONDS
        for _ in range(3):
            assert "take about 40 seconds today" in (await twin.get(PASSCODE)).text


async def test_a_clock_that_was_set_back_measures_nothing() -> None:
    store = MemoryStore()
    arrivals = Arrivals(store.arrivals)
    await arrivals.note("kapow", sent_at=NOW, entered_at=NOW - 5)
    await arrivals.note("kapow", sent_at=NOW - 62, entered_at=NOW - 20)
    assert await arrivals.of("kapow", now=NOW) == (PasscodeArrival(NOW - 20, 42),)


async def test_what_is_known_of_a_channel_is_read_anew_after_seconds_and_after_ones_own() -> None:
    store = MemoryStore()
    one, other = Arrivals(store.arrivals), Arrivals(store.arrivals)
    assert await one.of("kapow", now=NOW) == ()
    await other.note("kapow", sent_at=NOW - 10, entered_at=NOW)
    assert await one.of("kapow", now=NOW + READ_SECONDS - 1) == ()
    assert len(await one.of("kapow", now=NOW + READ_SECONDS)) == 1
    await one.note("kapow", sent_at=NOW, entered_at=NOW + 10)
    assert len(await one.of("kapow", now=NOW + READ_SECONDS)) == 2
    assert store.calls.count("arrivals") == 3


async def test_a_measurement_that_cannot_be_kept_stops_no_sign_in() -> None:
    store = MemoryStore()
    store.away = True
    await Arrivals(store.arrivals).note("kapow", sent_at=NOW - 10, entered_at=NOW)


# What is said of a message: pure.
@pytest.mark.parametrize(
    ("fields", "state", "said"),
    [
        ({}, "accepted", "Your message has been sent."),
        ({"kind": ChannelKind.EMAIL}, "accepted", "Your e-mail has been sent."),
        ({"outcome": Outcome.UNKNOWN}, "unknown", "may be on its way"),
        ({"status": DeliveryStatus.WAITING}, "waiting", "The SMS provider has the message."),
        ({"status": DeliveryStatus.SENT}, "sent", "phone network has"),
        ({"status": DeliveryStatus.DELAYED}, "delayed", "off or without signal"),
        ({"status": DeliveryStatus.DELIVERED}, "delivered", "was delivered"),
        ({"status": DeliveryStatus.FAILED}, "failed", "could not be delivered to •••••••• 456"),
        ({"outcome": Outcome.REFUSED}, "not_sent", "We could not send your message."),
        ({"outcome": Outcome.UNAVAILABLE}, "not_sent", "We could not send your message."),
    ],
)
def test_the_page_says_no_more_than_is_known(fields: dict[str, Any], state: str, said: str) -> None:
    progress = progress_of(look(sending("c", **fields)))
    assert progress.state == state
    assert said in progress.text
    assert progress.is_settled == (state in ("delivered", "failed", "not_sent"))


def test_slow_is_said_of_what_is_still_under_way() -> None:
    assert "take about 40 seconds today" in progress_of(look(sending("c"), slow_seconds=40)).text
    assert "E-mails take about 40" in progress_of(look(sending("c", kind=ChannelKind.EMAIL), slow_seconds=40)).text
    assert "40" not in progress_of(look(sending("c", status=DeliveryStatus.DELIVERED), slow_seconds=40)).text
    assert progress_of(look(None, slow_seconds=40)).state == "unknown"


def test_the_latest_message_that_may_arrive_is_the_one_told_of() -> None:
    first, failed = sending("c"), sending("c", outcome=Outcome.UNAVAILABLE, kind=None)
    assert latest_of([first, failed]) is first
    assert latest_of([failed]) is failed
    assert latest_of([]) is None
    assert kinds_under_way([first, failed]) == {ChannelKind.SMS}
    assert not kinds_under_way([failed])
    assert not kinds_under_way([])
    assert kinds_under_way([first, sending("c", kind=ChannelKind.EMAIL)]) == {ChannelKind.SMS, ChannelKind.EMAIL}
