"""What `/metrics` holds is bounded, whatever people type; and what blocks the event loop is seen."""

from __future__ import annotations

import asyncio
import time

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from config.settings import MobileSettings
from directory.mobile import E164, countries_of, country_of
from proxy.operations.loop_lag import watch_loop
from proxy.operations.metrics import Metrics
from proxy.operations.traffic_metrics import ANSWER_SECONDS, AppTraffic


def series(metrics: Metrics) -> int:
    families = text_string_to_metric_families(metrics.render().decode())
    return sum(len(family.samples) for family in families)


def test_nothing_that_people_choose_adds_a_series() -> None:
    """A realm and a country are the only labels that a person has a say in: names of apps are those configured."""
    metrics = Metrics(realms=["corp"], countries=["GB", "IM"])
    for realm in ("corp", "elsewhere"):
        metrics.count_sign_in("unknown_user", realm)
    for country in ("GB", "IM", "", "FR"):
        metrics.count_taken("kapow", country)
    before = series(metrics)
    for number in range(1000):
        metrics.count_sign_in("unknown_user", f"realm-{number}\n")
        metrics.count_taken("kapow", f"{number}")
        metrics.count_entered("kapow", f"country {number}")
    assert series(metrics) == before


def test_where_every_country_is_allowed_they_are_still_countries() -> None:
    every = countries_of(MobileSettings(home_region="GB", allowed_countries=("*",)))
    assert {"GB", "FR"} <= every
    assert len(every) < 300
    assert countries_of(MobileSettings(home_region="GB", allowed_countries=("GB", "JE"))) == {"GB", "JE"}


def test_the_country_of_a_number_is_its_own_and_not_that_of_its_code_where_it_is_known() -> None:
    assert country_of(E164("+447400123456")) == "GB"
    assert country_of(E164("+447797123456")) == "JE"
    assert country_of(E164("+441111111")) == "GB"  # an extra range may be known to nobody but the operator


@given(st.lists(st.floats(0, 100)))
def test_each_answer_is_in_one_bucket(taken: list[float]) -> None:
    traffic = AppTraffic()
    for seconds in taken:
        traffic.note_answer(seconds)
    assert sum(traffic.timed) == len(taken)
    for position, bound in enumerate(ANSWER_SECONDS):
        assert sum(traffic.timed[: position + 1]) == sum(seconds <= bound for seconds in taken)


async def test_what_blocks_the_event_loop_shows_as_its_lag() -> None:
    lags: list[float] = []
    told = asyncio.Event()

    def note(seconds: float) -> None:
        lags.append(seconds)
        told.set()

    watching = asyncio.create_task(watch_loop(note, interval_seconds=0.01))
    await asyncio.wait_for(told.wait(), 5)
    told.clear()
    time.sleep(0.1)  # noqa: ASYNC251  # this is what blocks it
    await asyncio.wait_for(told.wait(), 5)
    watching.cancel()
    assert lags[1] >= 0.05
