"""From a configuration file to workers that serve it, and from one configuration to the next.

It is deliberately small: it imports the standard library and the log, reads no configuration and holds no secret. A
child reads and checks the file and leaves the settings, with their secrets, in a sealed piece of memory (memfd) that
only workers read. So a restarted worker has the configuration in force, whatever the file says by then. A new
configuration comes into force in three steps: it is read without a problem, its addresses are open, and all of its
workers serve. Then the old workers drain. If any step fails, everything stays as it was.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from proxy.operations.listening import Listening, name_of
from proxy.operations.steady_clock import SteadyClock
from proxy.supervisor.children import Child, Children
from proxy.supervisor.fleet import CannotStart, Fleet, Limits
from proxy.supervisor.listening_sockets import CannotOpen, ListeningSockets
from proxy.supervisor.orders import RETIRE, STOP, WRONG_CONFIGURATION, Outline, Plan, WorkerOrder
from proxy.supervisor.planning import PlanRefused, make_plan
from proxy.supervisor.systemd import SystemdNotifier, activated_sockets, watchdog_seconds

WORKER = "proxy.commands.worker"
TICK_SECONDS = 1.0
_MOST_LATE = 5.0
"""If its own timer is later than this, the supervisor was stopped itself and cannot say that its workers hang."""


@dataclass(slots=True, kw_only=True)
class _Reign:
    """One configuration in force."""

    outline: Outline
    listening: Listening
    settings: int
    """The memfd."""
    fleet: Fleet


class Supervisor:
    """`run` it once, in the main thread of its own process."""

    def __init__(self, config: Path, *, log: FilteringBoundLogger, environ: Mapping[str, str]) -> None:
        self._config = config
        self._log = log
        self._notifier = SystemdNotifier(environ.get("NOTIFY_SOCKET"))
        self._watchdog = watchdog_seconds(environ, os.getpid())
        self._listeners = ListeningSockets(activated_sockets(environ, os.getpid()))
        self._children = Children()
        self._reign: _Reign | None = None
        self._leaving: dict[asyncio.Task[None], Fleet] = {}
        """Fleets that drain, each by what waits for it."""
        self._clock = SteadyClock()
        self._last_number = 0
        self._wakes = asyncio.Event()
        self._must_stop = False
        self._must_reload = False
        self._must_end = False
        """Asked twice to stop: at once."""

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT; the exit code."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._children.reap)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_terminate)
        with tempfile.TemporaryDirectory(prefix="gatepost-") as folder:
            self._folder = Path(folder)
            watching = [asyncio.create_task(each) for each in (self._watch(), self._clock.keep(self._log))]
            try:
                return await self._serve()
            finally:
                for each in watching:
                    each.cancel()
                self._listeners.close()

    async def _serve(self) -> int:
        starting = asyncio.create_task(self._first_reign())
        if not await self._unless_stopped(starting):
            await self._stop()
            return 0
        try:
            starting.result()
        except PlanRefused as refused:
            for problem in refused.problems:
                print(problem, file=sys.stderr)
            return WRONG_CONFIGURATION
        while not self._must_stop:
            if self._must_reload:
                self._must_reload = False
                await self._unless_stopped(asyncio.create_task(self._reload()))
            else:
                await self._woken()
        await self._stop()
        return 0

    async def _first_reign(self) -> None:
        plan, settings = await make_plan(self._config, self._children)
        for warning in plan.warnings:
            print(f"{self._config}: warning: {warning}", file=sys.stderr)
        reign = self._reign = self._prepared(plan, settings)
        try:
            await reign.fleet.start(must_start=False)
        except CannotStart as failure:
            raise PlanRefused(self._lines(failure.problems)) from failure
        ssh = [f"{host}:{port}" for host, port in map(name_of, reign.listening.ssh)]
        self._log.info(
            "server.started",
            listen=[f"{host}:{port}" for host, port in map(name_of, reign.listening.listen)],
            admin=[f"{host}:{port}" for host, port in map(name_of, reign.listening.admin)],
            **({"ssh": ssh} if ssh else {}),
            workers=reign.outline.workers,
        )
        reign.fleet.have_recorded("server.started", workers=reign.outline.workers)
        self._notifier.ready(self._status())

    async def _reload(self) -> None:
        """A rolling restart with the configuration as it is now; if that is wrong, only a line in the log."""
        self._log.info("server.reloading")
        self._notifier.reloading()
        try:
            await self._next_reign()
        except PlanRefused as refused:
            self._log.error("server.reload_refused", problems=list(refused.problems))
            self._have_recorded("server.reload_refused", problems=len(refused.problems))
            self._notifier.ready(f"{self._status()}; the configuration before the last reload is in force")
        else:
            changed = self._reign.outline.changed if self._reign is not None else ()
            self._log.info("server.reloaded", changed=list(changed))
            self._have_recorded("server.reloaded", changed=", ".join(changed))
            self._notifier.ready(self._status())

    async def _next_reign(self) -> None:
        before = self._reign
        assert before is not None  # noqa: S101  # for the type checker
        outline = before.outline
        plan, settings = await make_plan(
            self._config, self._children, rehearsal=outline.rehearsal, tables=outline.tables
        )
        for warning in plan.warnings:
            self._log.warning("configuration.warning", warning=warning)
        reign = self._prepared(plan, settings)
        try:
            await reign.fleet.start(must_start=True)
        except BaseException as failure:
            # The old workers never stopped serving: nothing has to be put back but the addresses.
            await reign.fleet.kill()
            os.close(settings)
            self._listeners.keep(before.outline)
            if isinstance(failure, CannotStart):
                raise PlanRefused(self._lines(failure.problems)) from failure
            raise
        self._reign = reign
        self._listeners.keep(reign.outline)
        self._let_go(before, RETIRE)

    def _prepared(self, plan: Plan, settings: int) -> _Reign:
        """All that workers need. Raises `PlanRefused`."""
        outline = plan.outline
        assert outline is not None  # noqa: S101  # for the type checker
        try:
            listening = self._listeners.open(outline)
        except CannotOpen as failure:
            os.close(settings)
            raise PlanRefused(self._lines(failure.problems)) from failure
        fleet = Fleet(
            outline.workers,
            start_worker=partial(self._start_worker, listening, settings),
            limits=Limits(drain=outline.drain_seconds),
            log=self._log,
            chance=random.random,
            forget=self._remove_sockets,
        )
        return _Reign(outline=outline, listening=listening, settings=settings, fleet=fleet)

    async def _start_worker(self, listening: Listening, settings: int) -> tuple[int, Child]:
        self._last_number += 1
        number, anchor = self._last_number, self._clock.anchor
        groups = (listening.listen, listening.redirect, listening.admin, listening.ssh)
        listen, redirect, admin, ssh = (tuple(each.fileno() for each in group) for group in groups)
        order = partial(
            WorkerOrder, number=number, settings=settings, folder=str(self._folder),
            listen=listen, redirect=redirect, admin=admin, ssh=ssh,
            clock=(anchor.offset, anchor.right_since, anchor.settled_at), clock_apart=self._clock.apart,
        )  # fmt: skip
        return number, await self._children.start(WORKER, order, (settings, *listen, *redirect, *admin, *ssh))

    def _remove_sockets(self, number: int) -> None:
        """Remove the sockets of a worker that is gone: a killed one leaves them behind."""
        for left in self._folder.glob(f"{number}.*"):
            left.unlink()

    async def _stop(self) -> None:
        self._log.info("server.stopping")
        self._have_recorded("server.stopping")
        self._notifier.stopping()
        self._listeners.close()  # before the workers close theirs, so that they still take the waiting connections
        for fleet in self._leaving.values():
            fleet.tell(STOP)  # nobody is left to take over their idle connections
        if self._reign is not None:
            self._let_go(self._reign, STOP)
        # A second signal ends the wait. `_end` then kills what is left.
        waiting = set(self._leaving)
        while waiting and not self._must_end:
            waiting = await self._first_of(waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        self._log.info("server.stopped")

    def _let_go(self, reign: _Reign, word: str) -> None:
        leaving = asyncio.create_task(self._end(reign, word))
        self._leaving[leaving] = reign.fleet
        leaving.add_done_callback(self._leaving.pop)

    async def _end(self, reign: _Reign, word: str) -> None:
        try:
            await reign.fleet.leave(word)
        finally:
            await reign.fleet.kill()
            os.close(reign.settings)

    async def _unless_stopped(self, task: asyncio.Task[None]) -> bool:
        """Wait for it; False if this process has to stop: then it was given up."""
        while not task.done() and not self._must_stop:
            await self._first_of({task})
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return False
        return True

    async def _first_of(self, tasks: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
        """Wait until one of them is done, or this process is told something; those that are not done."""
        waking = asyncio.create_task(self._woken())
        _, waiting = await asyncio.wait((*tasks, waking), return_when=asyncio.FIRST_COMPLETED)
        waking.cancel()
        return waiting - {waking}

    async def _woken(self) -> None:
        await self._wakes.wait()
        self._wakes.clear()

    def _on_hangup(self) -> None:
        self._must_reload = True
        self._wakes.set()

    def _on_terminate(self) -> None:
        # The second time it is meant: at once.
        self._must_end = self._must_stop
        self._must_stop = True
        self._wakes.set()

    async def _watch(self) -> None:
        """End workers that hang; tell systemd that Gatepost is alive while one of them is."""
        seconds = TICK_SECONDS if self._watchdog is None else min(TICK_SECONDS, self._watchdog / 3)
        loop = asyncio.get_running_loop()
        while True:
            slept_at = loop.time()
            await asyncio.sleep(seconds)
            reign = self._reign
            if reign is None or loop.time() - slept_at > seconds + _MOST_LATE:
                continue
            reign.fleet.end_those_that_hang()
            if reign.fleet.answers:
                self._notifier.is_alive()

    def _have_recorded(self, name: str, **facts: str | int) -> None:
        """For the audit."""
        if self._reign is not None:
            self._reign.fleet.have_recorded(name, **facts)

    def _status(self) -> str:
        assert self._reign is not None  # noqa: S101  # for the type checker
        serving = self._reign.fleet.serving
        return "1 worker serves" if serving == 1 else f"{serving} workers serve"

    def _lines(self, problems: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"{self._config}: {each}" for each in problems)
