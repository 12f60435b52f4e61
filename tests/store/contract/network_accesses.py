"""What every store must keep of what persons have elsewhere: `proxy.sessions.network_access`."""

from __future__ import annotations

from proxy.sessions.network_access import NetworkAccess
from proxy.store.contract import Store
from tests.support.people import NOW

ONE = NetworkAccess(session_id="one", record='{"a": "\u00fc"}', expires_at=NOW + 60.0)
OTHER = NetworkAccess(session_id="other", record="", expires_at=NOW + 30.5)


class NetworkAccessesContract:
    async def test_accesses_are_found_by_their_sessions_until_they_are_dropped(self, store: Store) -> None:
        kept = store.network_accesses
        assert await kept.accesses() == ()
        for each in (ONE, OTHER):
            await kept.put_access(each)
        assert set(await kept.accesses()) == {ONE, OTHER}
        assert await kept.accesses(["other", "nobody's"]) == (OTHER,)
        assert await kept.accesses([]) == ()
        await kept.drop_access("one")
        await kept.drop_access("one")
        assert await kept.accesses() == (OTHER,)

    async def test_an_access_outlives_its_session(self, store: Store) -> None:
        await store.network_accesses.put_access(ONE)
        await store.sessions.end_all_sessions()
        assert await store.network_accesses.accesses(["one"]) == (ONE,)
