"""Passcodes through real SMTP servers: every outcome, over TLS, on kept connections, cancelled, and never in a log."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from config.factors import ChannelKind
from config.problems import ConfigurationError
from config.settings import SMTPSettings
from proxy.delivery.channel import Delivery, Outcome
from proxy.delivery.channels_in_order import Channels
from proxy.delivery.create_channels import create_channels
from proxy.delivery.relays import Relays
from proxy.delivery.smtp_relay import SMTPRelay
from tests.support.delivery import NUMBER, PASSCODE, by_mail, delivery_settings, passcode_message, relay_settings
from tests.support.smtp_sink import Script, scripted_smtp, smtp_sink


class Certificates:
    def __init__(self, folder: Path) -> None:
        ca = trustme.CA()
        self.right = ca.issue_cert("127.0.0.1")
        self.wrong_name = ca.issue_cert("other.corp.example")
        long_ago = {"not_before": datetime(2020, 1, 1, tzinfo=UTC), "not_after": datetime(2021, 1, 1, tzinfo=UTC)}
        self.expired = ca.issue_cert("127.0.0.1", **long_ago)
        self.stranger = trustme.CA().issue_cert("127.0.0.1")
        self.ca_file = folder / "ca.pem"
        ca.cert_pem.write_to_path(self.ca_file)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def channel_with(
    *settings: SMTPSettings, idle_seconds: float = 45, budget: float = 10
) -> tuple[Channels, list[SMTPRelay]]:
    relays = [SMTPRelay(each, idle_seconds=idle_seconds) for each in settings]
    together = Relays(relays, budget_seconds=budget)
    return by_mail(together, budget=budget, clock=lambda: 1_700_000_000), relays


async def send_once(*settings: SMTPSettings, budget: float = 10, **changes: Any) -> Delivery:
    channel, _ = channel_with(*settings, budget=budget)
    try:
        return await channel.send(passcode_message(**changes))
    finally:
        await channel.close()


async def test_the_message_arrives_as_kapow_wants_it() -> None:
    async with smtp_sink() as sink:
        delivery = await send_once(relay_settings(sink.port))
        received = await sink.next_message()
    assert delivery == Delivery(
        outcome=Outcome.ACCEPTED,
        channel="kapow",
        kind=ChannelKind.SMS,
        destination="•••••••• 456",
        relay=f"127.0.0.1:{sink.port}",
        code=250,
    )
    assert received.sender == "otp@corp.example"
    assert received.recipients == ("447400123456@kapow.co.uk",)
    assert received.content == (
        b"From: otp@corp.example\r\n"
        b"To: 447400123456@kapow.co.uk\r\n"
        b"Subject: 493817 is your Wiki sign-in code. It is valid for 5 minutes.\r\n"
        b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        b"Message-ID: <aR4nd0mMessageId@corp.example>\r\n"
        b"Auto-Submitted: auto-generated\r\n"
        b"MIME-Version: 1.0\r\n"
        b'Content-Type: text/plain; charset="us-ascii"\r\n'
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
    )


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_tls_is_used_and_the_login_goes_through_it(security: Any, certificates: Certificates) -> None:
    async with smtp_sink(security=security, certificate=certificates.right, login=("otp", "s3cret")) as sink:
        settings = relay_settings(
            sink.port, security=security, ca_file=certificates.ca_file, username="otp", password="s3cret"
        )
        delivery = await send_once(settings)
        received = await sink.next_message()
    assert delivery.outcome is Outcome.ACCEPTED
    assert received.encrypted
    assert received.login == "otp"


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize(
    ("which", "why"),
    [
        ("wrong_name", "IP address mismatch"),
        ("stranger", "unable to get local issuer certificate"),
        ("expired", "certificate has expired"),
    ],
)
async def test_a_certificate_that_does_not_fit_stops_everything(
    security: Any, which: str, why: str, certificates: Certificates
) -> None:
    async with smtp_sink(security=security, certificate=getattr(certificates, which)) as sink:
        delivery = await send_once(relay_settings(sink.port, security=security, ca_file=certificates.ca_file))
        assert sink.messages == []
    assert delivery.outcome is Outcome.UNAVAILABLE
    assert "certificate is not accepted" in delivery.reason
    assert why in delivery.reason


async def test_without_a_ca_file_a_private_ca_is_not_believed(certificates: Certificates) -> None:
    async with smtp_sink(security="starttls", certificate=certificates.right) as sink:
        delivery = await send_once(relay_settings(sink.port, security="starttls"))
    assert "certificate is not accepted" in delivery.reason


async def test_a_relay_without_starttls_gets_nothing(certificates: Certificates) -> None:
    async with smtp_sink() as sink:
        settings = relay_settings(
            sink.port, security="starttls", ca_file=certificates.ca_file, username="otp", password="s3cret"
        )
        delivery = await send_once(settings)
        assert sink.messages == []
    assert delivery.outcome is Outcome.UNAVAILABLE
    assert ": the relay offers no STARTTLS on this port: " in delivery.reason


async def test_a_wrong_relay_password_is_for_the_operator(certificates: Certificates) -> None:
    async with smtp_sink(security="starttls", certificate=certificates.right, login=("otp", "s3cret")) as sink:
        settings = relay_settings(
            sink.port, security="starttls", ca_file=certificates.ca_file, username="otp", password="wr0ng-one"
        )
        delivery = await send_once(settings)
    assert delivery.outcome is Outcome.UNAVAILABLE
    assert delivery.code == 535
    assert "logging in" in delivery.reason
    assert "wr0ng-one" not in repr(delivery)


@pytest.mark.parametrize(
    ("stage", "reply", "outcome"),
    [
        ("mail", "550 5.7.1 not you", Outcome.UNAVAILABLE),
        ("mail", "451 4.3.0 later", Outcome.UNAVAILABLE),
        ("rcpt", "550 5.1.1 <447400123456@kapow.co.uk> unknown", Outcome.REFUSED),
        ("rcpt", "450 4.2.0 <447400123456@kapow.co.uk> greylisted", Outcome.UNAVAILABLE),
        ("data", "554 5.6.0 content", Outcome.UNAVAILABLE),
        ("data", "452 4.3.1 disk full", Outcome.UNAVAILABLE),
    ],
)
async def test_what_a_relay_answers_decides(stage: str, reply: str, outcome: Outcome) -> None:
    async with smtp_sink() as sink:
        setattr(sink, stage, reply)
        delivery = await send_once(relay_settings(sink.port))
    assert delivery.outcome is outcome
    assert delivery.code == int(reply[:3])
    assert reply[4:9] in delivery.reason
    assert "447400123456" not in repr(delivery)


async def test_nobody_listening_is_unavailable() -> None:
    async with smtp_sink() as sink:
        port = sink.port
    delivery = await send_once(relay_settings(port))
    assert delivery.outcome is Outcome.UNAVAILABLE
    assert "can't be reached" in delivery.reason


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA"])
async def test_silence_before_the_end_is_unavailable_within_the_time(verb: str) -> None:
    async with scripted_smtp(Script(answers={verb: None})) as script:
        delivery = await send_once(relay_settings(script.port, timeout="0.2s"))
    assert delivery.outcome is Outcome.UNAVAILABLE
    assert "in time" in delivery.reason


async def test_a_silent_greeting_is_unavailable() -> None:
    async with scripted_smtp(Script(greeting=None)) as script:
        assert (await send_once(relay_settings(script.port, timeout="0.2s"))).outcome is Outcome.UNAVAILABLE


@pytest.mark.parametrize(
    ("answer", "why"),
    [(None, "in time"), (b"", "connection was lost"), (b"what?\r\n", "no SMTP"), (b"354 and?\r\n", "354")],
)
async def test_nothing_definite_after_the_final_dot_is_unknown(answer: bytes | None, why: str) -> None:
    async with scripted_smtp(Script(answers={".": answer})) as script, smtp_sink() as second:
        first = relay_settings(script.port, timeout="0.3s")
        delivery = await send_once(first, relay_settings(second.port))
        assert second.messages == []  # it may have arrived: no second SMS by itself
    assert delivery.outcome is Outcome.UNKNOWN
    assert why in delivery.reason
    assert script.commands.count(b".\r\n") == 1


@pytest.mark.parametrize(("verb", "answer"), [("EHLO", b""), ("MAIL", b""), ("RCPT", b"451 no\r\n"), ("DATA", b"")])
async def test_the_next_relay_is_tried_while_the_first_has_not_taken_it(verb: str, answer: bytes) -> None:
    async with scripted_smtp(Script(answers={verb: answer})) as script, smtp_sink() as second:
        delivery = await send_once(relay_settings(script.port), relay_settings(second.port))
        assert len(second.messages) == 1
    assert delivery.outcome is Outcome.ACCEPTED
    assert delivery.relay == f"127.0.0.1:{second.port}"
    assert b".\r\n" not in script.commands


async def test_a_refused_number_is_not_tried_elsewhere() -> None:
    async with smtp_sink() as first, smtp_sink() as second:
        first.rcpt = "550 no such user"
        delivery = await send_once(relay_settings(first.port), relay_settings(second.port))
        assert second.connections == 0
    assert delivery.outcome is Outcome.REFUSED


async def test_a_hanging_relay_leaves_time_for_the_next() -> None:
    async with scripted_smtp(Script(greeting=None)) as script, smtp_sink() as second:
        started = asyncio.get_running_loop().time()
        delivery = await send_once(relay_settings(script.port), relay_settings(second.port), budget=1.0)
        took = asyncio.get_running_loop().time() - started
    assert delivery.outcome is Outcome.ACCEPTED
    assert took < 1.0


async def test_an_answer_to_the_whole_message_may_take_the_time_of_the_relays_behind() -> None:
    """Many relays look for viruses before they answer, and nobody else is asked any more."""
    async with smtp_sink() as first, smtp_sink() as second, smtp_sink() as third:

        async def look() -> str:
            await asyncio.sleep(0.8)
            return "250 OK"

        first.data = look
        relays = [relay_settings(each.port) for each in (first, second, third)]
        delivery = await send_once(*relays, budget=1.5)
        assert second.connections == third.connections == 0
    assert delivery.outcome is Outcome.ACCEPTED


async def test_when_all_fail_the_reason_names_each() -> None:
    async with smtp_sink() as first, smtp_sink() as second:
        first.mail = "550 no"
        second.mail = "451 no"
        delivery = await send_once(relay_settings(first.port), relay_settings(second.port))
    assert delivery.outcome is Outcome.UNAVAILABLE
    assert f":{first.port}: the relay answered 550" in delivery.reason
    assert f":{second.port}: the relay answered 451" in delivery.reason


async def test_messages_in_a_row_share_one_connection() -> None:
    async with smtp_sink() as sink:
        channel, (relay,) = channel_with(relay_settings(sink.port))
        for _ in range(20):
            assert (await channel.send(passcode_message())).outcome is Outcome.ACCEPTED
        await channel.close()
        assert (relay.connections_opened, sink.connections, len(sink.messages)) == (1, 1, 20)


async def test_messages_at_once_use_no_more_connections_than_configured() -> None:
    async with smtp_sink() as sink:
        channel, (relay,) = channel_with(relay_settings(sink.port, connections=3))
        deliveries = await asyncio.gather(*(channel.send(passcode_message()) for _ in range(30)))
        await channel.close()
        assert {each.outcome for each in deliveries} == {Outcome.ACCEPTED}
        assert relay.connections_opened == 3
        assert len(sink.messages) == 30


async def test_waiting_for_a_connection_is_bounded() -> None:
    async with scripted_smtp(Script(answers={"MAIL": None})) as script:
        channel, _ = channel_with(relay_settings(script.port, connections=1, timeout="0.3s"))
        started = asyncio.get_running_loop().time()
        deliveries = await asyncio.gather(*(channel.send(passcode_message()) for _ in range(20)))
        took = asyncio.get_running_loop().time() - started
        await channel.close()
    assert {each.outcome for each in deliveries} == {Outcome.UNAVAILABLE}
    assert took < 3  # one after the other they would take 6 seconds


async def test_a_kept_connection_that_died_is_replaced_without_a_word() -> None:
    async with smtp_sink() as sink:
        channel, (relay,) = channel_with(relay_settings(sink.port))
        await channel.send(passcode_message())
        sink.break_connections()
        assert (await channel.send(passcode_message())).outcome is Outcome.ACCEPTED
        await channel.close()
        assert relay.connections_opened == 2
        assert len(sink.messages) == 2


@pytest.mark.parametrize("answer", [b"421 4.4.2 idle too long\r\n", b""])
async def test_a_kept_connection_that_is_closed_at_mail_is_replaced_once(answer: bytes) -> None:
    async with scripted_smtp(Script()) as script:
        channel, _ = channel_with(relay_settings(script.port))
        await channel.send(passcode_message())

        async def close_the_first_only(verb: str) -> None:
            if verb == "MAIL":
                script.answers["MAIL"] = answer if script.connections == 1 else b"250 OK\r\n"

        script.on_command = close_the_first_only
        delivery = await channel.send(passcode_message())
        await channel.close()
    assert delivery.outcome is Outcome.ACCEPTED
    assert script.connections == 2
    assert script.commands.count(b".\r\n") == 2


async def test_a_relay_that_keeps_closing_is_retried_only_once() -> None:
    async with scripted_smtp(Script()) as script:
        channel, _ = channel_with(relay_settings(script.port))
        await channel.send(passcode_message())
        script.answers["MAIL"] = b"421 closing\r\n"
        delivery = await channel.send(passcode_message())
        await channel.close()
    assert (delivery.outcome, delivery.code, script.connections) == (Outcome.UNAVAILABLE, 421, 2)


async def test_a_kept_connection_that_breaks_after_the_dot_is_not_retried() -> None:
    async with scripted_smtp(Script()) as script:
        channel, _ = channel_with(relay_settings(script.port))
        await channel.send(passcode_message())
        script.answers["."] = b""
        delivery = await channel.send(passcode_message())
        await channel.close()
    assert (delivery.outcome, script.connections) == (Outcome.UNKNOWN, 1)
    assert script.commands.count(b".\r\n") == 2


async def test_a_kept_connection_told_421_after_the_dot_is_not_retried_in_silence() -> None:
    async with scripted_smtp(Script()) as script:
        channel, _ = channel_with(relay_settings(script.port))
        await channel.send(passcode_message())
        script.answers["."] = b"421 closing\r\n"
        delivery = await channel.send(passcode_message())
        await channel.close()
    assert (delivery.outcome, delivery.code, script.connections) == (Outcome.UNAVAILABLE, 421, 1)


async def test_a_kept_connection_that_falls_silent_is_given_up_long_before_the_relay_is() -> None:
    go_on = asyncio.Event()

    async def hold(verb: str) -> None:
        if verb == "MAIL" and script.connections == 1 and script.commands.count(b".\r\n") == 1:
            await go_on.wait()

    async with scripted_smtp(Script(on_command=hold)) as script:
        settings = relay_settings(script.port, timeout="5s")
        relay = SMTPRelay(settings, reused_seconds=0.1)
        channel = by_mail(Relays([relay]))
        await channel.send(passcode_message())
        async with asyncio.timeout(4):
            assert (await channel.send(passcode_message())).outcome is Outcome.ACCEPTED
        assert script.connections == 2
        await channel.close()


async def test_an_idle_connection_is_closed_politely() -> None:
    said_goodbye = asyncio.Event()

    async def note(verb: str) -> None:
        if verb == "QUIT":
            said_goodbye.set()

    async with scripted_smtp(Script(on_command=note)) as script:
        channel, (relay,) = channel_with(relay_settings(script.port), idle_seconds=0.05)
        await channel.send(passcode_message())
        await asyncio.wait_for(said_goodbye.wait(), 5)
        await channel.send(passcode_message())
        assert relay.connections_opened == 2
        await channel.close()


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA", "."])
async def test_a_browser_that_leaves_neither_stops_the_mail_nor_poisons_the_connection(verb: str) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def hold(now: str) -> None:
        if now == verb:
            reached.set()
            await go_on.wait()

    async with scripted_smtp(Script(on_command=hold)) as script:
        channel, (relay,) = channel_with(relay_settings(script.port, connections=1))
        waiting = asyncio.create_task(channel.send(passcode_message()))
        await asyncio.wait_for(reached.wait(), 5)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go_on.set()
        assert (await channel.send(passcode_message())).outcome is Outcome.ACCEPTED
        await channel.close()
    assert script.commands.count(b".\r\n") == 2
    assert relay.connections_opened == 1


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA", "."])
async def test_a_late_answer_is_never_taken_for_the_next_one(verb: str) -> None:
    """The relay answers a message that was given up on: the next message must not see that answer."""
    go_on = asyncio.Event()

    async def hold(now: str) -> None:
        if now == verb and script.connections == 1:
            await go_on.wait()

    async with scripted_smtp(Script(on_command=hold)) as script:
        channel, _ = channel_with(relay_settings(script.port, timeout="0.2s"))
        assert (await channel.send(passcode_message())).outcome is not Outcome.ACCEPTED
        go_on.set()
        assert (await channel.send(passcode_message())).outcome is Outcome.ACCEPTED
        assert script.connections == 2
        await channel.close()


async def test_no_bounce_is_asked_for_where_the_relay_offers_that() -> None:
    async with scripted_smtp(Script(answers={"EHLO": b"250-scripted\r\n250 DSN\r\n"})) as script:
        await send_once(relay_settings(script.port))
    assert b"RCPT TO:<447400123456@kapow.co.uk> NOTIFY=NEVER\r\n" in script.commands


async def test_where_reports_are_read_failures_are_asked_for_with_the_header_at_most() -> None:
    """The envelope id comes back in the report (RFC 3461 section 4.4): the header need not be quoted."""
    async with scripted_smtp(Script(answers={"EHLO": b"250-scripted\r\n250 DSN\r\n"})) as script:
        relay = SMTPRelay(relay_settings(script.port), wants_reports=True)
        channel = by_mail(Relays([relay]))
        assert (await channel.send(passcode_message())).outcome is Outcome.ACCEPTED
        await channel.close()
    assert b"MAIL FROM:<otp@corp.example> RET=HDRS ENVID=aR4nd0mMessageId\r\n" in script.commands
    assert b"RCPT TO:<447400123456@kapow.co.uk> NOTIFY=FAILURE\r\n" in script.commands


async def test_a_relay_without_dsn_sees_no_option() -> None:
    async with scripted_smtp(Script()) as script:
        await send_once(relay_settings(script.port))
    assert b"RCPT TO:<447400123456@kapow.co.uk>\r\n" in script.commands
    assert b"MAIL FROM:<otp@corp.example>\r\n" in script.commands


@pytest.mark.parametrize(
    "number", ["+447400123456,+447400123457", "+44740@evil.example", "+447400123456>\r\nRCPT TO:<x@y"]
)
async def test_a_hostile_number_reaches_no_relay(number: str) -> None:
    async with smtp_sink() as sink:
        delivery = await send_once(relay_settings(sink.port), number=number)
        assert sink.connections == 0
    assert delivery.outcome is Outcome.REFUSED


async def test_a_text_that_would_not_arrive_as_it_is_reaches_no_relay() -> None:
    async with smtp_sink() as sink:
        delivery = await send_once(relay_settings(sink.port), app="Wiki\r\nBcc: evil@example.com")
        assert sink.connections == 0
    assert delivery.outcome is Outcome.UNAVAILABLE


async def test_check_logs_in_and_sends_nothing(certificates: Certificates) -> None:
    async with smtp_sink(security="starttls", certificate=certificates.right, login=("otp", "s3cret")) as sink:
        good = relay_settings(
            sink.port, security="starttls", ca_file=certificates.ca_file, username="otp", password="s3cret"
        )
        bad = relay_settings(
            sink.port, security="starttls", ca_file=certificates.ca_file, username="otp", password="no"
        )
        channel, relays = channel_with(good, bad)
        results = await Relays(relays).check()
        overall = await channel.check()
        await channel.close()
        assert sink.messages == []
    assert [each.outcome for each in results] == [Outcome.ACCEPTED, Outcome.UNAVAILABLE]
    assert overall.outcome is Outcome.UNAVAILABLE, "one of them waits for the operator"
    assert "535" in overall.reason


async def test_check_fails_when_no_relay_works() -> None:
    async with smtp_sink() as sink:
        port = sink.port
    channel, _ = channel_with(relay_settings(port))
    delivery = await channel.check()
    await channel.close()
    assert (delivery.outcome, delivery.channel) == (Outcome.UNAVAILABLE, "kapow")


async def test_closing_waits_for_what_is_under_way() -> None:
    async with smtp_sink() as sink:
        channel, _ = channel_with(relay_settings(sink.port))
        sending = asyncio.create_task(channel.send(passcode_message()))
        await asyncio.sleep(0)
        await channel.close()
        assert (await sending).outcome is Outcome.ACCEPTED


async def test_no_log_and_no_repr_shows_passcode_number_or_password(
    caplog: pytest.LogCaptureFixture, certificates: Certificates
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # the sink's own, which logs all it receives
    told = []
    async with smtp_sink(security="starttls", certificate=certificates.right, login=("otp", "s3cret-word")) as sink:
        settings = relay_settings(
            sink.port, security="starttls", ca_file=certificates.ca_file, username="otp", password="s3cret-word"
        )
        channel, relays = channel_with(settings)
        told.append(await channel.send(passcode_message()))
        sink.rcpt = "550 <447400123456@kapow.co.uk> no"
        told.append(await channel.send(passcode_message()))
        sink.rcpt, sink.data = "250 OK", "554 Subject: 493817 refused"
        told.append(await channel.send(passcode_message()))
        told += [channel, passcode_message(), settings, *relays]
        await channel.close()
    written = caplog.text + repr(told)
    for secret in (PASSCODE, NUMBER[1:], "s3cret-word", "sign-in code"):
        assert secret not in written


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    settings = delivery_settings(
        relay_settings(25, host="smtp.corp.example"),
        relay_settings(587, security="starttls", ca_file=tmp_path / "absent.pem"),
        text="{passcode} €uro",
    )
    with pytest.raises(ConfigurationError) as raised:
        create_channels(settings)
    assert [(each.table, each.key) for each in raised.value.problems] == [
        ("sms", "text"),
        ("smtp[0]", "security"),
        ("smtp[1]", "ca_file"),
    ]


def test_an_unknown_sms_gateway_is_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r'unknown SMS gateway "pigeon"; there is "aql", .*"kapow"'):
        create_channels(delivery_settings(gateway="pigeon"))


def test_a_sender_with_a_display_name_is_refused() -> None:
    with pytest.raises(ValidationError, match="not a plain e-mail address"):
        relay_settings(25, **{"from": "OTP <otp@corp.example>"})


def test_plain_text_to_another_host_needs_insistence() -> None:
    create_channels(delivery_settings(relay_settings(25, host="smtp.corp.example", allow_insecure=True)))
    with pytest.raises(ConfigurationError, match="cross the network in the clear"):
        create_channels(delivery_settings(relay_settings(25, host="smtp.corp.example")))
