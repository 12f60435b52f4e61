"""What a canary's messages say: pure, by what was sent, what arrived, and now."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from proxy.canary.canary_message import MOST_KEPT, CanaryMessage, CanaryRecord, CanaryState, Flaw
from proxy.canary.judging import (
    AGAIN_SECONDS,
    MOST_SOONER,
    CanaryJudgement,
    Timing,
    flaws_in,
    judge,
    message_of,
    next_at,
)
from proxy.delivery.channel import Outcome
from tests.support.people import NOW

TIMING = Timing(every=1800, within=120)
CODE = "493817"
TEXT = f"{CODE} ist dein Code für [Wiki] in 5 Minuten – 3 €.\n\n@signin.corp.example #{CODE}"


def message(**changes: Any) -> CanaryMessage:
    values = {"message_id": "canary-1", "code": CODE, "text": TEXT, "sent_at": NOW, "outcome": Outcome.ACCEPTED}
    return CanaryMessage(**{**values, **changes})


def state_of(*messages: CanaryMessage, now: float, watched_since: float = NOW) -> CanaryState:
    record = CanaryRecord(name="kapow", messages=messages)
    return judge(record, TIMING, watched_since=watched_since, now=now).state


ARRIVED = message(message_id="canary-0", sent_at=NOW - 1800, arrived_at=NOW - 1790)


@pytest.mark.parametrize(
    ("latest", "at", "state"),
    [
        (message(), 119, CanaryState.ARRIVES),  # by the one before: this one may still come
        (message(outcome=None), 119, CanaryState.ARRIVES),
        (message(arrived_at=NOW + 120), 130, CanaryState.ARRIVES),
        (message(arrived_at=NOW + 121), 130, CanaryState.LATE),
        (message(), 121, CanaryState.LATE),
        (message(outcome=None), 121, CanaryState.LATE),
        (message(outcome=Outcome.UNKNOWN), 121, CanaryState.LATE),
        (message(), 361, CanaryState.LOST),
        (message(arrived_at=NOW + 400), 500, CanaryState.LATE),
        (message(outcome=Outcome.REFUSED), 1, CanaryState.REFUSED),
        (message(outcome=Outcome.UNAVAILABLE), 1, CanaryState.NOT_TAKEN),
        (message(arrived_at=NOW + 3, flaws=(Flaw.CUT_OFF,)), 5, CanaryState.MANGLED),
        (message(arrived_at=NOW + 3), 1800 + 120 + 61, CanaryState.SILENT),
    ],
)
def test_the_state_follows_from_what_was_sent_what_arrived_and_the_time(
    latest: CanaryMessage, at: float, state: CanaryState
) -> None:
    assert state_of(ARRIVED, latest, now=NOW + at) is state


def test_a_message_of_which_nothing_is_known_leaves_the_state_to_the_one_before() -> None:
    lost = message(message_id="canary-0", sent_at=NOW - 1800)
    assert state_of(lost, message(), now=NOW + 60) is CanaryState.LOST
    assert state_of(lost, message(arrived_at=NOW + 50), now=NOW + 60) is CanaryState.ARRIVES
    assert state_of(message(), now=NOW + 60) is CanaryState.UNKNOWN
    assert state_of(now=NOW + 60) is CanaryState.UNKNOWN


def test_after_a_long_stop_what_was_before_says_nothing_until_silence_does() -> None:
    assert state_of(ARRIVED, now=NOW + 10_000, watched_since=NOW + 9_999) is CanaryState.UNKNOWN
    assert state_of(ARRIVED, now=NOW + 12_000, watched_since=NOW + 9_999) is CanaryState.SILENT


@pytest.mark.parametrize(
    ("latest", "state"),
    [
        (message(), CanaryState.UNKNOWN),
        (message(arrived_at=NOW + 300), CanaryState.UNKNOWN),  # it was found once the mailbox could be read
        (message(arrived_at=NOW + 3), CanaryState.ARRIVES),
        (message(outcome=Outcome.UNAVAILABLE), CanaryState.NOT_TAKEN),
        (message(sent_at=NOW + 100), CanaryState.LATE),
    ],
)
def test_a_mailbox_that_cannot_be_read_says_nothing_of_the_channel(latest: CanaryMessage, state: CanaryState) -> None:
    record = CanaryRecord(name="kapow", messages=(ARRIVED, latest), unread_at=NOW + 90)
    assert judge(record, TIMING, watched_since=NOW, now=NOW + 400).state is state


@pytest.mark.parametrize(
    ("state", "outcome", "wait"),
    [
        (CanaryState.ARRIVES, Outcome.ACCEPTED, TIMING.every),
        (CanaryState.UNKNOWN, Outcome.ACCEPTED, TIMING.every),
        (CanaryState.LOST, Outcome.ACCEPTED, AGAIN_SECONDS),
        (CanaryState.MANGLED, Outcome.ACCEPTED, AGAIN_SECONDS),
        (CanaryState.NOT_TAKEN, Outcome.UNAVAILABLE, TIMING.within),
        (CanaryState.REFUSED, Outcome.REFUSED, TIMING.within),
    ],
)
def test_while_something_is_wrong_the_next_one_comes_sooner(state: CanaryState, outcome: Outcome, wait: float) -> None:
    record = CanaryRecord(name="kapow", messages=(message(outcome=outcome),))
    assert next_at(record, CanaryJudgement(state=state), TIMING, now=NOW) == NOW + wait
    assert next_at(CanaryRecord(name="kapow"), CanaryJudgement(state=CanaryState.UNKNOWN), TIMING, now=NOW) == 0.0


@pytest.mark.parametrize(
    "vain",
    [
        {},
        {"outcome": Outcome.UNKNOWN},
        {"arrived_at": NOW + 2, "flaws": (Flaw.NO_LAST_LINE,)},
        {"arrived_at": NOW + 400},
    ],
)
def test_messages_that_cost_money_come_sooner_a_few_times_only(vain: dict[str, Any]) -> None:
    record, now, sent = CanaryRecord(name="kapow"), NOW, list[float]()
    while now < NOW + 86_400:
        judgement = judge(record, TIMING, watched_since=NOW, now=now)
        if now >= next_at(record, judgement, TIMING, now=now):
            shift = now - NOW
            moved = {**vain, "arrived_at": vain["arrived_at"] + shift} if "arrived_at" in vain else vain
            record = record.with_message(message(message_id=f"canary-{len(sent)}", sent_at=now, **moved))
            sent.append(now)
        now += 10
    apart = [after - before for before, after in itertools.pairwise(sent)]
    assert apart[:MOST_SOONER] == [AGAIN_SECONDS] * MOST_SOONER
    assert set(apart[MOST_SOONER:]) == {TIMING.every}


def test_a_clock_that_was_set_back_leaves_no_canary_well_for_ever() -> None:
    ahead = message(sent_at=NOW + 86_400, arrived_at=NOW + 86_403)
    record = CanaryRecord(name="kapow", messages=(ahead,))
    judgement = judge(record, TIMING, watched_since=NOW, now=NOW + 5)
    assert judgement.state is CanaryState.UNKNOWN
    assert next_at(record, judgement, TIMING, now=NOW + 5) <= NOW + 5
    sent = record.with_message(message(message_id="canary-2", sent_at=NOW + 5))
    assert next_at(sent, judgement, TIMING, now=NOW + 6) == NOW + 5 + TIMING.every
    assert judge(sent, TIMING, watched_since=NOW, now=NOW + 6).state is CanaryState.UNKNOWN
    assert judge(sent, TIMING, watched_since=NOW, now=NOW + 200).state is CanaryState.LATE


@pytest.mark.parametrize(
    ("arrived", "flaws", "lost"),
    [
        (TEXT, (), ""),
        (f"SMS from +447400123456 at 12:03:\r\n{TEXT}\r\n-- \r\nmy phone", (), ""),
        (TEXT.replace(" Code ", "\n  Code "), (), ""),
        (TEXT.replace("ü", "?"), (Flaw.CHARACTERS,), "ü"),
        (TEXT.encode().decode("latin-1"), (Flaw.CHARACTERS,), "ü–€"),
        (TEXT.replace("[", "<").replace("€", "e"), (Flaw.CHARACTERS,), "[€"),
        (TEXT[:30], (Flaw.CUT_OFF, Flaw.NO_LAST_LINE), ""),
        (TEXT.replace(CODE, "······"), (Flaw.NO_CODE, Flaw.NO_LAST_LINE), ""),
        (TEXT.replace("in 5 Minuten", "in 6 Minuten"), (Flaw.OTHER_TEXT,), ""),
        (TEXT.replace("\n\n", " "), (Flaw.NO_LAST_LINE,), ""),
        (TEXT.partition("\n")[0], (Flaw.NO_LAST_LINE,), ""),
        (TEXT.replace(f"@signin.corp.example #{CODE}", f"@signin.corp.exampl #{CODE}"), (Flaw.NO_LAST_LINE,), ""),
        (f"Your code is {CODE}.", (Flaw.CHARACTERS, Flaw.NO_LAST_LINE), "ü[]–€"),
    ],
)
def test_a_text_that_arrives_otherwise_is_told(arrived: str, flaws: tuple[Flaw, ...], lost: str) -> None:
    assert flaws_in(arrived, message()) == (flaws, lost)


def test_a_message_without_a_last_line_needs_none() -> None:
    plain = message(text=f"{CODE} is your code.\n\nIf it was not you, tell us.")
    assert flaws_in(f"{CODE} is your code.\r\n\r\nIf it was not you, tell us.\r\n", plain) == ((), "")


def test_no_code_is_part_of_another_number() -> None:
    record = CanaryRecord(name="kapow", messages=(message(),))
    assert message_of([record], f"Your code: {CODE}.") == ("kapow", message())
    assert message_of([record], f"Call 0{CODE}") is None
    assert message_of([record], f"Call {CODE}1") is None


def test_nobody_finds_a_code_by_writing_them_all() -> None:
    record = CanaryRecord(name="kapow", messages=(message(),))
    assert message_of([record], f"+447400123456 at 20261130 203015: {CODE} 000000 111111") is not None
    assert message_of([record], " ".join(f"{number:06d}" for number in range(493_800, 493_820))) is None


def test_what_is_known_shows_neither_code_nor_text() -> None:
    record = CanaryRecord(name="kapow", messages=(message(lost_characters="ü", flaws=(Flaw.CHARACTERS,)),))
    judgement = judge(record, TIMING, watched_since=NOW, now=NOW + 1)
    for shown in (repr(record), repr(judgement), judgement.sentence):
        assert CODE not in shown
        assert "Wiki" not in shown


def test_only_the_latest_messages_are_remembered_and_each_arrives_once() -> None:
    record = CanaryRecord(name="kapow")
    for number in range(MOST_KEPT + 3):
        record = record.with_message(message(message_id=f"canary-{number}"))
    assert [each.message_id for each in record.messages] == [f"canary-{number}" for number in range(3, MOST_KEPT + 3)]
    assert record.with_arrival("canary-0", at=NOW, flaws=()) is None
    arrived = record.with_arrival("canary-5", at=NOW + 4, flaws=())
    assert arrived is not None
    assert (arrived.last_arrival_at, arrived.arrival_seconds) == (NOW + 4, 4.0)
    assert arrived.with_arrival("canary-5", at=NOW + 9, flaws=()) is None
    assert replace(arrived, version=1).message("canary-5") == arrived.message("canary-5")
