"""The benchmarks measure what works: every proxy answers each kind of load rightly. No time is asserted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import delivery, own_costs, report
from benchmarks.load import request_bytes, transfer
from benchmarks.processes import program
from benchmarks.results import Results
from benchmarks.scenarios import SCENARIOS, Sample, check, idle_tunnels
from benchmarks.stage import BARE, GATEPOST, HAPROXY, NGINX, NGINX_AUTH, NGINX_AUTH_THERE, Stage, set_stage

BYTES = 5_000_000


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    if program("nginx") is None or program("taskset") is None:
        pytest.skip("the benchmarks need nginx and taskset")
    with set_stage(large_bytes=BYTES) as everything:
        yield everything


@pytest.mark.parametrize("name", [GATEPOST, NGINX, NGINX_AUTH, NGINX_AUTH_THERE, HAPROXY, BARE])
def test_every_proxy_answers_each_load_alike(stage: Stage, name: str) -> None:
    if name not in stage.proxies:
        pytest.skip(f"{name} is not installed")
    check(stage, stage.proxies[name])


def test_a_large_file_comes_through_whole(stage: Stage) -> None:
    request = request_bytes("GET", "/large", "files.localhost", stage.cookies["files.localhost"])
    assert transfer(stage.proxies[GATEPOST].port, request)[1] == BYTES


def test_idle_tunnels_are_opened_and_closed(stage: Stage) -> None:
    assert idle_tunnels(stage, GATEPOST, 5) >= 0


def test_a_whole_sign_in_is_played(stage: Stage) -> None:
    assert own_costs.sign_ins(stage, 1).requests >= 6


def test_sessions_are_stored_and_each_is_looked_up(stage: Stage) -> None:
    found = own_costs.sessions(stage, 40)
    assert found.first_look_up_rate > 0
    assert found.known_rate > 0


def test_a_token_is_forwarded_like_a_cookie(stage: Stage) -> None:
    found = own_costs.clients(stage, 1, 2000)
    assert found.ratio > 0


def test_passcodes_are_sent_through_both_relays() -> None:
    found = delivery.measured(0.5, 10_000)
    assert found.sent == 83
    assert all(found.by_relay)
    assert "### Passcodes through two relays" in report.markdown(Results(passcodes=found))


def test_the_report_shows_each_scenario_and_leaves_out_what_was_not_measured() -> None:
    sample = Sample(rate=1000.0, cpu_seconds=1e-5, p50=1e-4, p99=1e-3)
    results = Results(samples={each.name: {NGINX: [sample], GATEPOST: [sample]} for each in SCENARIOS})
    text = report.markdown(results)
    assert all(each.title[1:] in text for each in SCENARIOS)
    assert "not measured" in text
