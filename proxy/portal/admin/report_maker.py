"""Makes and keeps the report on mobile fields: one at a time on all nodes, sealed in the store, gone after an hour.

So every worker shows the same one. It is personal data, so it is encrypted under the master key.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import pickle
import re
import secrets
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from config.environment import PREFIX
from config.settings import ActiveDirectorySettings, Settings
from proxy.help_desk.number_sweeps import MOST_SWEEPS, SweepCountStore, counted
from proxy.operations.store_errors import StoreError
from proxy.portal.admin.report import Report, Unreadable, unpack
from proxy.portal.admin.report_process import FAILED, SECONDS, Order
from proxy.secrets.keys import Keys, Purpose
from proxy.secrets.sealing import seal_bytes, unseal_by_any
from proxy.sessions.kept_requests import KeptRequestStore
from proxy.sessions.lease import LEASE_SECONDS, TURN_SECONDS, LeaseStore
from proxy.sign_in.reported_numbers import NumberReports, ReportedNumberStore

KEPT_SECONDS = 3600.0
CHANGED_WITHIN_SECONDS = 7 * 86_400.0
"""What the report calls changed recently, as `gatepost mobiles` does."""
MOST_SEALED_BYTES = 8 * 1024 * 1024
GRACE_SECONDS = 15.0
"""After its own end a process is ended from outside."""
_LEASE = "mobiles"
_REPORT, _PROGRESS = (hashlib.sha256(f"mobiles {name}".encode()).digest() for name in ("report", "progress"))
CODE = Path(__file__).parents[3]
"""The folder of the packages that this process runs."""
_LONGEST_REASON = 300
_BROKEN = "see the log"
_TOO_LONG = f"it took longer than {SECONDS} seconds"
_KIND = re.compile(r"([A-Za-z_][A-Za-z0-9_.]{0,80}(?:Error|Exception|Interrupt))(?::|$)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportProgress:
    """What is under way, or failed last."""

    begun_at: float
    failure: str = ""
    """Empty while it is being made."""


class ReportStore(Protocol):
    """What keeping a report takes."""

    @property
    def kept_requests(self) -> KeptRequestStore: ...

    @property
    def leases(self) -> LeaseStore: ...

    @property
    def reported_numbers(self) -> ReportedNumberStore: ...

    @property
    def sweeps(self) -> SweepCountStore: ...


class ReportMaker:
    def __init__(
        self,
        settings: Settings,
        store: ReportStore,
        keys: Keys,
        *,
        log: FilteringBoundLogger,
        clock: Callable[[], float],
        patience_seconds: float = SECONDS + GRACE_SECONDS,
        code: Path = CODE,
    ) -> None:
        """`patience_seconds`: after these the process is ended from outside. `code`: the folder of the packages that it
        runs."""
        self._settings = settings
        self._store = store
        self._keys = keys
        self._log = log
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._code = code
        self._making: asyncio.Task[None] | None = None

    @property
    def domains(self) -> dict[str, str]:
        """The DNS names of the Active Directory domains, by realm."""
        directories = self._settings.directories
        return {each.name: each.domain for each in directories if isinstance(each, ActiveDirectorySettings)}

    async def report(self, *, now: float) -> Report | None:
        """The one that is kept, or None. Raises `StoreUnavailable`."""
        opened = self._opened(_REPORT, await self._store.kept_requests.kept_request(_REPORT, now=now))
        if opened is None:
            return None
        try:
            return await asyncio.to_thread(unpack, opened)
        except Unreadable:
            return None

    async def progress(self, *, now: float) -> ReportProgress | None:
        opened = self._opened(_PROGRESS, await self._store.kept_requests.kept_request(_PROGRESS, now=now))
        if opened is None:
            return None
        with contextlib.suppress(ValueError, TypeError):
            progress = ReportProgress(**json.loads(opened))
            # The worker that was making it may have been killed.
            if progress.failure or await self._store.leases.is_leased(_LEASE, now=now, seconds=LEASE_SECONDS):
                return progress
        return None

    async def begin(self, *, now: float) -> None:
        """Begin one in the background, unless one is under way somewhere. Raises `StoreUnavailable`."""
        holder = secrets.token_hex(16)
        if not await self._lease(holder, now):
            return
        try:
            await self.tell(ReportProgress(begun_at=now))
        except StoreError:
            await self._store.leases.drop_lease(_LEASE, holder)
            raise
        self._making = asyncio.create_task(self._make(holder, now))
        await asyncio.sleep(0)  # once it has begun, even its cancellation cleans up

    async def settled(self) -> None:
        """Return when nothing is being made in this process."""
        if self._making is not None:
            await asyncio.gather(self._making, return_exceptions=True)

    async def close(self) -> None:
        if self._making is not None:
            self._making.cancel()
        await self.settled()

    async def _make(self, holder: str, begun_at: float) -> None:
        """A background task, and its border: any failure is reported, and the next one may begin."""
        holding = asyncio.create_task(self._hold(holder))
        try:
            failure = await self._swept(begun_at)
            if failure:
                self._log.warning("mobiles.failed", reason=failure)
                await self.tell(ReportProgress(begun_at=begun_at, failure=failure))
            else:
                await self._store.kept_requests.take_kept_request(_PROGRESS, now=self._clock())
        except asyncio.CancelledError:
            with contextlib.suppress(StoreError):
                await self._store.kept_requests.take_kept_request(_PROGRESS, now=self._clock())
            raise
        except Exception:  # noqa: BLE001  # the border of a background task: told and logged
            self._log.exception("mobiles.failed")
            with contextlib.suppress(StoreError):
                await self.tell(ReportProgress(begun_at=begun_at, failure=_BROKEN))
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)
            with contextlib.suppress(StoreError):
                await self._store.leases.drop_lease(_LEASE, holder)

    async def _hold(self, holder: str) -> None:
        """Prolong the lease, until cancelled: if this worker is killed, it ends within seconds."""
        while True:
            await asyncio.sleep(TURN_SECONDS)
            with contextlib.suppress(StoreError):
                await self._lease(holder, self._clock())

    async def _lease(self, holder: str, now: float) -> bool:
        return await self._store.leases.take_lease(_LEASE, holder, now=now, seconds=LEASE_SECONDS)

    async def _swept(self, begun_at: float) -> str:
        """Make and keep a report; what failed, or nothing."""
        reported = {each.guid: each for each in await self._store.reported_numbers.reported_numbers()}
        order = Order(
            directories=self._settings.directories,
            mobile=self._settings.mobile,
            now=begun_at,
            changed_within_seconds=CHANGED_WITHIN_SECONDS,
            reported=NumberReports(reported=reported, key=self._keys.derive(Purpose.THROTTLE), now=begun_at),
        )
        # -P: the working directory, which may hold anything, is not searched for modules.
        arguments = (sys.executable, "-P", "-m", "proxy.portal.admin.report_process")
        # Nor may another copy of Gatepost be found before this one.
        before = os.environ.get("PYTHONPATH")
        # What it needs is in the order: of Gatepost's own settings, the master key among them, it is told nothing.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        environ = {**kept, "PYTHONPATH": os.pathsep.join(filter(None, (str(self._code), before)))}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*arguments, env=environ, stdin=pipe, stdout=pipe, stderr=pipe)
        try:
            async with asyncio.timeout(self._patience_seconds):
                packed, said = await process.communicate(pickle.dumps(order))
        except TimeoutError:
            return _TOO_LONG
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        lines = said.decode(errors="replace").strip().splitlines() or [""]
        if process.returncode == FAILED:
            return lines[-1][:_LONGEST_REASON]
        if process.returncode == -signal.SIGALRM:
            return _TOO_LONG
        if process.returncode:
            # Of a traceback no more than the kind of error: messages may hold what was read, on several lines.
            kind = _KIND.match(lines[-1])
            return f"its process failed ({process.returncode}{f', {kind[1]}' if kind else ''})"
        if len(packed) > MOST_SEALED_BYTES:
            return "it is too large to be kept: use gatepost mobiles"
        await self.keep(packed, begun_at=begun_at)
        with contextlib.suppress(Unreadable):
            summary = (await asyncio.to_thread(unpack, packed)).summary
            await self._store.sweeps.put_sweep(counted(summary), most=MOST_SWEEPS)
        return ""

    async def keep(self, packed: bytes, *, begun_at: float) -> None:
        """In place of the report before, for every worker and node."""
        await self._put(_REPORT, packed, expires_at=begun_at + KEPT_SECONDS)

    async def tell(self, progress: ReportProgress) -> None:
        """To every worker and node, until it would have ended by itself."""
        content = json.dumps({"begun_at": progress.begun_at, "failure": progress.failure}).encode()
        await self._put(_PROGRESS, content, expires_at=progress.begun_at + SECONDS + 2 * GRACE_SECONDS)

    async def _put(self, name: bytes, content: bytes, *, expires_at: float) -> None:
        """In place of what was there under this name."""
        sealed = seal_bytes(self._keys.derive(Purpose.REPORTS), content, bound_to=name)
        await self._store.kept_requests.take_kept_request(name, now=self._clock())
        await self._store.kept_requests.put_kept_request(name, sealed, expires_at=expires_at)

    def _opened(self, name: bytes, sealed: bytes | None) -> bytes | None:
        if sealed is None:
            return None
        return unseal_by_any(self._keys.accepted(Purpose.REPORTS), sealed, bound_to=name)
