"""A domain controller's circuit breaker: a value, moved on by what happens and when."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from directory.circuit import (
    FIRST_PROBE_SECONDS,
    LONGEST_PROBE_SECONDS,
    MEASURE_SECONDS,
    PATIENCE_SECONDS,
    Circuit,
    CircuitHealth,
)

NOW = 1000.0


def test_a_failure_opens_it_and_an_answer_closes_it() -> None:
    health = CircuitHealth(heard_at=NOW)
    assert health.circuit is Circuit.CLOSED
    health = health.failed(NOW, 0.5)
    assert health.circuit is Circuit.OPEN
    assert health.due_at() == NOW + FIRST_PROBE_SECONDS
    health = health.probed()
    assert health.circuit is Circuit.HALF_OPEN
    assert health.due_at() == math.inf, "one probe at a time"
    health = health.answered(NOW + 2, None)
    assert health.circuit is Circuit.CLOSED
    assert health.failures == 0


def test_each_probe_that_fails_doubles_the_interval_up_to_a_bound() -> None:
    health = CircuitHealth(heard_at=NOW)
    intervals = []
    for _ in range(6):
        health = health.failed(NOW, 0.5)
        intervals.append(health.due_at() - NOW)
        health = health.probed()
    assert intervals == [1.0, 2.0, 4.0, 8.0, LONGEST_PROBE_SECONDS, LONGEST_PROBE_SECONDS]


def test_many_threads_that_fail_at_once_are_one_failure() -> None:
    health = CircuitHealth(heard_at=NOW)
    for later in range(20):
        health = health.failed(NOW + later / 100, 0.5)
    assert health.failures == 1
    assert health.due_at() == NOW + FIRST_PROBE_SECONDS


def test_a_server_in_use_is_not_measured_and_a_quiet_one_is() -> None:
    health = CircuitHealth(heard_at=NOW).answered(NOW + 50, 0.01)
    assert health.due_at() == NOW + 50 + MEASURE_SECONDS
    assert health.probed().circuit is Circuit.CLOSED, "it is asked while it is measured"


def test_a_failure_while_it_is_measured_opens_it() -> None:
    health = CircuitHealth(heard_at=NOW).probed().failed(NOW, 0.0)
    assert health.circuit is Circuit.OPEN
    assert health.failed(NOW, 0.0) == health


@given(st.integers(1, 5000), st.floats(0, 1))
def test_the_probe_comes_within_its_bounds_however_long_the_server_is_gone(failures: int, jitter: float) -> None:
    health = CircuitHealth(heard_at=NOW, failures=failures - 1).failed(NOW, jitter)
    assert FIRST_PROBE_SECONDS / 2 <= health.due_at() - NOW <= LONGEST_PROBE_SECONDS * 1.5


@given(st.lists(st.floats(0.0001, 30), min_size=1))
def test_the_answer_time_is_an_average(seconds: list[float]) -> None:
    health = CircuitHealth(heard_at=NOW)
    for each in seconds:
        health = health.answered(NOW, each)
    assert health.answer_seconds is not None
    assert min(seconds) * 0.999 <= health.answer_seconds <= max(seconds) * 1.001
    assert health.patience_seconds() >= max(PATIENCE_SECONDS, health.answer_seconds)


@given(st.floats(0.0001, 30), st.floats(0.0001, 30))
def test_the_class_grows_with_the_time(one: float, other: float) -> None:
    first, second = (CircuitHealth(heard_at=NOW, answer_seconds=each).latency_class() for each in sorted((one, other)))
    assert 0 <= first <= second


def test_the_class_is_coarse_and_an_unknown_server_is_worth_a_try() -> None:
    classes = [
        CircuitHealth(heard_at=NOW, answer_seconds=each).latency_class() for each in (None, 0.001, 0.01, 0.02, 0.1)
    ]
    assert classes == [0, 0, 0, 1, 3]
