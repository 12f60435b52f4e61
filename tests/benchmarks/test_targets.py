"""The numbers to reach: what counts as met, and that a missed one leads to its explanation. No time is asserted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.figures import MEBIBYTE
from benchmarks.own_costs import ACTIVE_DIRECTORY, Clients, Sessions, SignIns
from benchmarks.report import targets
from benchmarks.results import Results
from benchmarks.scenarios import Sample
from benchmarks.sign_in import BARE_LOOP, BEST_LOOP, Contest
from benchmarks.stage import BARE, GATEPOST, NGINX, NGINX_AUTH_THERE
from benchmarks.targets import TARGETS

TLS_ONLY = [each for each in TARGETS if "TLS" in each.what]
PAGE = Path(__file__).parents[2] / "docs" / "performance.md"


def sample(rate: float, cpu: float = 1e-5, *, p99: float = 1e-3, growth: float = 0.0) -> list[Sample]:
    return [Sample(rate=rate, cpu_seconds=cpu, p99=p99, memory_growth=growth)]


def results(better: float) -> Results:
    """Of a Gatepost that is so many times as good as the worst that would do."""
    transfer = {GATEPOST: sample(95 * better, growth=33 * MEBIBYTE / better), NGINX: sample(100)}
    worst = 120 * MEBIBYTE / better
    return Results(
        samples={
            "small": {
                GATEPOST: sample(80 * better, 9.3e-6 + 2.7e-6 / better),
                NGINX: sample(100),
                NGINX_AUTH_THERE: sample(64),
                BARE: sample(100, 9e-6),
            },
            "tls": {GATEPOST: sample(80 * better), NGINX: sample(100)},
            **{name: transfer for name in ("download", "download-1g", "upload", "upload-1g")},
            "latency": {GATEPOST: sample(50, p99=3e-3 / better), NGINX: sample(100, p99=3e-3)},
        },
        tunnel_bytes={GATEPOST: 8192 / better},
        sessions=Sessions(
            at_rest=90 * MEBIBYTE / better,
            with_stored=worst,
            after_use=worst,
            first_look_up_rate=8000 * better,
            first_look_up_cpu=1e-4,
            known_rate=1.0,
            known_cpu=1e-5,
            count=100_000,
        ),
        clients=Clients(cookie_cpu=1e-5, bearer_cpu=1e-5, ratio=1.05 / better, rounds=1),
        sign_ins={ACTIVE_DIRECTORY: SignIns(cpu_seconds=0.012 / better, requests=7)},
        contest=Contest(
            rates={GATEPOST: [95 * better] * 3, BEST_LOOP: [100.0] * 3, BARE_LOOP: [30.0] * 3},
            costs={GATEPOST: [1.0] * 3},
        ),
    )


@pytest.mark.parametrize(
    "target", [each for each in TARGETS if "passcodes" not in each.what], ids=lambda each: each.what
)
def test_each_target_is_met_above_its_bound_and_missed_below(target: object) -> None:
    assert isinstance(target, type(TARGETS[0]))
    above, below = target.measured(results(1.1)), target.measured(results(0.9))
    assert above is not None
    assert below is not None
    assert (above.is_met, below.is_met) == (True, False)


def test_nothing_is_said_of_what_was_not_measured() -> None:
    assert all(target.measured(Results()) is None for target in TARGETS)
    assert targets(Results()).count("not measured") == len(TARGETS)


def test_one_of_two_transfers_is_not_both() -> None:
    half = Results(samples={"download": {GATEPOST: sample(1), NGINX: sample(1)}})
    assert all(target.measured(half) is None for target in TARGETS)


def test_a_missed_target_leads_to_its_explanation() -> None:
    """Every one that may be missed, and its heading is on the page."""
    headings = set(re.findall(r"^#+ (.+)$", PAGE.read_text(), re.MULTILINE))
    assert {target.section for target in TARGETS} <= headings
    assert "| **no**: [First look-ups](#first-look-ups)" in targets(results(0.9))
    assert "**no**" not in targets(results(1.1))


def test_cpu_stands_beside_a_ratio_of_rates() -> None:
    rounds = {GATEPOST: sample(50, 2e-5), NGINX: sample(100, 1.5e-5)}
    assert "| 0.50 x (0.75 by CPU) |" in targets(Results(samples={"tls": rounds}), TLS_ONLY)
