"""`/livez`, `/readyz` and `/metrics` on their own listener: what works, and nothing about persons.

Each dependency is checked in the background at an interval. So a probe costs nothing, and nobody can use it to hammer a
domain controller. Ages are seconds; a result older than three intervals no longer counts as good.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from structlog.typing import FilteringBoundLogger

from proxy.operations.metrics import Metrics

INTERVAL_SECONDS = 10.0
TIMEOUT_SECONDS = 8.0
_STALE_AFTER_INTERVALS = 3
TRAFFIC = "/readyz/traffic"
"""Whether this node takes connections, whatever else is broken: without that, no other node would do better."""
DRAINING = "draining"
"""The status of a process that takes no more connections and ends once its requests in flight are done."""

Ask = Callable[[], Awaitable[str | None]]
"""None if the dependency works, else a sentence on what is wrong, without anything personal."""
Clock = Callable[[], float]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Need(Enum):
    """What the failure of a dependency means for people."""

    ALWAYS = "always"
    """Nobody can be served without it: the store."""
    ONE_OF_THEM = "one of them"
    """People can sign in while one of these works: the directories."""
    HELPFUL = "helpful"
    """Gatepost is degraded without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    need: Need
    ask: Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """The newest result of one check."""

    need: Need = Need.HELPFUL
    ok: bool
    detail: str
    at: float | None
    """When it ended; None before the first result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    ready: bool
    degraded: bool
    """Ready, but something is broken."""
    checks: Mapping[str, CheckState]


READINESS: web.AppKey[Callable[[], Readiness]] = web.AppKey("readiness")
"""What the checks of a health application say now."""


def judge_readiness(states: Mapping[str, CheckState], *, now: float, stale_after_seconds: float) -> Readiness:
    """Ready if everything works that is always needed, and at least one of those of which one is needed.

    A relay that is down only degrades: signed-in people continue to work, and the sign-in page says so.
    """
    judged = {}
    for name, state in states.items():
        stale = state.at is not None and now - state.at > stale_after_seconds
        judged[name] = (
            replace(state, ok=False, detail="the last answer is too old: the check hangs") if stale else state
        )
    always = [state.ok for state in judged.values() if state.need is Need.ALWAYS]
    one_of_them = [state.ok for state in judged.values() if state.need is Need.ONE_OF_THEM]
    ready = all(always) and (any(one_of_them) or not one_of_them)
    return Readiness(ready=ready, degraded=not all(state.ok for state in judged.values()), checks=judged)


def create_health_app(
    checks: Mapping[str, Check],
    metrics: Metrics,
    clock: Clock,
    *,
    log: FilteringBoundLogger,
    interval_seconds: float = INTERVAL_SECONDS,
    timeout_seconds: float = TIMEOUT_SECONDS,
    is_draining: Callable[[], bool] = lambda: False,
) -> web.Application:
    """The application for `server.admin_listen`; the checks run while it does."""
    states = {
        name: CheckState(need=check.need, ok=False, detail="not checked yet", at=None) for name, check in checks.items()
    }

    async def keep_checking(name: str, check: Check) -> None:
        while True:
            wrong = await _answer(check.ask, timeout_seconds)
            # Once for each change, so that an outage is in the log even if nobody signs in.
            if wrong is not None and wrong != states[name].detail:
                log.warning("dependency.fails", check=name, reason=wrong)
            elif wrong is None and states[name].at is not None and not states[name].ok:
                log.info("dependency.works", check=name)
            states[name] = CheckState(need=check.need, ok=wrong is None, detail=wrong or "", at=clock())
            await asyncio.sleep(interval_seconds)

    async def background(app: web.Application) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(keep_checking(*each)) for each in checks.items()]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def readiness_now(now: float) -> Readiness:
        stale_after = _STALE_AFTER_INTERVALS * interval_seconds + timeout_seconds
        return judge_readiness(states, now=now, stale_after_seconds=stale_after)

    async def readyz(request: web.Request) -> web.Response:
        now = clock()
        readiness = readiness_now(now)
        status = "unavailable" if not readiness.ready else "degraded" if readiness.degraded else "ready"
        if is_draining():
            status = DRAINING
        body = {
            "status": status,
            "checks": {
                name: {
                    "ok": state.ok,
                    "detail": state.detail,
                    "age_seconds": None if state.at is None else round(max(now - state.at, 0.0), 1),
                }
                for name, state in readiness.checks.items()
            },
        }
        accepts = readiness.ready and status != DRAINING
        headers = {} if accepts else {"Retry-After": str(round(interval_seconds) or 1)}
        return web.json_response(body, status=200 if accepts else 503, headers=headers)

    async def takes_traffic(request: web.Request) -> web.Response:
        return traffic_answer(takes_any=not is_draining())

    async def show_metrics(request: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    metrics.dependencies.watch_readiness(lambda: readiness_now(clock()))
    app = answering(readyz=readyz, takes_traffic=takes_traffic, show_metrics=show_metrics)
    app[READINESS] = lambda: readiness_now(clock())
    app.cleanup_ctx.append(background)
    return app


def answering(*, readyz: Handler, takes_traffic: Handler, show_metrics: Handler) -> web.Application:
    """These at their paths, and `/livez`: the supervisor ends workers that hang."""

    async def livez(request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    app = web.Application(middlewares=[_plainly])
    for path, handler in (("/livez", livez), ("/readyz", readyz), (TRAFFIC, takes_traffic), ("/metrics", show_metrics)):
        app.router.add_get(path, handler)
    return app


def traffic_answer(*, takes_any: bool) -> web.Response:
    """For load balancers: even if something that all nodes share is down, signed-in people can continue."""
    return web.Response(text="ok\n") if takes_any else web.Response(text=f"{DRAINING}\n", status=503)


async def _answer(ask: Ask, timeout_seconds: float) -> str | None:
    try:
        async with asyncio.timeout(timeout_seconds):
            return await ask()
    except TimeoutError:
        return f"no answer within {timeout_seconds:g} seconds"
    except Exception as error:  # noqa: BLE001  # the border of a background task: a check that breaks is not ok
        return f"the check failed: {type(error).__name__}"  # its message may hold more than a probe should show


@web.middleware
async def _plainly(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A middleware: nobody may cache these answers, or guess their type."""
    response = await handler(request)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
