"""The checker of stress runs finds each violation, wherever in a log it lies, and nothing in an honest one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stress.checker import Rule, violations
from tests.stress.history import (
    Asked,
    Created,
    Disturbed,
    Ended,
    Entry,
    HistoryWriter,
    Outcome,
    PasscodeSent,
    Settled,
    read_history,
)


def asked(session: int, sent: float, outcome: Outcome = Outcome.SERVED, served_as: str = "") -> Asked:
    person = served_as or f"p{session}" if outcome is Outcome.SERVED else ""
    return Asked(session=session, sent=sent, answered=sent + 0.1, outcome=outcome, served_as=person)


def ended(session: int, sent: float, *, is_acknowledged: bool = True) -> Ended:
    return Ended(session=session, sent=sent, answered=sent + 0.1, is_acknowledged=is_acknowledged)


def passcode(challenge: str, sent: float, *, is_accepted: bool) -> PasscodeSent:
    return PasscodeSent(challenge=challenge, sent=sent, answered=sent + 0.1, is_accepted=is_accepted)


HONEST: tuple[Entry, ...] = (
    *(Created(session=number, person=f"p{number}", at=float(number)) for number in range(1, 6)),
    asked(1, 6.0),
    asked(2, 6.0),
    Disturbed(what="worker killed", at=6.5),
    asked(1, 6.5, Outcome.BROKEN),
    asked(1, 7.0, Outcome.AWAY),
    ended(2, 8.0),
    asked(2, 7.95),  # sent before its end was asked for, answered while it was
    asked(2, 8.05, Outcome.SERVED),  # sent before it was acknowledged: either is right
    asked(2, 8.06, Outcome.REFUSED),
    asked(2, 8.2, Outcome.REFUSED),
    ended(3, 9.0, is_acknowledged=False),
    asked(3, 9.5, Outcome.SERVED),  # nobody said that it has ended
    asked(3, 9.6, Outcome.REFUSED),  # but it may have
    asked(4, 3.0, Outcome.REFUSED),  # before it was given out
    passcode("first", 9.0, is_accepted=True),
    passcode("first", 9.0, is_accepted=False),
    passcode("second", 9.0, is_accepted=True),
    Settled(at=20.0),
    asked(1, 21.0, Outcome.BROKEN),
    asked(1, 22.0),
    asked(2, 22.0, Outcome.REFUSED),
    asked(4, 20.0),
    asked(5, 21.0),
)  # fmt: skip

DISHONEST: dict[str, tuple[tuple[Entry, ...], Rule]] = {
    "a session that nobody ended is refused": ((asked(1, 10.0, Outcome.REFUSED),), Rule.LOST),
    "a session is refused, and served again later": ((asked(5, 5.5, Outcome.REFUSED), asked(5, 5.8)), Rule.LOST),
    "a session is refused before its end is asked for": ((asked(2, 7.5, Outcome.REFUSED),), Rule.LOST),
    "a session is served after its end": ((asked(2, 8.2),), Rule.ALIVE),
    "a session is served long after its end": ((asked(2, 30.0),), Rule.ALIVE),
    "a session lives on after a second end": ((ended(3, 10.0), asked(3, 10.2)), Rule.ALIVE),
    "a passcode is accepted again": ((passcode("first", 9.05, is_accepted=True),), Rule.TWICE),
    "a passcode is accepted much later": ((passcode("second", 15.0, is_accepted=True),), Rule.TWICE),
    "one is served as another": ((asked(4, 12.0, served_as="p1"),), Rule.MIXED),
    "a session never works again": (
        (Created(session=6, person="p6", at=10.0), asked(6, 11.0), asked(6, 23.0, Outcome.AWAY)),
        Rule.NEVER_BACK,
    ),
    "a session was never asked for in the end": ((Created(session=6, person="p6", at=10.0),), Rule.NEVER_BACK),
    "whoever asks with a session that is over gets no answer": (
        (Created(session=6, person="p6", at=10.0), ended(6, 11.0), asked(6, 23.0, Outcome.BROKEN)),
        Rule.UNANSWERED,
    ),
    "a session that nobody gave out": ((asked(99, 10.0),), Rule.UNKNOWN),
    "the end of one that nobody gave out": ((ended(99, 10.0),), Rule.UNKNOWN),
}


def test_nothing_is_found_in_an_honest_log() -> None:
    assert violations(HONEST) == []


@pytest.mark.parametrize("name", DISHONEST)
@given(data=st.data())
def test_each_violation_is_found_wherever_it_is_written(name: str, data: st.DataObject) -> None:
    more, rule = DISHONEST[name]
    entries = list(HONEST)
    for entry in more:
        entries.insert(data.draw(st.integers(0, len(entries))), entry)
    found = violations(entries)
    assert [each.rule for each in found] == [rule]


def test_a_log_that_lost_a_line_of_its_own_is_not_honest() -> None:
    without_creation = [each for each in HONEST if not (isinstance(each, Created) and each.session == 5)]
    assert {each.rule for each in violations(without_creation)} == {Rule.UNKNOWN}


def test_a_log_is_read_as_it_was_written(tmp_path: Path) -> None:
    with HistoryWriter(tmp_path / "log") as history:
        for entry in HONEST:
            history.write(entry)
    assert tuple(read_history(tmp_path / "log")) == HONEST
    assert history.counts["Asked broken"] == 2
    assert history.counts["Disturbed worker killed"] == 1
