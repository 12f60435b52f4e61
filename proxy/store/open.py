"""From the configuration's `[store]` to a store."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from config.settings import StoreSettings
from config.store_url import is_redis_url
from proxy.store.sqlite.sqlite_store import SQLiteStore
from proxy.store.store import Store


def open_store(
    settings: StoreSettings, log: FilteringBoundLogger | None = None, *, clock: Callable[[], float] = time.time
) -> Store:
    """``sqlite:PATH``, relative to the working directory unless absolute, or Redis; `ValueError` for anything else.

    Nothing is opened yet: a store that is away does not keep Gatepost from starting. `log` is told when what the store
    keeps is in danger.
    """
    if is_redis_url(settings.url):
        # Only here: the client takes memory that a worker with SQLite has no use for.
        from proxy.store.redis.redis_store import RedisStore

        if log is None:
            return RedisStore(settings, clock=clock)
        return RedisStore(settings, clock=clock, report=log.error)
    path = _sqlite_file(settings.url)
    if log is None:
        return SQLiteStore(path, clock=clock)
    return SQLiteStore(path, clock=clock, report=log.error)


def store_file(settings: StoreSettings) -> Path | None:
    """The file of a store that is one; `ValueError` as above."""
    return None if is_redis_url(settings.url) else _sqlite_file(settings.url)


def _sqlite_file(url: str) -> Path:
    scheme, _, rest = url.partition(":")
    if scheme != "sqlite":
        raise ValueError('not a store that this version knows: write "sqlite:state.db"')
    path = rest.removeprefix("//") if rest.startswith("///") else rest
    if not path or path.startswith("//") or "?" in path:
        raise ValueError('not the path of a store: write "sqlite:state.db" or "sqlite:/var/lib/gatepost/state.db"')
    return Path(path)


async def store_remarks(store: Store) -> tuple[str, ...]:
    """What about a store's own settings puts sessions at risk, a sentence each. Raises `StoreUnavailable`."""
    if isinstance(store, SQLiteStore):
        return ()
    from proxy.store.redis.redis_store import RedisStore

    return await store.remarks() if isinstance(store, RedisStore) else ()
