"""The whole contract, as a Redis user with the rights that the documentation names and no others."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import StoreSettings
from proxy.store.redis.redis_store import RedisStore
from tests.store.contract import StoreContract
from tests.support.redis_server import RedisServer, running_redis

PASSWORD = "a store of its own"
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "scaling.md"


def documented_rights() -> list[str]:
    text = " ".join(DOCUMENT.read_text().split())
    found = re.search(r"`user gatepost on >PASSWORD (resetkeys [^`]+)`", text)
    assert found is not None
    return found[1].split()


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running_redis() as running:
        rights = ("ACL", "SETUSER", "gatepost", "on", f">{PASSWORD}", *documented_rights())
        assert running.ask(*rights) == b"+OK\r\n"
        yield running


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    server.ask("FLUSHALL")
    store = RedisStore(StoreSettings(url=server.url, username="gatepost", password=SecretStr(PASSWORD)))
    yield store
    await store.close()
    assert server.ask("ACL", "LOG", "1") == b"*0\r\n", "nothing was denied"


class TestRedisStoreWithTheLeastRights(StoreContract):
    pass
