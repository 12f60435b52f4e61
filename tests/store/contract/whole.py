"""What every store must keep of the store as a whole: `proxy.store.contract`."""

from __future__ import annotations

import pytest

from proxy.store.contract import Store
from tests.support.people import session


class WholeContract:
    async def test_a_store_that_is_there_answers_a_ping(self, store: Store) -> None:
        await store.ping()

    async def test_nothing_waits_in_a_store_at_rest(self, store: Store) -> None:
        await store.ping()
        assert set(store.waiting().values()) <= {0}

    @pytest.mark.parametrize("field", ["session_id", "client_address", "user_agent"])
    def test_a_session_shows_no_secrets_when_printed(self, field: str) -> None:
        shown = session(**{field: "secret-value"})
        assert "secret-value" not in repr(shown)
