"""`/readyz` and `/metrics` speak for all workers, whichever is asked."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from proxy.operations.health import CheckState
from proxy.operations.metrics import Metrics
from proxy.operations.workers_health import create_workers_app, merge_readiness, readiness_in
from tests.processes.house import workers_house

FINE = {"ok": True, "detail": "", "age_seconds": 1.0}
AWAY = {"ok": False, "detail": "away", "age_seconds": 1.0}


def told(status: str, **checks: Any) -> dict[str, Any]:
    return {"status": status, "checks": checks}


@pytest.mark.parametrize(
    ("workers", "status", "checks"),
    [
        ([told("ready", store=FINE), told("ready", store=FINE)], "ready", {"store": FINE}),
        ([told("ready", store=FINE), told("degraded", store=AWAY)], "degraded", {"store": AWAY}),
        ([told("ready", store=FINE), told("unavailable", store=AWAY)], "degraded", {"store": AWAY}),
        ([told("ready", store=FINE), None], "degraded", {"store": FINE}),
        ([told("ready", store=FINE), told("draining", store=AWAY)], "ready", {"store": FINE}),
        ([told("unavailable", store=AWAY)], "unavailable", {"store": AWAY}),
        ([told("draining", store=FINE)], "unavailable", {}),
        ([None], "unavailable", {}),
        ([], "unavailable", {}),
    ],
)  # fmt: skip
def test_ready_is_where_one_worker_is(workers: list[Any], status: str, checks: dict[str, Any]) -> None:
    merged = merge_readiness(dict(enumerate(workers, 1)))
    assert (merged["status"], merged["checks"]) == (status, checks)


def test_the_admin_pages_see_what_fails_for_any_worker_and_who_is_silent() -> None:
    seen = readiness_in(
        {1: told("ready", store=FINE, relay=FINE), 2: told("degraded", store=FINE, relay=AWAY), 3: None}, now=100.0
    )
    assert (seen.ready, seen.degraded) == (True, True)
    assert seen.checks == {
        "store": CheckState(ok=True, detail="", at=99.0),
        "relay": CheckState(ok=False, detail="away", at=99.0),
        "worker 3": CheckState(ok=False, detail="it does not answer", at=100.0),
    }
    unasked = readiness_in({1: told("unavailable", store={"ok": False, "detail": "", "age_seconds": None})}, now=100.0)
    assert (unasked.ready, unasked.checks["store"].at) == (False, None)
    assert not readiness_in({1: told("ready", store=FINE)}, now=100.0).degraded
    assert not readiness_in({}, now=100.0).ready


@asynccontextmanager
async def workers_in(
    folder: Path, *all_metrics: Metrics, timeout_seconds: float = 30.0
) -> AsyncIterator[TestClient[Any, Any]]:
    async with AsyncExitStack() as stack:
        for number, metrics in enumerate(all_metrics, 1):

            async def show(request: web.Request, metrics: Metrics = metrics) -> web.Response:
                return web.Response(body=metrics.render())

            app = web.Application()
            app.router.add_get("/metrics", show)
            runner = web.AppRunner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.UnixSite(runner, str(folder / f"{number}.health")).start()
        yield await stack.enter_async_context(
            TestClient(TestServer(create_workers_app(folder, timeout_seconds=timeout_seconds)))
        )


async def test_each_sample_names_its_worker(tmp_path: Path) -> None:
    first, second = Metrics(realms=("corp",)), Metrics(realms=("corp",))
    for metrics, count in ((first, 3), (second, 4)):
        metrics.traffic.of("Wiki").by_class[2] += count
        metrics.traffic.of("Wiki").note_answer(0.07)
        metrics.count_sign_in("signed_in", "corp")
    second.count_refusal("not_allowed")
    async with workers_in(tmp_path, first, second) as client:
        text = await (await client.get("/metrics")).text()
    for line in (
        "# TYPE gatepost_forwarded_requests_total counter",
        'gatepost_forwarded_requests_total{app="Wiki",status="2xx",worker="1"} 3.0',
        'gatepost_forwarded_requests_total{app="Wiki",status="2xx",worker="2"} 4.0',
        "# TYPE gatepost_upstream_answer_seconds histogram",
        'gatepost_upstream_answer_seconds_bucket{app="Wiki",le="0.05",worker="1"} 0.0',
        'gatepost_upstream_answer_seconds_bucket{app="Wiki",le="0.1",worker="1"} 1.0',
        'gatepost_upstream_answer_seconds_count{app="Wiki",worker="2"} 1.0',
        'gatepost_sign_ins_total{outcome="signed_in",realm="corp",worker="1"} 1.0',
        'gatepost_refusals_total{problem="not_allowed",worker="2"} 1.0',
    ):
        assert line in text.splitlines()
    assert text.count("# TYPE gatepost_forwarded_requests_total") == 1


@asynccontextmanager
async def telling(folder: Path, *words: str) -> AsyncIterator[TestClient[Any, Any]]:
    """Workers that say so of themselves."""
    async with AsyncExitStack() as stack:
        for number, word in enumerate(words, 1):

            async def show(request: web.Request, word: str = word) -> web.Response:
                return web.json_response(told(word), status=200 if word == "ready" else 503)

            app = web.Application()
            app.router.add_get("/readyz", show)
            runner = web.AppRunner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.UnixSite(runner, str(folder / f"{number}.health")).start()
        yield await stack.enter_async_context(TestClient(TestServer(create_workers_app(folder, timeout_seconds=30.0))))


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["ready", "ready"], 200),
        (["unavailable", "unavailable"], 200),
        (["draining", "unavailable"], 200),
        (["draining", "draining"], 503),
        ([], 503),
    ],
)
async def test_traffic_is_taken_as_long_as_one_worker_does_not_drain(
    tmp_path: Path, words: list[str], status: int
) -> None:
    async with telling(tmp_path, *words) as client:
        assert (await client.get("/readyz/traffic")).status == status


async def test_a_worker_that_says_nothing_is_left_out(tmp_path: Path) -> None:
    deaf = socket.socket(socket.AF_UNIX)
    deaf.bind(str(tmp_path / "2.health"))
    deaf.listen()
    (tmp_path / "3.health").touch()  # of one that was killed
    metrics = Metrics()
    metrics.count_passcode("accepted")
    with deaf:
        async with workers_in(tmp_path, metrics, timeout_seconds=2.0) as client:
            assert 'worker="1"' in await (await client.get("/metrics")).text()
            answer = await client.get("/readyz")
            assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
            assert (await client.get("/livez")).status == 200


def test_the_one_that_is_asked_tells_of_all_workers(tmp_path: Path) -> None:
    with workers_house(tmp_path) as house:

        def told_by_one(path: str) -> bytes:
            connection = http.client.HTTPConnection(*house.admin, timeout=10)
            with closing(connection):
                connection.request("GET", path)
                return connection.getresponse().read()

        assert set(json.loads(told_by_one("/readyz"))["workers"]) == {"1", "2"}
        os.kill(house.workers[0], signal.SIGKILL)
        ended = house.wait_for("worker.ended")["worker"]
        house.wait_for("worker.ready")
        assert set(json.loads(told_by_one("/readyz"))["workers"]) == {"1", "2", "3"} - {str(ended)}
        assert b'gatepost_live_sessions{worker="3"} 0.0' in told_by_one("/metrics")
