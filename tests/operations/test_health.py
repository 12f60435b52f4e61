"""Health and metrics on their own listener: bounded, quick, and nothing about persons."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from config.settings import StoreSettings
from proxy.operations.health import Ask, Check, CheckState, Need, create_health_app, judge_readiness
from proxy.operations.log import configure_log
from proxy.operations.metrics import Metrics
from proxy.server import readiness_checks
from proxy.store.open import open_store


class Dependency:
    """A check whose answer the test sets, and which says when it was asked."""

    def __init__(self, answer: str | BaseException | None = None) -> None:
        self.answer = answer
        self.asked = 0
        self._changed = asyncio.Condition()

    async def __call__(self) -> str | None:
        async with self._changed:
            self.asked += 1
            self._changed.notify_all()
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    async def was_asked(self, times: int = 1) -> None:
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: self.asked >= times), 5)
        await asyncio.sleep(0)  # let the answer be stored


NEEDS = {"store": Need.ALWAYS, "directory corp": Need.ONE_OF_THEM, "directory local": Need.ONE_OF_THEM}


@asynccontextmanager
async def served(
    asked: Mapping[str, Ask], metrics: Metrics | None = None, **options: Any
) -> AsyncIterator[TestClient[Any, Any]]:
    options.setdefault("log", configure_log(io.StringIO()))
    checks = {name: Check(need=NEEDS.get(name, Need.HELPFUL), ask=ask) for name, ask in asked.items()}
    app = create_health_app(checks, metrics or Metrics(), options.pop("clock", time.time), **options)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_live_means_only_that_it_answers() -> None:
    async with served({"store": Dependency("away")}) as client:
        answer = await client.get("/livez")
        assert (answer.status, await answer.text()) == (200, "ok\n")
        assert answer.headers["Cache-Control"] == "no-store"


async def test_ready_tells_each_check_with_its_age() -> None:
    now = [1000.0]
    checks = {"store": Dependency(), "directory corp": Dependency(), "relay": Dependency()}
    async with served(checks, clock=lambda: now[0]) as client:
        for check in checks.values():
            await check.was_asked()
        now[0] += 2.25
        answer = await client.get("/readyz")
        assert answer.status == 200
        assert await answer.json() == {
            "status": "ready",
            "checks": {name: {"ok": True, "detail": "", "age_seconds": 2.2} for name in checks},
        }


async def test_nothing_is_ready_before_the_first_results() -> None:
    never = asyncio.Event()

    async def hangs() -> str | None:
        await never.wait()
        return None

    async with served({"store": hangs}) as client:
        answer = await client.get("/readyz")
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "10"
        assert (await answer.json())["checks"]["store"] == {
            "ok": False,
            "detail": "not checked yet",
            "age_seconds": None,
        }


@pytest.mark.parametrize(
    ("store", "first", "second", "relay", "status", "word"),
    [
        (None, None, None, None, 200, "ready"),
        (None, None, "down", None, 200, "degraded"),
        (None, None, None, "down", 200, "degraded"),
        (None, "down", "down", None, 503, "unavailable"),
        ("locked", None, None, None, 503, "unavailable"),
    ],
)
async def test_the_store_and_one_directory_are_needed(
    store: str | None, first: str | None, second: str | None, relay: str | None, status: int, word: str
) -> None:
    answers = {"store": store, "directory corp": first, "directory local": second, "relay": relay}
    checks = {name: Dependency(answer) for name, answer in answers.items()}
    async with served(checks) as client:
        for check in checks.values():
            await check.was_asked()
        answer = await client.get("/readyz")
        body = await answer.json()
        assert (answer.status, body["status"]) == (status, word)
        assert {name: each["detail"] for name, each in body["checks"].items()} == {
            name: detail or "" for name, detail in answers.items()
        }


async def test_a_check_that_breaks_is_not_ok_and_its_message_is_kept_back() -> None:
    check = Dependency(RuntimeError("bind as alice with hunter2"))
    async with served({"store": check}) as client:
        await check.was_asked()
        answer = await client.get("/readyz")
        assert (await answer.json())["checks"]["store"]["detail"] == "the check failed: RuntimeError"


async def test_the_log_tells_each_change_once() -> None:
    lines = io.StringIO()
    check = Dependency("connection refused")
    async with served({"relay": check}, log=configure_log(lines, human=False), interval_seconds=0.001):
        await check.was_asked(5)
        check.answer = None
        await check.was_asked(check.asked + 5)
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [(line["event"], line["check"], line.get("reason")) for line in told] == [
        ("dependency.fails", "relay", "connection refused"),
        ("dependency.works", "relay", None),
    ]


async def test_a_store_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "state.db"
    store = open_store(StoreSettings(url=f"sqlite:{path}"))
    try:
        wrong = await readiness_checks(store, [], None, throttle=None, clock=None)["store"].ask()  # type: ignore[arg-type]
    finally:
        await store.close()
    assert wrong == f"{path}: there is no folder {path.parent}"


async def test_a_check_that_hangs_is_given_up() -> None:
    async def hangs() -> str | None:
        await asyncio.Event().wait()
        return None

    after = Dependency()

    async def hangs_then_tells() -> str | None:
        try:
            return await hangs()
        finally:
            await after()

    async with served({"store": hangs_then_tells}, timeout_seconds=0.05) as client:
        await after.was_asked()
        async with asyncio.timeout(5):
            while "no answer within" not in (
                detail := (await (await client.get("/readyz")).json())["checks"]["store"]["detail"]
            ):
                assert detail == "not checked yet"


async def test_traffic_is_taken_until_it_drains_whatever_is_away() -> None:
    drains: list[bool] = []
    check = Dependency("away")
    async with served({"store": check}, is_draining=lambda: bool(drains)) as client:
        await check.was_asked()
        assert (await client.get("/readyz")).status == 503
        assert (await client.get("/readyz/traffic")).status == 200
        drains.append(True)
        assert (await client.get("/readyz/traffic")).status == 503


async def test_probes_do_not_ask_the_dependencies() -> None:
    check = Dependency()
    async with served({"store": check}) as client:
        await check.was_asked()
        for _ in range(20):
            await client.get("/readyz")
        assert check.asked == 1


async def test_a_dependency_that_comes_back_is_noticed() -> None:
    check = Dependency("away")
    async with served({"store": check}, interval_seconds=0.02) as client:
        await check.was_asked()
        check.answer = None
        await check.was_asked(check.asked + 2)
        assert (await client.get("/readyz")).status == 200


@given(st.floats(0, 1e6))
def test_a_good_answer_counts_only_while_it_is_fresh(age: float) -> None:
    states = {"store": CheckState(need=Need.ALWAYS, ok=True, detail="", at=1e6 - age)}
    assert judge_readiness(states, now=1e6, stale_after_seconds=38).ready == (1e6 - (1e6 - age) <= 38)


async def test_metrics_hold_outcomes_and_configured_names() -> None:
    metrics = Metrics(realms=("corp",))
    metrics.count_sign_in("signed_in", "corp")
    metrics.count_sign_in("refused", "alice@evil.example")
    metrics.count_passcode("accepted")
    metrics.count_refusal("not_allowed")
    traffic = metrics.traffic.of("Wiki")
    traffic.by_class[2] += 3
    traffic.by_class[5] += 1
    traffic.upstream_failures += 1
    metrics.watch_live_sessions(lambda: 7)
    metrics.watch_client_connections(lambda: 9)
    async with served({}, metrics) as client:
        answer = await client.get("/metrics")
        text = await answer.text()
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    for line in (
        'gatepost_sign_ins_total{outcome="signed_in",realm="corp"} 1.0',
        'gatepost_sign_ins_total{outcome="refused",realm="other"} 1.0',
        'gatepost_passcodes_sent_total{outcome="accepted"} 1.0',
        'gatepost_refusals_total{problem="not_allowed"} 1.0',
        'gatepost_forwarded_requests_total{app="Wiki",status="2xx"} 3.0',
        'gatepost_forwarded_requests_total{app="Wiki",status="5xx"} 1.0',
        'gatepost_upstream_failures_total{app="Wiki"} 1.0',
        "gatepost_live_sessions 7.0",
        "gatepost_client_connections 9.0",
    ):
        assert line in text
    assert "alice" not in text


async def test_metrics_say_what_readyz_says_of_each_check() -> None:
    metrics, store, relay, slow = Metrics(), Dependency(), Dependency("away"), asyncio.Event()

    async def hang() -> str | None:
        await slow.wait()
        return None

    async with served({"store": store, "relay": relay, "slow": hang}, metrics) as client:
        await store.was_asked()
        await relay.was_asked()
        text = await (await client.get("/metrics")).text()
    assert "gatepost_ready 1.0" in text
    assert 'gatepost_check_ok{check="store"} 1.0' in text
    assert 'gatepost_check_ok{check="relay"} 0.0' in text
    assert 'check="slow"' not in text  # nobody knows yet


def test_two_processes_worth_of_metrics_do_not_meet() -> None:
    first, second = Metrics(), Metrics()
    first.count_passcode("accepted")
    assert b"gatepost_passcodes_sent_total{" not in second.render()


def test_the_same_app_counts_in_one_place() -> None:
    metrics = Metrics()
    assert metrics.traffic.of("Wiki") is metrics.traffic.of("Wiki")
