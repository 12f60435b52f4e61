"""What a mail in the inbox changes: one message's record, a line in the log, a counter, an alarm. Or nothing."""

from __future__ import annotations

import pytest

from config.factors import ChannelKind
from proxy.audit.audited_log import event_of
from proxy.delivery.bounces.desk import ALARM_SECONDS, Taken
from proxy.delivery.channel import DeliveryStatus
from proxy.delivery.delivery_store import FailureReason
from proxy.operations.store_errors import StoreUnavailable
from tests.support.bounces import MESSAGE_ID, PASSCODE, desk, kapow_refusal, plain_mail, postfix_report, sending
from tests.support.people import NOW

NO_CREDIT = kapow_refusal("You have no credit.")


async def test_a_failure_is_noted_at_its_message_and_told_once() -> None:
    at = desk()
    await at.store.deliveries.put_sending(sending())
    at.now = NOW + 60
    assert await at.desk.take(postfix_report()) is Taken.NOTED
    assert await at.desk.take(postfix_report()) is Taken.KNOWN
    noted = await at.store.deliveries.sending(MESSAGE_ID, now=at.now)
    assert noted is not None
    assert (noted.status, noted.reason) == (DeliveryStatus.FAILED, "number_refused")
    (line,) = at.told("passcode.bounced")
    assert (line["guid"], line["destination"], line["reason"]) == ("guid-anna", "•••456", "number_refused")
    recorded = event_of(line)
    assert recorded is not None
    assert (recorded.actor, recorded.person and recorded.person.guid) == (None, "guid-anna")
    assert recorded.facts["reason"] == "number_refused"
    (failure,) = await at.store.deliveries.failures(since=0.0)
    assert (failure.username, failure.failed_at, failure.sent_at) == ("anna", NOW + 60, NOW)
    assert b'gatepost_bounces_total{reason="number_refused"} 1.0' in at.metrics.render()


async def test_a_report_may_be_faster_than_the_note_of_its_message() -> None:
    at = desk()
    assert await at.desk.take(postfix_report()) is Taken.WAITS
    await at.store.deliveries.put_sending(sending())
    await at.desk.try_again()
    assert len(await at.store.deliveries.failures(since=0.0)) == 1


async def test_a_forged_report_changes_nothing() -> None:
    at = desk()
    await at.store.deliveries.put_sending(sending())
    assert await at.desk.take(postfix_report(message_id="A" * 43)) is Taken.WAITS
    await at.desk.try_again()
    await at.desk.try_again()
    assert await at.store.deliveries.failures(since=0.0) == ()
    assert at.log.getvalue() == ""
    assert at.desk.trouble() is None
    assert b'gatepost_bounces_total{reason="unknown_message"} 1.0' in at.metrics.render()


async def test_forged_reports_are_kept_waiting_within_a_bound() -> None:
    at = desk()
    for n in range(1000):
        await at.desk.take(postfix_report(message_id=f"{n:043}"))
    at.store.calls.clear()
    await at.desk.try_again()
    assert 0 < len(at.store.calls) < 300


async def test_a_report_of_a_message_that_is_forgotten_changes_nothing() -> None:
    at = desk()
    await at.store.deliveries.put_sending(sending())
    at.now = sending().expires_at
    assert await at.desk.take(postfix_report()) is Taken.WAITS
    assert await at.store.deliveries.failures(since=0.0) == ()


async def test_while_the_store_is_away_nothing_counts_as_judged() -> None:
    at = desk()
    await at.store.deliveries.put_sending(sending())
    at.store.away = True
    with pytest.raises(StoreUnavailable):
        await at.desk.take(postfix_report())
    at.store.away = False
    assert await at.desk.take(postfix_report()) is Taken.NOTED


async def test_what_only_the_operator_can_mend_is_an_alarm_for_a_while() -> None:
    at = desk()
    await at.store.deliveries.put_sending(sending())
    assert at.desk.trouble() is None
    assert await at.desk.take(NO_CREDIT) is Taken.NOTED
    assert at.desk.trouble() == "kapow: the SMS gateway refuses messages: the account is without credit"
    assert len(at.told("relay.misconfigured")) == 1
    assert b'gatepost_delivery_misconfigured{relay="kapow"} 1.0' in at.metrics.render()
    at.now = NOW + ALARM_SECONDS - 1
    assert at.desk.trouble() is not None
    at.now = NOW + ALARM_SECONDS
    assert at.desk.trouble() is None
    assert b'gatepost_delivery_misconfigured{relay="kapow"} 0.0' in at.metrics.render()


async def test_a_persons_number_is_no_alarm() -> None:
    at = desk()
    await at.store.deliveries.put_sending(sending())
    await at.desk.take(postfix_report())
    assert at.desk.trouble() is None


@pytest.mark.parametrize("kind", ChannelKind)
async def test_what_several_persons_meet_is_an_alarm_though_nobody_says_why(kind: ChannelKind) -> None:
    at = desk()
    ids = [f"{n:043}" for n in range(3)]
    for n, guid in enumerate(("guid-anna", "guid-anna", "guid-bob")):
        await at.store.deliveries.put_sending(sending(message_id=ids[n], guid=guid, kind=kind))
    for n in range(2):
        report = postfix_report(message_id=ids[n], status="4.4.7", diagnostic="smtp; 451 4.4.1 timed out")
        assert await at.desk.take(report) is Taken.NOTED
    assert at.desk.trouble() is None  # of one person alone
    await at.desk.take(postfix_report(message_id=ids[2], status="5.6.0", diagnostic="smtp; 554 Nothing doing"))
    trouble = at.desk.trouble()
    if kind is ChannelKind.EMAIL:
        assert trouble is None
    else:
        assert trouble is not None
        assert "several persons" in trouble
        at.now += ALARM_SECONDS
        assert at.desk.trouble() is None


async def test_a_report_of_a_mail_to_a_person_is_no_alarm() -> None:
    """They read its id, so they can write such a report themselves."""
    at = desk()
    await at.store.deliveries.put_sending(
        sending(channel="email", kind=ChannelKind.EMAIL, destination="a•••@corp.example")
    )
    assert await at.desk.take(NO_CREDIT) is Taken.NOTED
    assert at.desk.trouble() is None
    assert at.told("relay.misconfigured") == []


async def test_what_is_told_holds_nothing_of_the_mail_but_the_cleaned_line() -> None:
    at = desk()
    await at.store.deliveries.put_sending(sending())
    await at.desk.take(plain_mail(f"No credit for <b>{PASSCODE}</b> anna@corp.example \x1b[2J"))
    (failure,) = await at.store.deliveries.failures(since=0.0)
    assert failure.reason is FailureReason.NO_CREDIT
    for shown in (at.log.getvalue(), repr(failure), at.metrics.render().decode()):
        assert not [secret for secret in (PASSCODE, "anna@", "\x1b") if secret in shown]
    assert "guid-anna" not in at.metrics.render().decode()
