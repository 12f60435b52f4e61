"""Several relays: who is asked first, who is left for later, and what the operator is told."""

from __future__ import annotations

import asyncio
import io
import json

import pytest
from aiosmtplib import SMTPException, SMTPResponseException

from config.settings import SMTPSettings
from directory.mobile import E164
from proxy.delivery.alarms import Alarms
from proxy.delivery.breaker import PROBE_SECONDS, Breaker
from proxy.delivery.channel import Blame, Outcome
from proxy.delivery.channels_in_order import Channels
from proxy.delivery.create_channels import create_channels
from proxy.delivery.refusals import Stage
from proxy.delivery.relays import Relays
from proxy.delivery.smtp_outcome import verdict_on
from proxy.delivery.smtp_relay import SMTPRelay
from proxy.operations.log import configure_log
from proxy.operations.metrics import Metrics
from proxy.throttle.login_tries import LoginTries, OperatorsLoginTries
from tests.support.delivery import by_mail, delivery_settings, passcode_message, relay_settings
from tests.support.eventually import eventually
from tests.support.memory_store import MemoryStore
from tests.support.parts import parts_of
from tests.support.people import NOW
from tests.support.smtp_sink import Script, scripted_smtp, smtp_sink


def channel_with(*settings: SMTPSettings, alarms: Alarms | None = None) -> tuple[Channels, Relays]:
    relays = Relays([SMTPRelay(each, alarms=alarms) for each in settings], budget_seconds=2)
    return by_mail(relays, budget=2), relays


async def test_a_relay_that_hung_is_not_waited_for_again() -> None:
    async with scripted_smtp(Script(greeting=None)) as script, smtp_sink() as second:
        channel, _ = channel_with(relay_settings(script.port, timeout="0.2s"), relay_settings(second.port))
        for _ in range(5):
            assert (await channel.send(passcode_message())).outcome is Outcome.ACCEPTED
        await channel.close()
        assert (script.connections, len(second.messages)) == (1, 5)


async def test_a_relay_that_answers_again_is_first_again() -> None:
    async with smtp_sink() as first, smtp_sink() as second:
        channel, relays = channel_with(relay_settings(first.port), relay_settings(second.port))
        first.mail = "451 later"
        await channel.send(passcode_message())
        await channel.send(passcode_message())
        assert first.connections == 1
        first.mail = "250 OK"
        await relays.check()  # as readiness does every few seconds
        await channel.send(passcode_message())
        await channel.close()
        assert (len(first.messages), len(second.messages)) == (1, 2)


async def test_greylisting_says_nothing_about_the_relay() -> None:
    async with smtp_sink() as first, smtp_sink() as second:
        channel, _ = channel_with(relay_settings(first.port), relay_settings(second.port))
        first.rcpt = "450 4.2.0 greylisted"
        assert (await channel.send(passcode_message())).relay.endswith(str(second.port))
        first.rcpt = "250 OK"
        assert (await channel.send(passcode_message())).relay.endswith(str(first.port))
        await channel.close()


async def test_a_421_at_any_stage_sends_the_next_one_elsewhere() -> None:
    async with scripted_smtp(Script(answers={"RCPT": b"421 4.3.2 shutting down\r\n"})) as script, smtp_sink() as second:
        channel, _ = channel_with(relay_settings(script.port), relay_settings(second.port))
        for _ in range(3):
            assert (await channel.send(passcode_message())).outcome is Outcome.ACCEPTED
        await channel.close()
        assert (script.connections, len(second.messages)) == (1, 3)


async def test_a_busy_relay_lets_the_next_one_help() -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        reached.set()
        await go_on.wait()
        return "250 OK"

    async with smtp_sink() as first, smtp_sink() as second:
        first.data = wait
        channel, _ = channel_with(relay_settings(first.port, connections=1), relay_settings(second.port))
        slow = asyncio.create_task(channel.send(passcode_message()))
        await reached.wait()
        assert (await channel.send(passcode_message())).relay.endswith(str(second.port))
        go_on.set()
        assert (await slow).relay.endswith(str(first.port))
        await channel.close()


@pytest.mark.parametrize(
    ("stage", "reply", "when"),
    [
        ("mail", "550 5.7.1 sender not allowed", "naming the sender"),
        ("mail", "530 5.7.0 log in", "naming the sender"),
        ("data", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", "the whole message"),
    ],
)
async def test_a_refused_sender_is_told_to_the_operator_once_and_until_it_works(
    stage: str, reply: str, when: str
) -> None:
    lines = io.StringIO()
    metrics = Metrics()
    async with smtp_sink() as sink:
        setattr(sink, stage, reply)
        channels = create_channels(
            delivery_settings(relay_settings(sink.port)), log=configure_log(lines, human=False), metrics=metrics
        )
        for _ in range(3):
            assert (await channels.send(passcode_message())).outcome is Outcome.UNAVAILABLE
        name = f"127.0.0.1:{sink.port}"
        assert f'gatepost_delivery_misconfigured{{relay="{name}"}} 1.0'.encode() in metrics.render()
        checked = await channels.check()  # connecting and logging in work: that alone would look well
        assert checked.outcome is Outcome.UNAVAILABLE
        assert when in checked.reason
        sink.mail = sink.data = "250 OK"
        assert (await channels.send(passcode_message())).outcome is Outcome.ACCEPTED
        assert (await channels.check()).outcome is Outcome.ACCEPTED
        assert f'gatepost_delivery_misconfigured{{relay="{name}"}} 0.0'.encode() in metrics.render()
        await channels.close()
    events = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [(each["event"], each["level"]) for each in events] == [
        ("relay.misconfigured", "error"),
        ("relay.works", "info"),
    ]


async def test_a_relay_that_denies_relaying_is_passed_over_and_told_to_the_operator() -> None:
    """Postfix judges the client, the login and the sender at RCPT."""
    alarms = Alarms()
    async with smtp_sink() as first, smtp_sink() as second:
        channel, relays = channel_with(relay_settings(first.port), relay_settings(second.port), alarms=alarms)
        first.rcpt = "554 5.7.1 <447400123456@kapow.co.uk>: Relay access denied"
        assert (await channel.send(passcode_message())).relay.endswith(str(second.port))
        (told, well) = await relays.check()
        assert (told.outcome, well.outcome) == (Outcome.UNAVAILABLE, Outcome.ACCEPTED)
        assert "answered 554 5.7.1 while naming the recipient" in told.reason
        first.rcpt = "250 OK"
        assert (await channel.send(passcode_message())).relay.endswith(str(first.port))
        assert alarms.wrong_with(f"127.0.0.1:{first.port}") == ""
        await channel.close()


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        ("rcpt", "550 relay not permitted"),
        ("rcpt", "550 5.1.0 <otp@corp.example>: Sender address rejected: User unknown in virtual mailbox table"),
        ("rcpt", "504 5.5.2 <vm>: Helo command rejected: need fully-qualified hostname"),
        ("rcpt", "503 This mail server requires authentication"),
        ("rcpt", "513 Relaying denied."),
        ("rcpt", "555 5.5.4 Unsupported option: NOTIFY=NEVER"),
        ("rcpt", "550 Domain corp.example has exceeded the max emails per hour"),
        ("rcpt", "550 5.4.5 Daily SMTP relay sending limit exceeded"),
        ("rcpt", "550 5.1.1 <otp@corp.example>... User unknown"),
        ("data", "550 5.7.1 Message rejected: sending suspended for this account"),
    ],
)
async def test_whoever_refuses_us_is_passed_over_and_told_to_the_operator_at_once(stage: str, reply: str) -> None:
    alarms = Alarms()
    async with smtp_sink() as first, smtp_sink() as second:
        channel, relays = channel_with(relay_settings(first.port), relay_settings(second.port), alarms=alarms)
        setattr(first, stage, reply)
        delivery = await channel.send(passcode_message())
        assert (delivery.outcome, delivery.relay) == (Outcome.ACCEPTED, f"127.0.0.1:{second.port}")
        assert len(second.messages) == 1
        assert f"answered {reply[:3]}" in alarms.wrong_with(f"127.0.0.1:{first.port}")
        assert relays.misconfigured() == (f"127.0.0.1:{first.port}",)
        await channel.close()


@pytest.mark.parametrize("stage", ["rcpt", "data"])
async def test_what_is_unclear_goes_to_the_next_relay_and_is_told_once_several_persons_meet_it(stage: str) -> None:
    alarms = Alarms()
    async with smtp_sink() as first, smtp_sink() as second:
        name = f"127.0.0.1:{first.port}"
        channel, relays = channel_with(relay_settings(first.port), relay_settings(second.port), alarms=alarms)
        setattr(first, stage, "550 Administrative prohibition")
        for _ in range(3):
            assert (await channel.send(passcode_message())).relay.endswith(str(second.port))
        assert alarms.wrong_with(name) == ""  # one person's number may be odd
        other = passcode_message(number=E164("+447400999999"))
        assert (await channel.send(other)).relay.endswith(str(second.port))
        assert alarms.wrong_with(name).endswith("to several persons' messages, and does not say why: see its log")
        assert "4474" not in alarms.wrong_with(name)
        (told, _) = await relays.check()  # connecting works: that alone would look well
        assert told.outcome is Outcome.UNAVAILABLE
        setattr(first, stage, "250 OK")
        assert (await channel.send(other)).relay.endswith(str(first.port))
        assert alarms.wrong_with(name) == ""
        setattr(first, stage, "550 Administrative prohibition")
        await channel.send(other)
        assert alarms.wrong_with(name) == ""  # it took a message in between: counted from the beginning
        await channel.close()


async def test_an_unclear_refusal_is_forgotten_after_an_hour() -> None:
    now = 0.0
    alarms = Alarms()
    async with smtp_sink() as sink:
        sink.rcpt = "550 no"
        relay = SMTPRelay(relay_settings(sink.port), alarms=alarms, clock=lambda: now)
        channel = by_mail(Relays([relay]))
        await channel.send(passcode_message())
        now = 3600.0
        await channel.send(passcode_message(number=E164("+447400999999")))
        assert alarms.wrong_with(relay.name) == ""
        await channel.close()


async def test_a_relay_that_knows_nobodys_number_refuses_us() -> None:
    """OpenSMTPD says of a recipient whom it may not relay to that it is invalid."""
    alarms = Alarms()
    async with smtp_sink() as first, smtp_sink() as second:
        first.rcpt = "550 Invalid recipient"
        channel, _ = channel_with(relay_settings(first.port), relay_settings(second.port), alarms=alarms)
        numbers = [E164(f"+4474001234{n:02}") for n in range(4)]
        outcomes = [(await channel.send(passcode_message(number=each))).outcome for each in numbers]
        assert outcomes == [Outcome.REFUSED, Outcome.REFUSED, Outcome.ACCEPTED, Outcome.ACCEPTED]
        assert "everybody's number" in alarms.wrong_with(f"127.0.0.1:{first.port}")
        await channel.close()


async def test_options_that_are_offered_and_refused_are_left_out() -> None:
    """A front that offers DSN before a server that knows none."""

    async def refuse_options(verb: str) -> None:
        has_options = script.commands[-1].count(b"=") > 0
        script.answers["RCPT"] = b"555 5.5.4 Unsupported option: NOTIFY=NEVER\r\n" if has_options else b"250 OK\r\n"

    script = Script(answers={"EHLO": b"250-scripted\r\n250 DSN\r\n"}, on_command=refuse_options)
    async with scripted_smtp(script):
        channel, _ = channel_with(relay_settings(script.port))
        assert (await channel.send(passcode_message())).outcome is Outcome.ACCEPTED
        await channel.close()
    assert [line.count(b"NOTIFY") for line in script.commands if line.startswith(b"RCPT")] == [1, 0]


async def test_readiness_shows_a_misconfigured_relay_though_another_works() -> None:
    async with smtp_sink() as first, smtp_sink() as second:
        first.mail = "550 not you"
        channels = create_channels(delivery_settings(relay_settings(first.port), relay_settings(second.port)))
        assert (await channels.send(passcode_message())).outcome is Outcome.ACCEPTED
        checked = await channels.check()
        await channels.close()
    assert checked.outcome is Outcome.UNAVAILABLE
    assert f"127.0.0.1:{first.port}" in checked.reason
    assert f"127.0.0.1:{second.port}" not in checked.reason


@pytest.mark.parametrize(
    ("stage", "code", "blame"),
    [
        (Stage.LOGIN, 535, Blame.SETTINGS),
        (Stage.LOGIN, 454, Blame.SERVICE),
        (Stage.SENDER, 550, Blame.SETTINGS),
        (Stage.SENDER, 451, Blame.SERVICE),
        (Stage.RECIPIENT, 550, Blame.UNCLEAR),
        (Stage.RECIPIENT, 450, Blame.MESSAGE),
        (Stage.RECIPIENT, 421, Blame.SERVICE),
        (Stage.END_SENT, 554, Blame.UNCLEAR),
        (Stage.END_SENT, 452, Blame.SERVICE),
        (Stage.END_SENT, 421, Blame.SERVICE),
    ],
)
def test_whose_fault_a_refusal_is(stage: Stage, code: int, blame: Blame) -> None:
    assert verdict_on(SMTPResponseException(code, "no"), stage).blame is blame


def test_a_relay_without_starttls_is_for_the_operator_and_a_lost_line_is_not() -> None:
    assert verdict_on(SMTPException("no STARTTLS"), Stage.CONNECTING).blame is Blame.SETTINGS
    assert verdict_on(ConnectionResetError(), Stage.DATA).blame is Blame.SERVICE


async def test_a_breaker_opens_is_probed_by_one_and_closes() -> None:
    breaker = Breaker(jitter=lambda: -0.5)  # due at once
    assert breaker.patience(8.0) == 8.0
    breaker.failed()
    assert not breaker.is_closed
    assert not breaker.is_down()
    breaker.begin()
    assert breaker.is_down()  # for everybody else, while one probes it
    assert breaker.patience(8.0) == PROBE_SECONDS
    breaker.answered()
    assert breaker.is_closed


async def test_somebody_who_leaves_during_a_probe_does_not_leave_the_relay_out_for_ever() -> None:
    reached = asyncio.Event()

    async def arrive() -> str:
        reached.set()
        return "250 OK"

    async with smtp_sink() as sink:
        sink.mail = arrive
        relay = SMTPRelay(relay_settings(sink.port))
        relay.breaker = Breaker(jitter=lambda: -0.5)
        relay.breaker.failed()
        channel = by_mail(Relays([relay]))
        sending = asyncio.create_task(channel.send(passcode_message()))
        await reached.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await channel.close()  # which lets it end
        assert relay.breaker.is_closed
        assert len(sink.messages) == 1


AUTH = b"250-scripted\r\n250 AUTH CRAM-MD5 LOGIN PLAIN\r\n"
WRONG = b"535 5.7.8 otp-user and s3cret-word do not fit\r\n"
LOGIN = {"username": "otp-user", "password": "s3cret-word"}


def auths(script: Script) -> list[bytes]:
    return [line.split()[1] for line in script.commands if line.startswith(b"AUTH")]


async def test_a_refused_login_costs_one_try_and_is_left_alone_for_longer_and_longer() -> None:
    """Readiness every ten seconds, with three methods each, would lock the account at the relay for good."""
    now = 0.0
    async with scripted_smtp(Script(answers={"EHLO": AUTH, "AUTH": WRONG})) as script:
        relay = SMTPRelay(relay_settings(script.port, **LOGIN), clock=lambda: now)
        told = Relays([relay])
        channel = by_mail(told)
        for tries, wait in enumerate((60, 480, 3600, 3600), start=1):
            for _ in range(3):
                delivery = await channel.send(passcode_message())
                (checked,) = await told.check()
                assert (delivery.outcome, checked.outcome) == (Outcome.UNAVAILABLE, Outcome.UNAVAILABLE)
                assert "535 5.7.8 while logging in" in delivery.reason
                assert f"tried again in {wait // 60} min" in checked.reason
                assert "s3cret-word" not in delivery.reason + checked.reason + repr(parts_of(relay))
            assert auths(script) == [b"PLAIN"] * tries
            now += wait
        script.answers["AUTH"] = b"235 Welcome\r\n"
        assert (await channel.send(passcode_message())).outcome is Outcome.ACCEPTED
        assert (await told.check())[0].outcome is Outcome.ACCEPTED
        await channel.close()


async def test_of_many_at_once_one_tries_a_password_that_nobody_has_proven() -> None:
    async with scripted_smtp(Script(answers={"EHLO": AUTH, "AUTH": WRONG})) as script:
        channel = by_mail(Relays([SMTPRelay(relay_settings(script.port, connections=8, **LOGIN))]))
        deliveries = await asyncio.gather(*(channel.send(passcode_message()) for _ in range(8)))
        assert {each.outcome for each in deliveries} == {Outcome.UNAVAILABLE}
        assert auths(script) == [b"PLAIN"]
        await channel.close()


async def test_all_workers_together_try_a_wrong_password_as_often_as_one_would() -> None:
    now, store = 0.0, MemoryStore()

    def worker() -> Relays:
        logins = LoginTries(store.counters, key=b"k" * 32, clock=lambda: NOW + now)
        return Relays([SMTPRelay(relay_settings(script.port, **LOGIN), logins=logins, clock=lambda: now)])

    async def check_all() -> list[str]:
        return [each.reason for found in await asyncio.gather(*(one.check() for one in workers)) for each in found]

    async with scripted_smtp(Script(answers={"EHLO": AUTH, "AUTH": WRONG})) as script:
        workers = [worker() for _ in range(4)]
        for tries, wait in enumerate((60, 480, 3600, 3600), start=1):
            assert all("while logging in" in told for told in await check_all())
            assert all("tried again in" in told for told in await check_all())
            assert auths(script) == [b"PLAIN"] * tries
            workers.append(worker())  # one that starts later leaves it alone, too
            assert "while logging in" in (await workers[-1].check())[0].reason
            assert "as another worker found" in (await workers[-1].check())[0].reason
            assert auths(script) == [b"PLAIN"] * tries
            now += wait
        script.answers["AUTH"] = b"235 Welcome\r\n"
        assert await check_all() == ["" for _ in workers]
        for each in workers:
            await each.close()


async def test_a_relay_that_is_slow_to_refuse_counts_one_try_of_all_workers() -> None:
    now, store, begun, judged = 0.0, MemoryStore(), asyncio.Event(), asyncio.Event()

    async def slow(verb: str) -> None:
        if verb == "AUTH":
            begun.set()
            await judged.wait()

    def worker() -> Relays:
        logins = LoginTries(store.counters, key=b"k" * 32, clock=lambda: NOW + now)
        return Relays([SMTPRelay(relay_settings(script.port, **LOGIN), logins=logins, clock=lambda: now)])

    async with scripted_smtp(Script(answers={"EHLO": AUTH, "AUTH": WRONG}, on_command=slow)) as script:
        workers = [worker(), worker()]
        first = asyncio.create_task(workers[0].check())
        await begun.wait()
        second = asyncio.create_task(workers[1].check())
        await eventually(lambda: store.calls.count("reserve") > 2)
        now = 6.0  # longer than anybody waits
        (told,) = await second
        assert "another worker is trying the login" in told.reason
        assert not workers[1].misconfigured(), "nothing is known to be wrong"
        judged.set()
        assert "535 5.7.8 while logging in" in (await first)[0].reason
        assert "535 while logging in" in (await workers[1].check())[0].reason
        assert "as another worker found" in (await workers[1].check())[0].reason
        assert auths(script) == [b"PLAIN"]
        for each in workers:
            await each.close()


async def test_a_login_that_an_operator_finds_right_is_tried_by_all_at_once() -> None:
    store = MemoryStore()

    def relay(tries: type[LoginTries]) -> Relays:
        logins = tries(store.counters, key=b"k" * 32, clock=lambda: NOW)
        return Relays([SMTPRelay(relay_settings(script.port, **LOGIN), logins=logins, clock=lambda: 0.0)])

    async with scripted_smtp(Script(answers={"EHLO": AUTH, "AUTH": WRONG})) as script:
        worker, operator = relay(LoginTries), relay(OperatorsLoginTries)
        assert (await worker.check())[0].outcome is Outcome.UNAVAILABLE
        script.answers["AUTH"] = b"235 Welcome\r\n"
        assert (await worker.check())[0].outcome is Outcome.UNAVAILABLE
        assert (await operator.check())[0].outcome is Outcome.ACCEPTED
        assert (await worker.check())[0].outcome is Outcome.ACCEPTED
        await worker.close()
        await operator.close()


async def test_a_method_that_the_relay_does_not_have_after_all_is_followed_by_another() -> None:
    async with scripted_smtp(Script(answers={"EHLO": AUTH, "AUTH": b"504 5.5.4 no\r\n"})) as script:
        relay = SMTPRelay(relay_settings(script.port, **LOGIN))
        deadline = asyncio.get_running_loop().time() + 5
        assert (await relay.check(deadline=deadline)).outcome is Outcome.UNAVAILABLE
        assert auths(script) == [b"PLAIN", b"LOGIN", b"CRAM-MD5"]
        await relay.close()


@pytest.mark.parametrize("answer", [b"454 4.7.0 later\r\n", b""])
async def test_a_login_that_fails_for_the_moment_is_not_left_alone(answer: bytes) -> None:
    async with scripted_smtp(Script(answers={"EHLO": AUTH, "AUTH": answer})) as script:
        relay = SMTPRelay(relay_settings(script.port, **LOGIN), clock=lambda: 0.0)
        for _ in range(2):
            deadline = asyncio.get_running_loop().time() + 5
            assert (await relay.check(deadline=deadline)).outcome is Outcome.UNAVAILABLE
        assert auths(script) == [b"PLAIN", b"PLAIN"]
        await relay.close()
