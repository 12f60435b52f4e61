"""Instants on pages: in UTC for who has no script, exact where the wait is short."""

import pytest

from proxy.pages.instants import instant, instant_in

NOON = 1_800_014_400.0
"""2027-01-15 12:00:00 UTC."""


@pytest.mark.parametrize(
    ("seconds", "now", "clock", "iso", "wait"),
    [
        (5, NOON, "12:00:05 UTC", "2027-01-15T12:00:05Z", "5 seconds"),
        (90, NOON + 0.5, "12:01:31 UTC", "2027-01-15T12:01:31Z", "90 seconds"),
        (91, NOON, "12:02 UTC", "2027-01-15T12:02:00Z", "2 minutes"),
        (1860, NOON + 1, "12:32 UTC", "2027-01-15T12:32:00Z", "31 minutes"),
        (86_400, NOON, "2027-01-16 12:00 UTC", "2027-01-16T12:00:00Z", "24 hours"),
    ],
)
def test_a_wait_ends_at_an_instant(seconds: int, now: float, clock: str, iso: str, wait: str) -> None:
    told = instant_in(seconds, now)
    assert (told.clock, told.iso, told.relative) == (clock, iso, wait)


def test_who_comes_at_the_instant_that_was_told_is_never_too_early() -> None:
    for seconds in range(1, 400):
        assert instant_in(seconds, NOON + 0.3).iso >= instant(NOON + 0.3 + seconds, NOON).iso


def test_an_instant_has_a_time_of_day() -> None:
    assert instant(NOON + 299, NOON).clock == "12:04 UTC"
