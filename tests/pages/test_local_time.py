"""Instants in words: the day only where it is not today, and nothing is said to be over before it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from proxy.pages.local_time import brief_text

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "12:00"),
        (1, "12:01"),
        (9_300, "14:35"),
        (43_200, "00:00 tomorrow"),
        (95_700, "14:35 tomorrow"),
        (182_100, "14:35 on 2 December"),
        (40 * 86_400, "12:00 on 9 January 2027"),
        (-43_201, "00:00"),
        (-86_400, "12:00 yesterday"),
        (1e18, ""),
    ],
)
def test_an_instant_is_said_as_people_say_it(seconds: float, text: str) -> None:
    assert brief_text(NOON + seconds, NOON, zone=UTC) == text


def test_the_day_is_that_of_the_time_zone() -> None:
    west = timezone(timedelta(hours=-11))
    assert brief_text(NOON + 43_200, NOON, zone=west) == "13:00"
