"""What is old goes: files whose time is over, on each node, and keys of months that are past, once for all nodes.

That a file goes is recorded, and written, before it is done. The event names the last line that goes, so `verify` tells
a file that went in its time from one that somebody took away. Keys that are wrapped by a master key that was replaced
are wrapped again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from config.settings import AuditSettings
from config.system_errors import file_reason
from proxy.audit.chain_file import lock_path, read_tail, try_lock
from proxy.audit.event import AuditEvent
from proxy.audit.files import AuditFile, audit_files, old_files, old_months
from proxy.audit.lines import REMOVED, read_line
from proxy.audit.open_audit import ServedAudit
from proxy.audit.person_keys import PersonKeys
from proxy.operations.store_errors import StoreError

_LOOK_SECONDS = 3600.0


class AuditUpkeep:
    def __init__(
        self,
        settings: AuditSettings,
        person_keys: PersonKeys,
        audit: ServedAudit,
        *,
        log: FilteringBoundLogger,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._person_keys = person_keys
        self._audit = audit
        self._log = log
        self._clock = clock

    async def keep_files(self) -> None:
        """Of this node, until cancelled."""
        await self._hourly(self.look_at_files)

    async def keep_keys(self) -> None:
        """Of all nodes, until cancelled."""
        await self._hourly(self.look_at_keys)

    async def _hourly(self, look: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await look()
            except StoreError:  # `AuditUnavailable` is one
                pass  # told in /readyz; nothing is lost by looking later
            except Exception:  # noqa: BLE001  # the border of a background task: the next look may succeed
                self._log.exception("audit.upkeep_failed")
            await asyncio.sleep(_LOOK_SECONDS)

    async def look_at_keys(self) -> None:
        """Raises `StoreError` and `AuditUnavailable`."""
        await self._person_keys.wrap_again()
        months = await self._person_keys.months()
        for month in old_months(months, now=self._clock(), keep_seconds=self._settings.keep):
            count = await self._person_keys.erase_month(month)
            self._audit.record(AuditEvent(event="audit.keys_removed", facts={"month": month, "count": count}))
            self._log.info("audit.keys_removed", month=month, count=count)

    async def look_at_files(self) -> None:
        """Raises `AuditUnavailable`."""
        base = self._settings.file
        if base is None:
            return
        try:
            with _locked(lock_path(base, "keep")) as is_ours:
                if is_ours:
                    await self._remove_old(base)
        except OSError as error:
            self._log.warning("audit.not_removed", reason=f"{base.parent}: {file_reason(base, error)}")

    async def _remove_old(self, base: Path) -> None:
        known = audit_files(base, os.listdir(base.parent))
        newest = {each.slot: each for each in known}
        for each in old_files(known, now=self._clock(), keep_seconds=self._settings.keep):
            # Whoever holds the slot goes on in its newest file.
            holder = lock_path(base, each.slot) if each == newest[each.slot] else None
            with _locked(holder) as is_ours:
                if is_ours:
                    await self._remove(base, each)

    async def _remove(self, base: Path, each: AuditFile) -> None:
        path = each.path(base)
        tail = await asyncio.to_thread(read_tail, path)
        line = read_line(tail.whole or b"")
        last: dict[str, str | int] = {} if line is None else {"chain": line.chain, "seq": line.seq, "hash": line.digest}
        self._audit.record(AuditEvent(event=REMOVED, facts={"file": path.name, **last}))
        await self._audit.flushed()
        path.unlink()
        self._log.info("audit.file_removed", file=path.name)


@contextlib.contextmanager
def _locked(path: Path | None) -> Iterator[bool]:
    """Whether nobody else holds it in this block; always so without a path."""
    file = -1 if path is None else try_lock(path)
    try:
        yield file is not None
    finally:
        if file is not None and file >= 0:
            os.close(file)
