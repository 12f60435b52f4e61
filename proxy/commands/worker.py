"""A worker: one process that serves, started by the supervisor.

It tells the supervisor when it is ready and that its event loop turns. It drains when it is told to, or when it cannot
go on, so that another takes its place. It ends at once when the supervisor is gone.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import signal
import socket
from contextlib import suppress
from pathlib import Path

import uvloop
from structlog.typing import FilteringBoundLogger

from config.problems import ConfigurationError, UnusableFile
from config.settings import Settings
from proxy.audit.event import AuditEvent
from proxy.operations.listening import Listening, WorkerPlace
from proxy.operations.log import ErrorLines, configure_log
from proxy.operations.steady_clock import Anchor, SteadyClock
from proxy.secrets.key_file import KeyFileError
from proxy.server import Gatepost, running
from proxy.supervisor.orders import (
    BEAT,
    BEAT_SECONDS,
    NOTE,
    PROBLEM,
    READY,
    RETIRE,
    STOP,
    WRONG_CONFIGURATION,
    WorkerOrder,
)

STOP_IDLE_SECONDS = 1.0
"""How long an idle connection may still bring a request when Gatepost ends. A worker that was replaced waits for its
usual time: there is no hurry then."""


def main(text: str) -> int:
    """Serve by a `WorkerOrder` in JSON; the exit code."""
    order = WorkerOrder(**json.loads(text))
    errors = ErrorLines()
    log = configure_log(errors=errors).bind(worker=order.number)
    settings = read_settings(order.settings)
    control = socket.socket(fileno=order.control)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # for the supervisor
    try:
        uvloop.run(_serve(order, settings, control, log, errors))
    except (ConfigurationError, UnusableFile, KeyFileError) as error:
        with suppress(OSError):
            control.sendall("".join(f"{PROBLEM} {line}\n" for line in str(error).splitlines()).encode())
        return WRONG_CONFIGURATION
    return 0


def read_settings(descriptor: int) -> Settings:
    """Without moving the file position, which all workers share."""
    content = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    os.close(descriptor)
    settings = pickle.loads(content)  # noqa: S301  # sealed memory that our own `proxy.commands.plan` wrote
    assert isinstance(settings, Settings)  # noqa: S101  # for the type checker
    return settings


async def _serve(
    order: WorkerOrder, settings: Settings, control: socket.socket, log: FilteringBoundLogger, errors: ErrorLines
) -> None:
    place = WorkerPlace(number=order.number, folder=Path(order.folder), listening=_listening(order))
    async with running(settings, log=log, clock=clock_of(order), place=place, errors=errors) as gatepost:
        # A copy, so that problems can still be reported when the event loop is gone.
        reader, writer = await asyncio.open_connection(sock=control.dup())
        writer.write(f"{READY}\n".encode())
        beating = asyncio.create_task(_beat(writer))
        try:
            await _until_over(gatepost, settings, reader)
        finally:
            beating.cancel()
            writer.close()


async def _until_over(gatepost: Gatepost, settings: Settings, reader: asyncio.StreamReader) -> None:
    """Return when requests in flight are done, or at once when the supervisor is gone."""
    idle_seconds = {STOP: STOP_IDLE_SECONDS, RETIRE: settings.server.keep_alive_timeout}
    drains: list[asyncio.Task[None]] = []
    is_drained = asyncio.Event()

    def drain(idle_grace: float) -> None:
        """Once more, with a shorter grace, where Gatepost ends while a worker retires; 0: at once."""
        grace = settings.server.drain_timeout if idle_grace else 0.0
        task = asyncio.create_task(gatepost.drain(grace, idle_grace=idle_grace))
        task.add_done_callback(lambda _: is_drained.set())
        drains.append(task)

    async def obey() -> None:
        async for line in reader:
            word, _, text = line.decode().strip().partition(" ")
            if word == NOTE:
                gatepost.recorder.record(AuditEvent(**json.loads(text)))
            else:
                drain(idle_seconds[word])

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, drain, STOP_IDLE_SECONDS)

    async def watch() -> None:
        await gatepost.failed.wait()
        drain(STOP_IDLE_SECONDS)

    watching = asyncio.create_task(watch())
    obeying, draining = asyncio.create_task(obey()), asyncio.create_task(is_drained.wait())
    await asyncio.wait((obeying, draining), return_when=asyncio.FIRST_COMPLETED)
    for task in (obeying, draining, watching):
        task.cancel()
    if not is_drained.is_set():
        drain(0.0)  # the next Gatepost wants the addresses
    await asyncio.gather(*drains)


def clock_of(order: WorkerOrder) -> SteadyClock:
    if order.clock is None:
        return SteadyClock()
    offset, right_since, settled_at = order.clock
    anchor = Anchor(offset=offset, right_since=right_since, settled_at=settled_at)
    return SteadyClock(anchor, apart=order.clock_apart)


def _listening(order: WorkerOrder) -> Listening:
    groups = (order.listen, order.redirect, order.admin, order.ssh)
    listen, redirect, admin, ssh = (tuple(socket.socket(fileno=each) for each in group) for group in groups)
    return Listening(listen=listen, redirect=redirect, admin=admin, ssh=ssh)


async def _beat(writer: asyncio.StreamWriter) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        writer.write(f"{BEAT}\n".encode())
