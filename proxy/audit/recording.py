"""Has what is recorded written by one background task, a batch at a time (`chain_writer`).

`record` only puts an event into a queue. What cannot be written waits there, up to a bound; what is beyond it is
counted, and told by a line once there is room again. Lines leave for syslog and standard output when they are on the
disk.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from config.system_errors import file_reason
from proxy.audit.chain_file import ChainFile
from proxy.audit.chain_writer import ChainWriter, LineOutlet
from proxy.audit.event import AuditEvent
from proxy.audit.lines import DROPPED, REMOVED, AnchorReason
from proxy.audit.person_keys import PersonKeys
from proxy.audit.recorder import AuditUnavailable
from proxy.operations.metrics import Metrics
from proxy.operations.store_errors import StoreError
from proxy.secrets.keys import Keys

_HANGS_SECONDS = 30.0
"""So long an event waits only if a disk or a store hangs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingLimits:
    most_waiting: int = 10_000
    """Events that wait for the disk or the store."""
    batch: int = 500
    retry_seconds: float = 1.0
    written_seconds: float = 10.0
    """How long `written` waits."""
    closing_seconds: float = 5.0
    anchor_seconds: float = 3600.0


class AuditRecorder:
    """`Recorder`, while `run` runs."""

    def __init__(
        self,
        *,
        person_keys: PersonKeys,
        keys: Keys,
        log: FilteringBoundLogger,
        clock: Callable[[], float],
        file: ChainFile | None = None,
        required: bool = False,
        outlets: tuple[LineOutlet, ...] = (),
        metrics: Metrics | None = None,
        limits: RecordingLimits | None = None,
    ) -> None:
        """No `file`: lines go to the outlets alone."""
        self._chain = ChainWriter(person_keys=person_keys, keys=keys, clock=clock, file=file, outlets=outlets)
        self._log = log
        self._clock = clock
        self._file = file
        self._required = required
        self._metrics = metrics
        self._limits = limits or RecordingLimits()
        self._waiting: deque[tuple[float, AuditEvent]] = deque()
        self._batch = self._limits.batch
        self._recorded = self._written = self._dropped = 0
        self._trouble: str | None = None
        self._is_ending = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.get_ident()
        self._woken = asyncio.Event()
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    def record(self, event: AuditEvent) -> None:
        if len(self._waiting) >= self._limits.most_waiting:
            self._dropped += 1
            self._count("dropped", 1)
            return
        self._waiting.append((self._clock(), event))
        self._recorded += 1
        if self._loop is None or threading.get_ident() == self._thread:
            self._woken.set()
        else:  # a thread of the directory's or the store's
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._woken.set)

    async def written(self) -> None:
        if self._required:
            await self.flushed()

    async def flushed(self) -> None:
        """Wait until all that was recorded so far is written. Raises `AuditUnavailable`."""
        if self._trouble is not None:
            raise AuditUnavailable(self._trouble)
        is_dropped = self._dropped > 0  # perhaps the one that this waits for
        if self._written < self._recorded:
            await self._reached(self._recorded)
        if is_dropped:
            raise AuditUnavailable("more happens than can be written")

    async def _reached(self, number: int) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((number, future))
        try:
            async with asyncio.timeout(self._limits.written_seconds):
                await future
        except TimeoutError:
            raise AuditUnavailable(f"not written within {self._limits.written_seconds:g} s") from None

    @property
    def trouble(self) -> str | None:
        """Why nothing can be written now."""
        waited = self._clock() - self._waiting[0][0] if self._waiting else 0.0
        hangs = f"nothing was written for {waited:.0f} s" if waited > _HANGS_SECONDS else None
        return self._trouble or hangs

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return len(self._waiting)

    async def run(self, *, at_once: bool = True) -> None:
        """Until `end`. Not `at_once`: the chain is taken when there is something to write."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        pause: float | None = None if not at_once else 0.0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            self._woken.clear()
            is_last = self._is_ending
            if is_last and not self._waiting and not self._chain.is_begun:
                return
            try:
                while await self._write_batch():
                    pass
                if is_last:
                    await self._chain.write([], AnchorReason.END)
                self._works()
                pause = max(0.0, self._chain.anchored_at + self._limits.anchor_seconds - self._clock())
            except (OSError, StoreError) as error:
                self._fails(error)
                pause = self._limits.retry_seconds
            except Exception as error:  # noqa: BLE001  # the border of a background task: sign-ins may depend on the next try
                self._log.exception("audit.failed")
                self._fails(error)
                self._pass_over()
                pause = self._limits.retry_seconds
            if is_last:
                return

    def end(self) -> None:
        """Let `run` write what waits, sign it and return; it tries once."""
        self._is_ending = True
        self._woken.set()

    async def close(self) -> None:
        """After `run`."""
        await self._chain.close()
        if self._waiting:
            self._log.error("audit.lost", events=len(self._waiting) + self._dropped, reason=self._trouble or "")

    async def _write_batch(self) -> bool:
        """What waits, or an anchor that is due; whether more waits."""
        now = self._clock()
        if not self._chain.is_begun:
            await self._chain.take()
        count = min(len(self._waiting), self._batch)
        events = [self._waiting[index] for index in range(count)]
        dropped = self._dropped if count == len(self._waiting) else 0
        if dropped:
            events.append((now, AuditEvent(event=DROPPED, facts={"count": dropped})))
        is_due = abs(now - self._chain.anchored_at) >= self._limits.anchor_seconds
        if events or is_due:
            removes = any(event.event == REMOVED for _, event in events)
            anchor = AnchorReason.REMOVAL if removes else AnchorReason.HOUR if is_due else None
            await self._chain.write(events, anchor)
            self._dropped -= dropped
            for _ in range(count):
                self._waiting.popleft()
            self._written += count
            self._count("written", count)
            self._tell_waiters()
        return bool(self._waiting)

    def _pass_over(self) -> None:
        """After an unforeseen error: one event that nobody can write must not keep all others from being written."""
        if self._batch == 1 and self._waiting:
            self._waiting.popleft()
            self._dropped += 1
            self._written += 1
            self._count("dropped", 1)
        self._batch = 1

    def _works(self) -> None:
        self._batch = self._limits.batch
        if self._trouble is not None:
            self._trouble = None
            self._log.info("audit.works")

    def _fails(self, error: Exception) -> None:
        if isinstance(error, OSError) and self._file is not None:
            base = self._file.base
            reason = f"{base.parent}: {file_reason(base, error)}"
        elif isinstance(error, StoreError):
            reason = f"the store does not give the keys of persons: {error}"
        else:
            reason = f"an unforeseen error: {type(error).__name__}"
        if self._trouble != reason:
            self._log.error("audit.cannot_write", reason=reason, waiting=len(self._waiting))
        self._trouble = reason
        for _, future in self._waiters:
            if not future.done():
                future.set_exception(AuditUnavailable(reason))
        self._waiters = []

    def _tell_waiters(self) -> None:
        for number, future in self._waiters:
            if number <= self._written and not future.done():
                future.set_result(None)
        self._waiters = [each for each in self._waiters if not each[1].done()]

    def _count(self, outcome: str, count: int) -> None:
        if self._metrics is not None and count:
            self._metrics.count_audit(outcome, count)
