"""What tests of stores share: a redis-server for all that need no other, and processes beside the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.store.children import Child
from tests.support.redis_server import RedisServer, running_redis


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def children() -> Iterator[list[Child]]:
    started: list[Child] = []
    yield started
    for child in started:
        child.kill()
        child.communicate()
