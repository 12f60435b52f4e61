"""Canaries through a real relay: what is sent, what arrives, what is told of it, and what is left alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from config.factors import ChannelKind
from proxy.canary.canary_message import CanaryMessage, CanaryRecord, CanaryState
from proxy.delivery.bounces.desk import Taken
from proxy.delivery.channel import Outcome
from proxy.sessions.lease import while_leased
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.support.bounces import kapow_refusal
from tests.support.canaries import ADDRESS, MAIL, SMS, Node, Watch, canary_settings, forwarded, node, text_of
from tests.support.eventually import eventually
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW
from tests.support.smtp_sink import Sink, smtp_sink

CODE = re.compile(r"\b[0-9]{6}\b")


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with smtp_sink() as sink:
        yield sink


@pytest.fixture
async def clock() -> Watch:
    return Watch()


async def state(at: Node, name: str = "kapow") -> CanaryState:
    """As a worker that has just looked knows it."""
    await at.served.board.look()
    return at.served.board.judgement(name, at.clock()).state


async def test_a_passcode_as_people_get_it_goes_out_and_is_found_in_the_mailbox(sink: Sink, clock: Watch) -> None:
    store = MemoryStore()
    at = node(canary_settings(sink.port, SMS, MAIL), store.canaries, clock)
    await at.served.canaries.turn()
    by_recipient = {each.recipients[0]: each for each in (await sink.next_message(), await sink.next_message())}
    sms, mail = by_recipient["447400123456@kapow.co.uk"], by_recipient[ADDRESS]
    words = "is your signin.corp.example sign-in code. It is valid for 5 minutes."
    assert CODE.sub("CODE", text_of(sms)) == f"CODE {words}"
    assert CODE.sub("CODE", text_of(mail)).startswith(f"CODE {words}\r\n\r\nIf you did not")
    clock.now += 7
    assert await at.served.canaries.take(forwarded(text_of(sms))) is Taken.NOTED
    assert await at.served.canaries.take(mail.content) is Taken.NOTED
    await at.served.canaries.turn()
    assert [await state(at, name) for name in ("kapow", "mail")] == [CanaryState.ARRIVES] * 2
    for name in ("kapow", "mail"):
        told = {line.partition("{")[0]: line for line in at.metrics.render().decode().splitlines() if name in line}
        assert told["gatepost_canary_up"].endswith(" 1.0")
        assert told["gatepost_canary_arrival_seconds"].endswith(" 7.0")
        assert float(told["gatepost_canary_last_arrival_timestamp_seconds"].split()[1]) == clock.now
    assert at.told("canary.fails") == at.told("canary.works") == at.audit.events == []


async def test_each_is_sent_at_its_own_times(sink: Sink, clock: Watch) -> None:
    at = node(canary_settings(sink.port, SMS, MAIL), MemoryStore().canaries, clock)
    began_at = clock.now
    sent: dict[str, list[float]] = {"447400123456@kapow.co.uk": [], ADDRESS: []}
    while clock.now <= began_at + 1800:
        await at.served.canaries.turn()
        while sink.messages:
            received = sink.messages.pop()
            sent[received.recipients[0]].append(clock.now - began_at)
            text = text_of(received)
            content = received.content if received.recipients == (ADDRESS,) else forwarded(text)
            await at.served.canaries.take(content)
        clock.now += 60
    assert sent == {"447400123456@kapow.co.uk": [0, 1800], ADDRESS: [0, 300, 600, 900, 1200, 1500, 1800]}


async def test_a_relay_that_stops_and_comes_back_is_told_once_each(sink: Sink, clock: Watch) -> None:
    store = MemoryStore()
    at = node(canary_settings(sink.port), store.canaries, clock)
    check = at.served.checks["canary kapow"]
    await at.served.canaries.turn()
    await at.served.canaries.take(forwarded(text_of(await sink.next_message())))
    sink.mail = "421 we are closing"
    clock.now += 1800
    for _ in range(3):
        await at.served.canaries.turn()
    trouble = await check.ask()
    assert trouble is not None
    assert trouble.startswith("kapow: no relay or gateway takes its messages")
    assert await state(at) is CanaryState.NOT_TAKEN
    assert at.served.board.is_delayed("kapow", clock.now)
    assert not at.served.board.is_delayed("email", clock.now)
    assert b'gatepost_canary_up{canary="kapow"} 0.0' in at.metrics.render()
    sink.mail = "250 OK"
    clock.now += 120
    await at.served.canaries.turn()
    received = await sink.next_message()
    assert await state(at) is CanaryState.NOT_TAKEN
    await at.served.canaries.take(forwarded(text_of(received)))
    await at.served.canaries.turn()
    assert await check.ask() is None
    assert not at.served.board.is_delayed("kapow", clock.now)
    (fails,), (works,) = at.told("canary.fails"), at.told("canary.works")
    assert (fails["canary"], fails["channel"], fails["state"]) == ("kapow", "kapow", "not_taken")
    assert works["state"] == "arrives"
    assert [(each.event, each.facts["state"]) for each in at.audit.events] == [
        ("canary.fails", "not_taken"),
        ("canary.works", "arrives"),
    ]


async def test_what_is_late_lost_and_refused_is_told_as_such(sink: Sink, clock: Watch) -> None:
    at = node(canary_settings(sink.port), MemoryStore().canaries, clock)
    await at.served.canaries.turn()
    sink.rcpt = "550 no such user"
    told = []
    for seconds in (121, 240, 1500):
        clock.now += seconds
        await at.served.canaries.turn()
        await at.served.canaries.turn()
        told.append(at.audit.events[-1].facts["state"])
    assert told == ["late", "refused", "refused"]


async def test_a_text_that_was_changed_on_the_way_is_told_without_the_code(sink: Sink, clock: Watch) -> None:
    text = "{passcode} is your [{app}] code"
    at = node(canary_settings(sink.port, text=text), MemoryStore().canaries, clock)
    await at.served.canaries.turn()
    arrived = text_of(await sink.next_message())
    await at.served.canaries.take(forwarded(arrived.replace("[", "<").replace("]", ">")))
    await at.served.canaries.turn()
    assert await state(at) is CanaryState.MANGLED
    assert not at.served.board.is_delayed("kapow", clock.now)  # people can type what they get
    (fails,) = at.told("canary.fails")
    assert fails["reason"] == (
        'messages do not arrive as they were sent: characters are changed, "[" (U+005B), "]" (U+005D)'
    )
    code = CODE.findall(arrived)[0]
    everything = f"{at.log.getvalue()}{at.audit.events}{at.metrics.render()!r}{at.served}{fails}"
    for secret in (code, "7400123456", "07400", ADDRESS):
        assert secret not in everything


async def test_nobody_elses_mail_and_no_answer_counts_as_an_arrival(sink: Sink, clock: Watch) -> None:
    at = node(canary_settings(sink.port), MemoryStore().canaries, clock)
    take = at.served.canaries.take
    await at.served.canaries.turn()
    received = await sink.next_message()
    code, message_id = CODE.findall(text_of(received))[0], re.findall(rb"Message-ID: <(.+)@", received.content)[0]
    refusal = kapow_refusal(f"No credit for {code}", message_id=message_id.decode())
    for content in (b"Subject: Menu\r\n\r\nWhat is there?\r\n", b"", refusal, forwarded(f"Call 1{code}")):
        assert await take(content) is Taken.UNRELATED
    assert await state(at) is CanaryState.UNKNOWN
    assert await take(forwarded(text_of(received))) is Taken.NOTED
    assert await take(forwarded(text_of(received))) is Taken.KNOWN


async def test_nodes_that_all_believe_to_hold_the_lease_send_one_canary(
    sink: Sink, clock: Watch, tmp_path: Path
) -> None:
    store = SQLiteStore(tmp_path / "state.db")
    nodes = [node(canary_settings(sink.port), store.canaries, clock) for _ in range(4)]
    for _ in range(3):
        await asyncio.gather(*(each.served.canaries.turn() for each in nodes))
    await store.close()
    assert len(sink.messages) == 1


async def test_one_of_two_nodes_sends_and_both_know_the_same_after_a_change_of_hands(sink: Sink, clock: Watch) -> None:
    store = MemoryStore()
    nodes = [node(canary_settings(sink.port), store.canaries, clock) for _ in range(2)]
    working: list[asyncio.Task[None]] = []
    for each in nodes:
        leased = while_leased(each.served.run, store=store.leases, name="canaries", clock=clock, turn_seconds=0.01)
        working.append(asyncio.create_task(leased))
    received = await sink.next_message()
    holder = store.leases.held["canaries"]
    await eventually(lambda: store.calls.count("take_lease") > 20)
    assert (len(sink.messages), store.leases.held["canaries"][0]) == (0, holder[0])
    await nodes[1].served.canaries.take(forwarded(text_of(received)))
    assert [await state(each) for each in nodes] == [CanaryState.ARRIVES] * 2
    for task in working:
        task.cancel()
    await asyncio.gather(*working, return_exceptions=True)
    again = node(canary_settings(sink.port), store.canaries, clock)
    await again.served.canaries.turn()
    assert sink.messages == []
    assert await state(again) is CanaryState.ARRIVES


async def test_without_the_store_nothing_is_sent_and_what_is_known_stands(sink: Sink, clock: Watch) -> None:
    store = MemoryStore()
    at = node(canary_settings(sink.port), store.canaries, clock)
    await at.served.canaries.turn()
    await at.served.canaries.take(forwarded(text_of(await sink.next_message())))
    assert await state(at) is CanaryState.ARRIVES
    store.away = True
    clock.now += 1800
    await at.served.canaries.turn()
    assert (await state(at), len(sink.messages)) == (CanaryState.ARRIVES, 0)
    clock.now += 600
    assert await state(at) is CanaryState.SILENT


async def test_no_limit_and_no_metric_of_people_moves(sink: Sink, clock: Watch) -> None:
    store = MemoryStore()
    at = node(canary_settings(sink.port, SMS, MAIL), store.canaries, clock)

    def about_people(at: Node) -> list[str]:
        lines = at.metrics.render().decode().splitlines()
        return [line for line in lines if line.startswith(("gatepost_passcodes", "gatepost_sign_ins"))]

    before = about_people(at)
    for _ in range(5):
        await at.served.canaries.turn()
        clock.now += 1800
    assert len(sink.messages) >= 8
    assert store.counters.kept == {}
    assert set(store.calls) == {"canary", "put_canary"}  # no message of a person's, none of the day's
    assert about_people(at) == before


def test_the_settings_show_no_number() -> None:
    assert "07400" not in repr(canary_settings(25))


NOT_TAKEN, LOST = {"outcome": Outcome.UNAVAILABLE}, {"outcome": Outcome.ACCEPTED}
ARRIVED = {"outcome": Outcome.ACCEPTED, "arrived_at": NOW - 395}


@pytest.mark.parametrize(
    ("first", "second", "kinds"),
    [
        (NOT_TAKEN, NOT_TAKEN, set()),  # then their codes go by the next channel
        (NOT_TAKEN, LOST, {ChannelKind.SMS}),
        (LOST, LOST, {ChannelKind.SMS}),
        (LOST, ARRIVED, set()),
    ],
)
async def test_people_are_told_only_if_their_codes_go_that_way(
    clock: Watch, first: dict[str, Any], second: dict[str, Any], kinds: set[ChannelKind]
) -> None:
    store = MemoryStore()
    provider = {"http": {"provider": {"url": "https://sms.example/", "body": '{"to": "{number}", "text": "{text}"}'}}}
    channels = {"channels": ["kapow", "provider"]}
    settings = canary_settings(25, SMS, {**SMS, "name": "second"}, second_factor=channels, sms=provider)
    board = node(settings, store.canaries, clock).served.board
    for name, fields in (("kapow", first), ("second", second)):
        message = CanaryMessage(message_id="canary-1", code="493817", text="", sent_at=NOW - 400, **fields)
        await store.canaries.put_canary(CanaryRecord(name=name, version=1, messages=(message,)))
    await board.look()
    assert board.delayed_kinds(clock.now) == kinds


async def test_once_codes_go_by_another_channel_nobody_is_told_of_the_old_one(clock: Watch) -> None:
    store, now = MemoryStore(), ["kapow"]
    provider = {"http": {"provider": {"url": "https://sms.example/", "body": '{"to": "{number}", "text": "{text}"}'}}}
    channels = {"channels": ["kapow", "provider"]}
    settings = canary_settings(25, SMS, second_factor=channels, sms=provider)
    board = node(settings, store.canaries, clock, lambda: now).served.board
    message = CanaryMessage(message_id="canary-1", code="493817", text="", sent_at=NOW - 400)
    await store.canaries.put_canary(CanaryRecord(name="kapow", version=1, messages=(message,)))
    await board.look()
    assert board.delayed_kinds(clock.now) == {ChannelKind.SMS}
    now[:] = ["provider"]
    assert board.delayed_kinds(clock.now) == set()
