"""The Redis store: the contract, and what a server, a network and a second store do to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from config.settings import StoreSettings
from proxy.store.redis import RedisStore
from tests.store.contract import StoreContract
from tests.support.redis_server import RedisServer, new_prefix


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[RedisStore]:
    store = RedisStore(StoreSettings(url=redis_server.url, prefix=new_prefix()))
    yield store
    await store.close()


class TestRedisStore(StoreContract):
    pass
