"""What a worker starts for the rungs: it knows them before it serves anybody, and tells of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from proxy.degrade.board import DegradeBoard
from proxy.degrade.rung import DegradeStore
from proxy.degrade.telling import RungTelling
from proxy.operations.background import in_background
from proxy.operations.health import Check, Need
from proxy.operations.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDegrade:
    board: DegradeBoard
    check: Check
    order: Callable[[], Sequence[str]]
    """The channels that passcodes go by now."""


async def keep_degrade(
    stack: AsyncExitStack,
    settings: Settings,
    store: DegradeStore,
    *,
    metrics: Metrics,
    log: FilteringBoundLogger,
    clock: Callable[[], float],
) -> KeptDegrade:
    """Until the stack is left. A store that is down does not keep Gatepost from starting. What `log` is told, it hands
    to the audit."""
    board = DegradeBoard(store, settings.degrade)
    telling = RungTelling(board, store, log=log, clock=clock)
    await board.look()
    metrics.watch_degraded([each.name for each in settings.degrade], lambda name: board.is_in_force(name, clock()))
    await in_background(stack, partial(board.keep_up, telling.tell), log)
    return KeptDegrade(
        board=board,
        check=Check(need=Need.HELPFUL, ask=telling.trouble),
        order=lambda: board.known(clock()).order(settings.channels),
    )
