"""What log, audit, metrics and `/readyz` are told of a rung: once of all workers, and again after nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from structlog.testing import CapturingLogger

from config.settings import Settings
from proxy.audit.audited_log import audited
from proxy.degrade.keep_degrade import KeptDegrade, keep_degrade
from proxy.operations.metrics import Metrics
from proxy.store.contract import Store
from tests.portal.stage import NOW, portal_settings
from tests.support.eventually import eventually
from tests.support.kept_events import KeptEvents
from tests.support.memory_store import MemoryStore
from tests.support.rungs import begun_rung

RUNGS = [{"name": "closed", "what": "closed"}, {"name": "remembered", "what": "remembered"}]


class Clock:
    def __init__(self) -> None:
        self.now = NOW


class Worker:
    def __init__(self, kept: KeptDegrade, recorder: KeptEvents, logger: CapturingLogger, metrics: Metrics) -> None:
        self.kept = kept
        self.recorder = recorder
        self.metrics = metrics
        self._logger = logger

    @property
    def events(self) -> list[dict[str, Any]]:
        return [dict(call.kwargs) for call in self._logger.calls]


@asynccontextmanager
async def worker(settings: Settings, store: Store, clock: Clock) -> AsyncIterator[Worker]:
    logger, recorder, metrics = CapturingLogger(), KeptEvents(), Metrics()
    log = structlog.wrap_logger(logger, wrapper_class=structlog.make_filtering_bound_logger(0), processors=[])
    both = audited(log, recorder)
    async with AsyncExitStack() as stack:
        kept = await keep_degrade(stack, settings, store.rungs, metrics=metrics, log=both, clock=lambda: clock.now)
        yield Worker(kept, recorder, logger, metrics)


async def test_two_workers_tell_once_that_a_rung_began_and_that_it_ended(tmp_path: Path) -> None:
    settings, store, clock = portal_settings(tmp_path, degrade=RUNGS), MemoryStore(), Clock()
    async with worker(settings, store, clock) as one, worker(settings, store, clock) as two:
        both = (one, two)

        def told() -> list[dict[str, Any]]:
            return [event for each in both for event in each.events]

        await store.rungs.put_rung(begun_rung("closed", by="anna (as root)", reason="incident 7"), seen=None)
        await eventually(lambda: all(each.kept.board.known(NOW).closed for each in both), seconds=1)
        await eventually(told)
        for each in both:
            assert 'gatepost_degraded{rung="closed"} 1.0' in each.metrics.render().decode()
            assert 'gatepost_degraded{rung="remembered"} 0.0' in each.metrics.render().decode()
            trouble = await each.kept.check.ask()
            assert trouble == '"closed" has been in force since 2027-01-15T08:00:00Z and ends at 2027-01-15T09:00:00Z'
        clock.now = NOW + 3600
        assert [await each.kept.check.ask() for each in both] == [None, None]
        assert 'gatepost_degraded{rung="closed"} 0.0' in one.metrics.render().decode()
        await eventually(lambda: len(told()) == 2)
        await asyncio.gather(*(each.kept.board.look() for each in both))
    begun = {"rung": "closed", "what": "closed", "until": "2027-01-15T09:00:00Z", "again": "no"}
    ended = {"rung": "closed", "what": "closed", "why": "its_time"}
    assert told() == [
        {"event": "degrade.begun", **begun, "by": "anna (as root)", "reason": "incident 7"},
        {"event": "degrade.ended", **ended, "by": ""},
    ]
    recorded = [event for each in both for event in each.recorder.events]
    assert [(each.event, each.facts, each.personal) for each in recorded] == [
        ("degrade.begun", begun, {"by": "anna (as root)", "reason": "incident 7"}),
        ("degrade.ended", ended, {}),
    ]


async def test_who_ended_it_before_its_time_is_told_by_a_worker_that_starts_later(tmp_path: Path) -> None:
    settings, store, clock = portal_settings(tmp_path, degrade=RUNGS), MemoryStore(), Clock()
    rung = begun_rung("closed", at=NOW - 60, ended_at=NOW - 1, ended_by="bob")
    await store.rungs.put_rung(rung, seen=None)
    async with worker(settings, store, clock) as late:
        await eventually(lambda: len(late.events) == 2)
    assert [(each["event"], each["by"]) for each in late.events] == [
        ("degrade.begun", "anna"),
        ("degrade.ended", "bob"),
    ]
    async with worker(settings, store, clock) as later:
        await later.kept.board.look()
    assert later.events == []


async def test_a_rung_that_the_configuration_lost_is_not_in_force_and_that_is_told(tmp_path: Path) -> None:
    settings, store, clock = portal_settings(tmp_path), MemoryStore(), Clock()
    await store.rungs.put_rung(begun_rung("closed"), seen=None)
    async with worker(settings, store, clock) as without:
        await eventually(lambda: without.events)
        assert without.kept.board.known(NOW).closed is None
        assert "not in force" in (await without.kept.check.ask() or "")
    assert [each["event"] for each in without.events] == ["degrade.not_configured"]


async def test_without_the_store_what_was_known_stands_until_its_end(tmp_path: Path) -> None:
    settings, store, clock = portal_settings(tmp_path, degrade=RUNGS), MemoryStore(), Clock()
    await store.rungs.put_rung(begun_rung("closed"), seen=None)
    async with worker(settings, store, clock) as one:
        store.away = True
        assert not await one.kept.board.look()
        assert one.kept.board.known(NOW + 3599.9).closed is not None
        assert one.kept.board.known(NOW + 3600).closed is None
        assert (await one.kept.board.at(NOW)).closed is not None


async def test_a_worker_starts_without_the_store(tmp_path: Path) -> None:
    store = MemoryStore()
    store.away = True
    async with worker(portal_settings(tmp_path, degrade=RUNGS), store, Clock()) as one:
        assert one.kept.board.known(NOW).rungs == ()
