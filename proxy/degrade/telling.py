"""What the log is told of rungs, and by it the audit: that one began, with reason and by whom, and that it ended.

Once for all workers and nodes: the store says who tells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from structlog.typing import FilteringBoundLogger

from proxy.degrade.board import DegradeBoard
from proxy.degrade.in_force import end_of, settings_of
from proxy.degrade.rung import BegunRung, DegradeStore
from proxy.operations.store_errors import StoreError


class RungTelling:
    def __init__(
        self,
        board: DegradeBoard,
        store: DegradeStore,
        *,
        log: FilteringBoundLogger,
        clock: Callable[[], float],
    ) -> None:
        self._board = board
        self._store = store
        self._log = log
        self._clock = clock
        self._warned: set[tuple[str, float]] = set()

    async def tell(self) -> None:
        """What has not been told yet. Without the store, another time."""
        now = self._clock()
        self._warn(now)
        try:
            for rung in self._board.kept:
                await self._tell(rung, now)
        except StoreError:
            return

    async def trouble(self) -> str | None:
        """What `/readyz` says: no names and no reasons."""
        now = self._clock()
        told = [
            f'"{each.settings.name}" has been in force since {_said(each.begun.begun_at)}'
            f" and ends at {_said(each.ends_at)}"
            for each in self._board.known(now).rungs
        ]
        told += [
            f'"{each.name}" is not in force: the configuration has no such rung any more'
            for each in self._board.unconfigured(now)
        ]
        return "; ".join(told) or None

    def _warn(self, now: float) -> None:
        """Once for each worker: another node may have another configuration."""
        for rung in self._board.unconfigured(now):
            if (rung.name, rung.decided_at) not in self._warned:
                self._warned.add((rung.name, rung.decided_at))
                self._log.warning("degrade.not_configured", rung=rung.name, what=rung.what, until=_said(rung.ends_at))

    async def _tell(self, rung: BegunRung, now: float) -> None:
        settings = settings_of(rung, self._board.configured)
        if settings is None and not rung.is_begin_told:
            return  # it never was in force here
        ends_at = rung.ends_at if settings is None else end_of(rung, settings)
        is_over = rung.ended_at is not None or now >= ends_at
        told = replace(rung, is_begin_told=True, is_end_told=rung.is_end_told or is_over)
        # Of all workers that put the same, the first one tells.
        if told == rung or not await self._store.put_rung(told, seen=rung):
            return
        if not rung.is_begin_told:
            again = "yes" if rung.decided_at != rung.begun_at else "no"
            facts = {"rung": rung.name, "what": rung.what, "until": _said(ends_at), "again": again}
            self._log.warning("degrade.begun", **facts, by=rung.by, reason=rung.reason)
        if is_over and not rung.is_end_told:
            facts = {
                "rung": rung.name,
                "what": rung.what,
                "why": "command" if rung.ended_at is not None else "its_time",
            }
            self._log.warning("degrade.ended", **facts, by=rung.ended_by)


def _said(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
