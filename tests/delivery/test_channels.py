"""Several channels in order: who is asked next, who is never asked, and within which time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.factors import ChannelKind
from proxy.delivery.channel import EMAIL_ONLY, SMS_ONLY, Delivery, Outcome
from proxy.delivery.channels_in_order import Channels, in_turn, summed_up
from proxy.delivery.create_channels import create_channels
from proxy.operations.metrics import Metrics
from tests.support.delivery import PASSCODE, delivery_settings, passcode_message, relay_settings
from tests.support.sms_http import SMSGateway, generic_table, kapow_table, sms_http_gateway
from tests.support.smtp_sink import Script, Sink, scripted_smtp, smtp_sink

MAIL = "anna.smith@corp.example"


@asynccontextmanager
async def channels_at(
    gateway: SMSGateway,
    port: int,
    *names: str,
    email_for_sms: bool = False,
    budget: str = "5s",
    timeout: str = "2s",
    metrics: Metrics | None = None,
) -> AsyncIterator[Channels]:
    tables = {"kapow_http": kapow_table(gateway), "provider": generic_table(gateway)}
    settings = delivery_settings(
        relay_settings(port, timeout=timeout),
        second_factor={"channels": names, "budget": budget, "email_for_sms": email_for_sms},
        sms={"http": {name: table for name, table in tables.items() if name in names}},
    )
    channels = create_channels(settings, metrics=metrics)
    try:
        yield channels
    finally:
        await channels.close()


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[SMSGateway]:
    async with sms_http_gateway(tmp_path) as running:
        yield running


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with smtp_sink() as running:
        yield running


def recipients(sink: Sink) -> list[str]:
    return [each.recipients[0] for each in sink.messages]


async def test_the_first_channel_is_enough(gateway: SMSGateway, sink: Sink) -> None:
    async with channels_at(gateway, sink.port, "kapow", "kapow_http") as channels:
        delivery = await channels.send(passcode_message())
    assert (delivery.channel, len(sink.messages), gateway.asked) == ("kapow", 1, [])


@pytest.mark.parametrize(("stage", "reply"), [("mail", "451 later"), ("mail", "550 not you"), ("rcpt", "550 unknown")])
async def test_what_was_not_taken_goes_through_the_next_channel(
    stage: str, reply: str, gateway: SMSGateway, sink: Sink
) -> None:
    setattr(sink, stage, reply)
    async with channels_at(gateway, sink.port, "kapow", "kapow_http") as channels:
        delivery = await channels.send(passcode_message())
    assert (delivery.outcome, delivery.channel) == (Outcome.ACCEPTED, "kapow_http")
    assert f"the relay answered {reply[:3]}" in delivery.reason  # the log should say why it was not the first
    assert len(gateway.sent) == 1


async def test_metrics_say_how_long_each_channel_took_and_who_does_not_answer(gateway: SMSGateway, sink: Sink) -> None:
    metrics = Metrics()
    sink.mail = "451 later"
    async with channels_at(gateway, sink.port, "kapow", "kapow_http", metrics=metrics) as channels:
        await channels.send(passcode_message())
        text = metrics.render().decode()
    for line in (
        'gatepost_send_seconds_count{channel="kapow"} 1.0',
        'gatepost_send_seconds_count{channel="kapow_http"} 1.0',
        f'gatepost_relay_up{{relay="127.0.0.1:{sink.port}"}} 0.0',
        'gatepost_relay_up{relay="kapow_http"} 1.0',
    ):
        assert line in text.splitlines()


async def test_an_unknown_outcome_is_never_followed_by_a_second_message(gateway: SMSGateway) -> None:
    async with (
        scripted_smtp(Script(answers={".": b""})) as script,
        channels_at(gateway, script.port, "kapow", "kapow_http", "email", email_for_sms=True) as channels,
    ):
        delivery = await channels.send(passcode_message(mail=MAIL))
    assert (delivery.outcome, delivery.channel) == (Outcome.UNKNOWN, "kapow")
    assert gateway.asked == []
    assert script.commands.count(b".\r\n") == 1


async def test_a_hanging_channel_leaves_time_for_the_next(gateway: SMSGateway) -> None:
    async with (
        scripted_smtp(Script(greeting=None)) as script,
        channels_at(gateway, script.port, "kapow", "kapow_http", budget="1s") as channels,
    ):
        started = asyncio.get_running_loop().time()
        delivery = await channels.send(passcode_message())
        took = asyncio.get_running_loop().time() - started
        assert delivery.channel == "kapow_http"
        assert took < 1.0
        # Known to be down, it is not waited for again.
        assert (await channels.send(passcode_message())).channel == "kapow_http"
        assert script.connections == 1


async def test_a_channel_that_was_down_is_asked_all_the_same_where_nothing_else_works(
    gateway: SMSGateway, sink: Sink
) -> None:
    sink.mail = "451 later"
    gateway.answers["sendsms.php"] = "ERROR"
    async with channels_at(gateway, sink.port, "kapow", "kapow_http") as channels:
        assert (await channels.send(passcode_message())).outcome is Outcome.UNAVAILABLE
        sink.mail = "250 OK"
        assert (await channels.send(passcode_message())).channel == "kapow"


async def test_a_re_send_goes_through_the_next_channel_and_round_again(gateway: SMSGateway, sink: Sink) -> None:
    async with channels_at(gateway, sink.port, "kapow", "kapow_http", "provider") as channels:
        assert (await channels.send(passcode_message(), after="kapow")).channel == "kapow_http"
        assert (await channels.send(passcode_message(), after="kapow_http")).channel == "provider"
        assert (await channels.send(passcode_message(), after="provider")).channel == "kapow"
        assert (await channels.send(passcode_message(), after="pigeon")).channel == "kapow"


async def test_with_one_channel_a_re_send_goes_through_it_again(gateway: SMSGateway, sink: Sink) -> None:
    async with channels_at(gateway, sink.port, "kapow") as channels:
        assert (await channels.send(passcode_message(), after="kapow")).channel == "kapow"


async def test_mail_never_stands_in_for_an_sms_by_being_listed(gateway: SMSGateway, sink: Sink) -> None:
    sink.rcpt = "550 unknown"
    async with channels_at(gateway, sink.port, "kapow", "email") as channels:
        delivery = await channels.send(passcode_message(mail=MAIL))
        assert (delivery.outcome, delivery.channel) == (Outcome.REFUSED, "kapow")
        nobody = await channels.send(passcode_message(number=None, mail=MAIL))
        assert (nobody.outcome, nobody.kind) == (Outcome.REFUSED, None)
        assert channels.names() == ("kapow",)
    assert recipients(sink) == []


async def test_mail_stands_in_for_an_sms_where_the_operator_says_so(gateway: SMSGateway, sink: Sink) -> None:
    async with channels_at(gateway, sink.port, "kapow", "email", email_for_sms=True) as channels:
        delivery = await channels.send(passcode_message(number=None, mail=MAIL))
        assert (delivery.kind, delivery.destination) == (ChannelKind.EMAIL, "a•••@corp.example")
        # ... which a factor that counts SMS only still does not take.
        refused = await channels.send(passcode_message(number=None, mail=MAIL), kinds=SMS_ONLY)
        assert refused.outcome is Outcome.REFUSED
    assert recipients(sink) == [MAIL]


async def test_the_factor_email_is_mail_alone(gateway: SMSGateway, sink: Sink) -> None:
    async with channels_at(gateway, sink.port, "kapow", "email") as channels:
        delivery = await channels.send(passcode_message(mail=MAIL), kinds=EMAIL_ONLY)
        assert delivery.channel == "email"
        without = await channels.send(passcode_message(mail=None), kinds=EMAIL_ONLY)
    assert without.outcome is Outcome.REFUSED
    (received,) = sink.messages
    head, _, body = received.content.partition(b"\r\n\r\n")
    assert received.recipients == (MAIL,)
    assert PASSCODE.encode() in body
    assert PASSCODE.encode() not in head  # a Subject is shown on locked screens


@pytest.mark.parametrize("mail", ["", "Anna <a@b.example>", "a@b.example,c@d.example", "a@b.example\r\nBcc: x@y.z"])
async def test_what_is_no_plain_address_is_not_written_to(mail: str, gateway: SMSGateway, sink: Sink) -> None:
    async with channels_at(gateway, sink.port, "kapow", "email") as channels:
        assert (await channels.send(passcode_message(mail=mail), kinds=EMAIL_ONLY)).outcome is Outcome.REFUSED
        assert (await channels.tell_mail(mail, "Subject", "Text", "x" * 20)).outcome is Outcome.REFUSED
    assert sink.messages == []


async def test_a_notice_goes_by_the_next_sms_channel_too(gateway: SMSGateway, sink: Sink) -> None:
    sink.mail = "451 later"
    async with channels_at(gateway, sink.port, "kapow", "kapow_http", "email") as channels:
        delivery = await channels.tell_number(passcode_message().number, "Your number was changed.", "x" * 20)
    assert delivery.channel == "kapow_http"
    assert gateway.asked[0].form["sms"] == "Your number was changed."


async def test_check_names_each_relay_and_gateway(gateway: SMSGateway, sink: Sink) -> None:
    async with channels_at(gateway, sink.port, "kapow", "kapow_http", "provider", "email") as channels:
        states = await channels.check_each()
    assert [each.subject for each in states] == [
        f"relay 127.0.0.1:{sink.port}",
        "channel kapow_http",
        "credit kapow_http",
        "channel provider",
    ]
    assert all(each.ok for each in states)
    assert gateway.sent == []
    assert sink.messages == []


class Named:
    def __init__(self, name: str, down: bool) -> None:
        self.name = name
        self._down = down

    def is_down(self) -> bool:
        return self._down


@given(st.lists(st.booleans(), min_size=1, max_size=5), st.integers(-1, 5))
def test_every_channel_has_its_turn_once_and_those_that_are_down_come_last(down: list[bool], after: int) -> None:
    channels: list[Any] = [Named(str(index), each) for index, each in enumerate(down)]
    order = in_turn(channels, after=str(after))
    assert sorted(each.name for each in order) == sorted(each.name for each in channels)
    states = [each.is_down() for each in order]
    assert states == sorted(states)
    if not any(down) and 0 <= after < len(down):
        assert order[0].name == str((after + 1) % len(down))
        assert order[-1].name == str(after)


@given(st.lists(st.sampled_from([Outcome.REFUSED, Outcome.UNAVAILABLE]), min_size=1, max_size=4))
def test_a_person_is_refused_only_where_every_channel_refuses(outcomes: list[Outcome]) -> None:
    tried = [Delivery(outcome=each, channel=f"c{index}", reason="r") for index, each in enumerate(outcomes)]
    expected = Outcome.REFUSED if set(outcomes) == {Outcome.REFUSED} else Outcome.UNAVAILABLE
    assert summed_up(tried).outcome is expected
