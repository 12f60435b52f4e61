"""The fake that other tests stand on keeps the contract too."""

from __future__ import annotations

import pytest

from tests.store.contract import StoreContract
from tests.support.memory_store import MemoryStore


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()
