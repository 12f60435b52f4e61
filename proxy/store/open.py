"""From the configuration's `[store]` to a store."""

from __future__ import annotations

import time
from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from config.settings import StoreSettings
from config.tables.store import SQLiteFile
from proxy.store.contract import Store
from proxy.store.sqlite.sqlite_store import SQLiteStore


def open_store(
    settings: StoreSettings, log: FilteringBoundLogger | None = None, *, clock: Callable[[], float] = time.time
) -> Store:
    """SQLite, or Redis.

    Nothing is opened yet: a store that is down does not keep Gatepost from starting. `log` gets a line when the data in
    the store is in danger.
    """
    report = _unheard if log is None else log.error
    if isinstance(settings.url, SQLiteFile):
        return SQLiteStore(settings.url.path, clock=clock, report=report)
    # Imported only here: the client takes memory that a worker with SQLite does not need.
    from proxy.store.redis.redis_store import RedisStore

    return RedisStore(settings, clock=clock, report=report)


def _unheard(event: str, **_: object) -> None:
    """Nobody reads a log."""
