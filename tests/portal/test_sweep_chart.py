"""The small chart of numbers that cannot be used: every sweep within the picture, and the same in a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.help_desk.number_sweeps import SweepCount
from proxy.portal.admin.sweep_chart import HEIGHT, MOST_DRAWN, WIDTH, chart_of

NOW = 1_800_000_000.0


def sweeps(*unusable: int) -> list[SweepCount]:
    return [SweepCount(made_at=NOW + number, persons=100_000, unusable=each) for number, each in enumerate(unusable)]


def test_it_goes_from_left_to_right_and_more_is_higher() -> None:
    chart = chart_of(sweeps(10, 5, 0), now=NOW + 9)
    assert chart is not None
    assert chart.points == ((8, 8), (300, 60), (592, 112))
    assert chart.line == "8,8 300,60 592,112"
    assert [unusable for _, _, unusable in chart.rows] == [0, 5, 10]
    assert "Of the last 3 reports, the first counted 10" in chart.said
    assert "the last 0, and none more than 10." in chart.said


@pytest.mark.parametrize("count", [0, 1])
def test_one_sweep_moves_nothing(count: int) -> None:
    assert chart_of(sweeps(*[3] * count), now=NOW) is None


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=80))
def test_every_sweep_is_within_the_picture(unusable: list[int]) -> None:
    chart = chart_of(sweeps(*unusable), now=NOW + 99)
    assert chart is not None
    assert len(chart.points) == len(chart.rows) == min(len(unusable), MOST_DRAWN)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in chart.points)
    assert [x for x, _ in chart.points] == sorted({x for x, _ in chart.points})
