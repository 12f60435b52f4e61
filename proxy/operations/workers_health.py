"""`/livez`, `/readyz` and `/metrics` of several workers: the one that is asked asks all others, and speaks for all.

Each worker reports on a Unix socket in a folder that only the workers can enter. A counter belongs to one worker (label
``worker``, a number that is never used twice). So when a worker ends, or is replaced, no series goes backwards.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from proxy.operations.health import DRAINING, CheckState, Readiness, answering, traffic_answer
from proxy.operations.listening import HEALTH_SUFFIX

TIMEOUT_SECONDS = 2.0
"""How long a worker may take to report."""
Told = Mapping[str, Any]
"""What one worker answered to `/readyz`, as JSON."""


def create_workers_app(folder: Path, *, timeout_seconds: float = TIMEOUT_SECONDS) -> web.Application:
    """The application for `server.admin_listen` where workers have their sockets in `folder`."""

    async def readyz(request: web.Request) -> web.Response:
        merged = merge_readiness(await _told(folder, timeout_seconds))
        ready = merged["status"] != "unavailable"
        return web.json_response(merged, status=200 if ready else 503, headers={} if ready else {"Retry-After": "10"})

    async def takes_traffic(request: web.Request) -> web.Response:
        told = await _told(folder, timeout_seconds)
        return traffic_answer(takes_any=any(each and each["status"] != DRAINING for each in told.values()))

    async def show_metrics(request: web.Request) -> web.Response:
        told = await ask_all(folder, "/metrics", timeout_seconds)
        text = merge_metrics({number: body for number, body in told.items() if body is not None})
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return answering(readyz=readyz, takes_traffic=takes_traffic, show_metrics=show_metrics)


async def readiness_of_workers(folder: Path, *, now: float) -> Readiness:
    """What works, for all workers together."""
    return readiness_in(await _told(folder, TIMEOUT_SECONDS), now=now)


async def metrics_of_workers(folder: Path) -> dict[int, str | None]:
    """What each tells in `/metrics`, by its number; None: it did not answer."""
    return await ask_all(folder, "/metrics", TIMEOUT_SECONDS)


async def _told(folder: Path, timeout_seconds: float) -> dict[int, Told | None]:
    answers = await ask_all(folder, "/readyz", timeout_seconds)
    return {number: json.loads(body) if body else None for number, body in answers.items()}


def readiness_in(told: Mapping[int, Told | None], *, now: float) -> Readiness:
    """What `merge_readiness` says, and a failing check for each worker that does not answer. Pure."""
    merged = merge_readiness(told)
    checks = {
        name: CheckState(
            ok=check["ok"],
            detail=check["detail"],
            at=None if check["age_seconds"] is None else now - check["age_seconds"],
        )
        for name, check in merged["checks"].items()
    }
    for number, each in told.items():
        if each is None:
            checks[f"worker {number}"] = CheckState(ok=False, detail="it does not answer", at=now)
    return Readiness(ready=merged["status"] != "unavailable", degraded=merged["status"] != "ready", checks=checks)


def merge_readiness(told: Mapping[int, Told | None]) -> dict[str, Any]:
    """Ready if one worker that accepts connections is, degraded if not all are; None stands for no answer.

    A check is fine if it is fine for all of them.
    """
    words = {number: str(each["status"]) if each is not None else "silent" for number, each in told.items()}
    accepting = {word for word in words.values() if word != DRAINING}
    if not accepting & {"ready", "degraded"}:
        status = "unavailable"
    else:
        status = "ready" if accepting == {"ready"} else "degraded"
    checks: dict[str, Any] = {}
    for each in told.values():
        if each is not None and each["status"] != DRAINING:
            for name, check in each["checks"].items():
                if name not in checks or not check["ok"]:
                    checks[name] = check
    return {"status": status, "checks": checks, "workers": {str(number): word for number, word in words.items()}}


def merge_metrics(texts: Mapping[int, str]) -> bytes:
    """All samples in the Prometheus text format, each with its worker's number."""
    return generate_latest(_Told(texts))


class _Told(Collector):
    def __init__(self, texts: Mapping[int, str]) -> None:
        self._texts = texts

    def collect(self) -> Iterator[Metric]:
        merged: dict[str, Metric] = {}
        for number, text in self._texts.items():
            for family in text_string_to_metric_families(text):
                metric = merged.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                for sample in family.samples:
                    metric.add_sample(sample.name, {"worker": str(number), **sample.labels}, sample.value)
        yield from merged.values()


async def ask_all(folder: Path, path: str, timeout_seconds: float) -> dict[int, str | None]:
    """Each worker's answer, by its number; None if it is late. Workers without a socket are missing."""
    sockets = _sockets(folder)
    answers = await asyncio.gather(*(_ask(each, path, timeout_seconds) for each in sockets.values()))
    return dict(sorted(zip(sockets, answers, strict=True)))


def _sockets(folder: Path) -> dict[int, Path]:
    return {int(each.stem): each for each in folder.glob(f"*{HEALTH_SUFFIX}")}


async def _ask(path_of_socket: Path, path: str, timeout_seconds: float) -> str | None:
    connector = aiohttp.UnixConnector(str(path_of_socket))
    timeout = aiohttp.ClientTimeout(total=timeout_seconds)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as client,
            client.get(f"http://worker{path}") as answer,
        ):
            return await answer.text() if answer.status in (200, 503) else None
    except (aiohttp.ClientError, OSError, TimeoutError):
        return None
