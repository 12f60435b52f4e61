"""What every store must keep of requests that met an ended session: `proxy.sessions.kept_requests`."""

from __future__ import annotations

import asyncio
import os

from proxy.store.contract import Store
from tests.store.contract.values import cookie
from tests.support.people import NOW


class KeptRequestsContract:
    async def test_a_kept_request_is_taken_once(self, store: Store) -> None:
        digest, sealed = cookie(), os.urandom(100_000)
        await store.kept_requests.put_kept_request(digest, sealed, expires_at=NOW + 300)
        taken = await asyncio.gather(*(store.kept_requests.take_kept_request(digest, now=NOW) for _ in range(20)))
        assert [found for found in taken if found is not None] == [sealed]

    async def test_a_kept_request_may_be_read_before_it_is_taken(self, store: Store) -> None:
        digest = cookie()
        assert await store.kept_requests.kept_request(digest, now=NOW) is None
        await store.kept_requests.put_kept_request(digest, b"sealed", expires_at=NOW + 300)
        assert [await store.kept_requests.kept_request(digest, now=NOW + at) for at in (0, 299.9, 300)] == [
            b"sealed",
            b"sealed",
            None,
        ]
        assert await store.kept_requests.take_kept_request(digest, now=NOW) == b"sealed"
        assert await store.kept_requests.kept_request(digest, now=NOW) is None

    async def test_what_was_taken_may_be_kept_anew_under_its_name(self, store: Store) -> None:
        digest = cookie()
        await store.kept_requests.put_kept_request(digest, b"first", expires_at=NOW + 300)
        await store.kept_requests.take_kept_request(digest, now=NOW)
        await store.kept_requests.put_kept_request(digest, b"second" * 1_000_000, expires_at=NOW + 600)
        assert await store.kept_requests.kept_request(digest, now=NOW + 300) == b"second" * 1_000_000

    async def test_a_kept_request_expires_at_its_instant(self, store: Store) -> None:
        one, two = cookie(), cookie()
        for digest in (one, two):
            await store.kept_requests.put_kept_request(digest, b"sealed", expires_at=NOW + 300)
        assert await store.kept_requests.take_kept_request(one, now=NOW + 300) is None
        assert await store.kept_requests.take_kept_request(two, now=NOW + 299.9) == b"sealed"
        assert await store.kept_requests.take_kept_request(cookie(), now=NOW) is None
