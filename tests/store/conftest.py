"""What tests of stores share: a Redis for all that need no other, two stores of one, and processes beside the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from config.settings import StoreSettings
from proxy.store.contract import Store
from proxy.store.redis.redis_store import RedisStore
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.store.children import Child
from tests.support.redis_server import RedisServer, new_prefix, running_redis


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture(params=["sqlite", "redis"])
async def stores(
    request: pytest.FixtureRequest, tmp_path: Path, redis_server: RedisServer
) -> AsyncIterator[tuple[Store, Store]]:
    """Two of one, as two workers or two nodes have them."""
    if request.param == "sqlite":
        pair: tuple[Store, Store] = (SQLiteStore(tmp_path / "state.db"), SQLiteStore(tmp_path / "state.db"))
    else:
        settings = StoreSettings(url=redis_server.url, prefix=new_prefix())
        pair = (RedisStore(settings), RedisStore(settings))
    yield pair
    for each in pair:
        await each.close()


@pytest.fixture
def children() -> Iterator[list[Child]]:
    started: list[Child] = []
    yield started
    for child in started:
        child.kill()
        child.communicate()
