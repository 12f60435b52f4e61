"""How long memory may answer: exact, and never longer than what was heard, or the grace, allows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.sessions.hearing import HeardChanges
from proxy.sessions.session_store import NOTICE_SECONDS


def fresh(**fields: float) -> HeardChanges:
    return HeardChanges(**{"grace_seconds": 60.0, "current_at": 0.0, **fields})  # type: ignore[arg-type]


def test_nothing_is_answered_from_memory_before_it_was_heard() -> None:
    assert fresh().until < 0


def test_what_was_heard_counts_from_before_it_was_asked_for() -> None:
    freshness = fresh()
    freshness.caught_up(10.0)
    assert freshness.until == 10.0 + NOTICE_SECONDS
    freshness.caught_up(9.0)  # begun before the other one
    assert freshness.until == 10.0 + NOTICE_SECONDS


def test_a_store_that_is_away_is_asked_again_within_seconds_and_the_grace_is_its_end() -> None:
    freshness = fresh()
    freshness.caught_up(10.0)
    freshness.store_is_away(10.9, 11.0)
    assert freshness.until == 10.9 + NOTICE_SECONDS
    freshness.store_is_away(69.5, 69.6)
    assert freshness.until == 70.0
    assert freshness.away_since == 11.0
    assert freshness.is_in_grace(69.9)
    assert not freshness.is_in_grace(70.0)
    freshness.caught_up(100.0)
    assert freshness.away_since is None
    assert freshness.is_in_grace(159.9)


def test_a_refusal_counts_from_when_it_was_asked_for() -> None:
    """An end that was made since is acknowledged `NOTICE_SECONDS` later, whoever has not heard of it."""
    freshness = fresh()
    freshness.caught_up(9.5)
    freshness.store_is_away(10.0, 12.0)
    assert freshness.until == 10.0 + NOTICE_SECONDS


def test_who_had_not_caught_up_when_the_store_went_away_has_no_grace() -> None:
    """What this worker has not heard may have been acknowledged before: it was not waited for any more."""
    freshness = fresh()
    freshness.caught_up(10.0)
    freshness.store_is_away(10.0 + NOTICE_SECONDS, 11.1)
    freshness.store_is_away(11.2, 11.3)
    assert freshness.until == 10.0 + NOTICE_SECONDS
    assert not freshness.may_do_without(11.4, is_silent=False)
    freshness.caught_up(20.0)
    freshness.store_is_away(20.5, 20.6)
    assert freshness.until == 20.5 + NOTICE_SECONDS
    assert freshness.may_do_without(21.0, is_silent=False)


def test_a_store_that_answered_meanwhile_went_away_anew() -> None:
    freshness = fresh()
    freshness.caught_up(10.0)
    freshness.store_is_away(10.5, 10.6)
    freshness.hears_nothing()
    freshness.store_is_away(12.0, 12.1)
    assert freshness.until < 10.0
    assert not freshness.may_do_without(12.2, is_silent=False)


def test_silence_counts_from_its_second_time() -> None:
    freshness = fresh()
    freshness.caught_up(10.0)
    assert not freshness.may_do_without(10.2, is_silent=True)
    freshness.store_is_silent(10.1, 10.6)
    assert freshness.until == 10.0 + NOTICE_SECONDS
    assert not freshness.may_do_without(10.7, is_silent=True)
    freshness.store_is_silent(10.6, 11.1)
    assert freshness.until == 10.6 + NOTICE_SECONDS
    assert freshness.may_do_without(11.2, is_silent=True)
    assert not freshness.may_do_without(70.0, is_silent=True)


def test_a_late_answer_takes_back_what_was_granted_for_the_silence() -> None:
    """A slow store is not away: others may end sessions."""
    freshness = fresh()
    freshness.caught_up(10.0)
    freshness.store_is_silent(10.1, 10.6)
    freshness.store_is_silent(10.7, 11.2)
    assert freshness.until == 10.7 + NOTICE_SECONDS
    freshness.caught_up(10.1)
    assert freshness.until == 10.1 + NOTICE_SECONDS
    assert not freshness.may_do_without(11.3, is_silent=True)
    freshness.store_is_silent(11.3, 11.8)
    freshness.caught_up(10.7)
    freshness.store_is_silent(11.9, 12.4)
    assert freshness.until == 10.7 + NOTICE_SECONDS
    assert not freshness.may_do_without(12.5, is_silent=True)


def test_one_request_that_is_refused_proves_nothing() -> None:
    """Who was stopped itself may ask a store that has just been killed, and has not heard what ended before that."""
    freshness = fresh()
    freshness.caught_up(10.0)
    assert not freshness.may_do_without(20.0, is_silent=False)


def test_silence_after_a_gap_does_not_let_memory_answer() -> None:
    freshness = fresh()
    freshness.caught_up(10.0)
    freshness.missed_some()
    freshness.store_is_silent(10.5, 11.0)
    freshness.store_is_silent(11.0, 11.5)
    assert freshness.until < 10.0
    assert not freshness.may_do_without(11.5, is_silent=True)
    freshness.store_is_away(11.5, 11.6)
    assert freshness.until == 11.5 + NOTICE_SECONDS


def test_after_a_gap_the_store_is_asked_until_all_was_read_anew() -> None:
    freshness = fresh()
    freshness.caught_up(10.0)
    freshness.missed_some()
    freshness.caught_up(11.0)
    assert freshness.until < 10.0
    assert not freshness.is_in_grace(70.0)
    freshness.missed_some()
    freshness.read_anew(1, 11.5)  # what was missed since is not among it
    freshness.caught_up(12.0)
    assert freshness.until < 10.0
    freshness.read_anew(2, 13.0)
    freshness.caught_up(14.0)
    assert freshness.until == 14.0 + NOTICE_SECONDS


@given(
    st.lists(
        st.tuples(st.sampled_from(["caught_up", "away", "silent", "gap", "read"]), st.floats(0, 5)),
        min_size=1,
        max_size=40,
    )
)
def test_memory_never_answers_beyond_the_grace_or_over_a_gap(events: list[tuple[str, float]]) -> None:
    freshness, now, current_at = fresh(), 0.0, 0.0
    for event, seconds in events:
        began_at, now = now, now + seconds
        if event == "caught_up":
            freshness.caught_up(began_at)
            current_at = current_at if freshness.has_gap else began_at
        elif event == "away":
            freshness.store_is_away(began_at, now)
        elif event == "silent":
            freshness.store_is_silent(began_at, now)
        elif event == "gap":
            freshness.missed_some()
            assert freshness.until < now
        else:
            freshness.read_anew(freshness.gaps, began_at)
            current_at = began_at
        assert freshness.until <= current_at + 60.0
        assert freshness.until <= now + NOTICE_SECONDS
