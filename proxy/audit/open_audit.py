"""From `[audit]` to a recorder that writes, in a worker or for one command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from structlog.typing import FilteringBoundLogger

from config.certificates import client_context
from config.settings import AuditSettings
from proxy.audit.chain_file import ChainFile
from proxy.audit.event import AuditEvent
from proxy.audit.person_keys import PersonKeys
from proxy.audit.recording import AuditRecorder, RecordingLimits
from proxy.audit.stdout import StdoutOutlet
from proxy.audit.syslog import SyslogLimits, SyslogOutlet
from proxy.operations.background import in_background
from proxy.operations.health import Check, Need
from proxy.operations.metrics import Metrics
from proxy.secrets.keys import Keys


class ServedAudit:
    """`Recorder`, whether an audit is configured or not."""

    def __init__(
        self,
        settings: AuditSettings,
        recorder: AuditRecorder | None = None,
        syslog: SyslogOutlet | None = None,
    ) -> None:
        self._settings = settings
        self._recorder = recorder
        self._syslog = syslog

    def record(self, event: AuditEvent) -> None:
        if self._recorder is not None:
            self._recorder.record(event)

    async def written(self) -> None:
        if self._recorder is not None:
            await self._recorder.written()

    async def flushed(self) -> None:
        """Wait until it is written, required or not. Raises `AuditUnavailable`."""
        if self._recorder is not None:
            await self._recorder.flushed()

    def checks(self) -> Iterator[tuple[str, Check]]:
        """For `/readyz`."""
        if self._recorder is None:
            return
        need = Need.ALWAYS if self._settings.required else Need.HELPFUL
        yield "audit", Check(need=need, ask=_asked(self._recorder, "events"))
        if self._syslog is not None:
            yield "audit syslog", Check(need=Need.HELPFUL, ask=_asked(self._syslog, "lines"))


def _asked(writer: AuditRecorder | SyslogOutlet, what: str) -> Callable[[], Awaitable[str | None]]:
    async def trouble() -> str | None:
        found = writer.trouble
        return None if found is None else f"{found} ({writer.waiting} {what} wait)"

    return trouble


@asynccontextmanager
async def serving_audit(
    settings: AuditSettings,
    person_keys: PersonKeys,
    keys: Keys,
    *,
    log: FilteringBoundLogger,
    clock: Callable[[], float],
    metrics: Metrics | None = None,
    for_command: bool = False,
    limits: RecordingLimits | None = None,
    syslog_limits: SyslogLimits | None = None,
) -> AsyncIterator[ServedAudit]:
    """Records until the block is left; then everything that waits is written, or said to be lost.

    `for_command`: nothing is taken or opened before the first event. Raises `UnusableFile`.
    """
    if not settings.is_on:
        yield ServedAudit(settings)
        return

    def told_gap(outlet: str) -> Callable[[int], None]:
        return lambda count: recorder.record(
            AuditEvent(event="audit.outlet_gap", facts={"outlet": outlet, "count": count})
        )

    async with AsyncExitStack() as stack:
        syslog = stdout = None
        if settings.syslog is not None:
            tls = client_context(settings.syslog_ca_file)
            syslog = SyslogOutlet(*settings.syslog, tls=tls, log=log, told_gap=told_gap("syslog"), limits=syslog_limits)
            await in_background(stack, syslog.run, log)
            stack.push_async_callback(syslog.drained)
        if settings.stdout:
            stdout = StdoutOutlet(told_gap=told_gap("stdout"))
            await in_background(stack, stdout.run, log)
            stack.push_async_callback(stdout.drained)
        recorder = AuditRecorder(
            person_keys=person_keys,
            keys=keys,
            log=log,
            clock=clock,
            file=None if settings.file is None else ChainFile(settings.file),
            required=settings.required,
            outlets=tuple(each for each in (syslog, stdout) if each is not None),
            metrics=metrics,
            limits=limits,
        )
        if metrics is not None:
            metrics.watch_audit_waiting(lambda: recorder.waiting)
        task = asyncio.create_task(recorder.run(at_once=not for_command))
        try:
            yield ServedAudit(settings, recorder, syslog)
        finally:
            recorder.end()
            with suppress(TimeoutError):
                async with asyncio.timeout((limits or RecordingLimits()).closing_seconds):
                    await task
            await recorder.close()
