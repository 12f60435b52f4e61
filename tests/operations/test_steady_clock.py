"""The clock of lifetimes: it never jumps, follows what lasts, and says what it does not follow."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.operations.steady_clock import (
    LEAST_SECONDS,
    MOST_SECONDS,
    SKEW_SECONDS,
    SLOWNESS,
    START_SECONDS,
    Anchor,
    Reading,
    SteadyClock,
    read_on,
)

HOUR = 3600.0
EPOCH = 1_700_000_000.0


class Times:
    """Both clocks of a machine; `set` sets the one that can be set."""

    def __init__(self) -> None:
        self.steady, self.offset = 1000.0, EPOCH
        self.log: list[tuple[str, dict[str, Any]]] = []

    def warning(self, event: str, **fields: Any) -> None:
        self.log.append((event, fields))

    info = warning

    def clock(self, anchor: Anchor | None = None, apart: tuple[float, float] | None = None) -> SteadyClock:
        return SteadyClock(anchor, apart=apart, wall=lambda: self.steady + self.offset, steady=lambda: self.steady)

    def pass_by(self, clock: SteadyClock, seconds: float) -> None:
        """With a look each second."""
        until = self.steady + seconds
        while self.steady < until:
            self.steady += min(1.0, until - self.steady)
            clock.look(self)  # type: ignore[arg-type]

    def events(self) -> list[str]:
        return [event for event, _ in self.log]


def test_it_shows_the_systems_time() -> None:
    times = Times()
    clock = times.clock()
    times.pass_by(clock, 100.0)
    assert clock.now() == EPOCH + 1100.0
    assert clock.trouble is None
    assert times.log == []


def test_a_jump_that_does_not_last_is_not_followed_and_told() -> None:
    for jump in (HOUR, -HOUR):
        times = Times()
        clock = times.clock()
        times.pass_by(clock, START_SECONDS - 1.0)
        assert not clock.is_settled, "it may be wrong just now"
        times.pass_by(clock, 1.0)
        assert clock.is_settled
        times.offset += jump
        times.pass_by(clock, 5.0)
        assert clock.now() == EPOCH + times.steady
        assert "jumped 3600 seconds" in (clock.trouble or "")
        told = clock.trouble
        times.pass_by(clock, 1.0)
        assert clock.trouble == told, "it is logged once"
        assert not clock.is_settled
        times.offset -= jump
        times.pass_by(clock, 1.0)
        assert clock.now() == EPOCH + times.steady
        assert clock.trouble is None
        assert clock.is_settled
        assert times.events() == ["clock.jumped", "clock.returned"]


def test_a_jump_that_lasts_is_followed_at_once_and_listeners_hear_by_how_much() -> None:
    times = Times()
    clock = times.clock()
    steps: list[float] = []
    clock.on_step(steps.append)
    times.pass_by(clock, 2 * MOST_SECONDS)
    times.offset -= HOUR
    times.pass_by(clock, MOST_SECONDS)
    assert steps == []
    times.pass_by(clock, 1.0)
    assert steps == [-HOUR]
    assert clock.now() == times.steady + times.offset
    assert clock.trouble is None
    assert times.events() == ["clock.jumped", "clock.followed"]
    times.pass_by(clock, MOST_SECONDS - 1.0)
    assert not clock.is_settled, "nothing is deleted by a clock that was set a moment ago"
    times.pass_by(clock, 1.0)
    assert clock.is_settled


def test_a_clock_that_was_believed_for_moments_is_corrected_soon() -> None:
    """As after the start of a machine: the network's time comes a little later."""
    times = Times()
    clock = times.clock()
    times.pass_by(clock, 3.0)
    times.offset -= HOUR
    times.pass_by(clock, LEAST_SECONDS)
    assert clock.now() == EPOCH + times.steady
    times.pass_by(clock, 2.0)
    assert clock.now() == times.steady + times.offset


def test_a_second_jump_has_to_last_by_itself() -> None:
    times = Times()
    clock = times.clock()
    times.offset += HOUR
    times.pass_by(clock, LEAST_SECONDS - 2.0)
    times.offset += HOUR
    times.pass_by(clock, LEAST_SECONDS - 2.0)
    assert clock.now() == EPOCH + times.steady


def test_small_corrections_are_followed_slowly() -> None:
    times = Times()
    clock = times.clock()
    times.offset -= 30.0
    times.pass_by(clock, 20.0)
    assert abs(clock.now() - (EPOCH + times.steady - 20.0 / SLOWNESS)) < 1e-5
    times.pass_by(clock, 30.0 * SLOWNESS)
    assert abs(clock.now() - times.steady - times.offset) < 1e-6
    assert times.log == []


def test_a_worker_that_starts_during_a_jump_takes_no_part_in_it() -> None:
    times = Times()
    before = times.clock()
    times.pass_by(before, 2 * MOST_SECONDS)
    times.offset += HOUR
    times.pass_by(before, 1.0)
    clock = times.clock(before.anchor)
    assert clock.now() == EPOCH + times.steady
    times.pass_by(clock, 5.0)
    assert clock.now() == EPOCH + times.steady
    assert clock.trouble is not None


def test_who_starts_during_a_jump_follows_it_when_the_others_do() -> None:
    for jump in (HOUR, -HOUR):
        times = Times()
        before = times.clock()
        times.pass_by(before, 300.0)
        times.offset += jump
        times.pass_by(before, 200.0)
        started = times.clock(before.anchor, before.apart)
        for _ in range(150):
            times.steady += 1.0
            before.look(None)
            started.look(None)
            assert started.now() == before.now()
        assert before.now() == EPOCH + times.steady + jump


@given(
    st.lists(st.tuples(st.floats(-SKEW_SECONDS / 2, SKEW_SECONDS / 2), st.floats(0.1, 30.0)), min_size=1, max_size=50)
)
def test_between_jumps_it_never_goes_back_and_no_lifetime_is_far_off(turns: list[tuple[float, float]]) -> None:
    steady, started_at = 0.0, EPOCH
    reading = Reading(anchor=Anchor(offset=EPOCH, right_since=0.0, settled_at=0.0), read_at=0.0)
    shown = started_at
    for error, seconds in turns:
        steady += seconds
        reading = read_on(reading, steady=steady, wall=EPOCH + steady + error)
        now = steady + reading.anchor.offset
        assert now >= shown
        shown = now
    assert abs((shown - started_at) - steady) <= steady / SLOWNESS + 1e-3
    assert reading.apart_since is None
