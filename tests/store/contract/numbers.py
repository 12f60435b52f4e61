"""What every store must keep of known numbers: `proxy.factors.passcode.known_numbers`."""

from __future__ import annotations

from proxy.factors.passcode.known_numbers import REMEMBERED_SECONDS, KnownNumber
from proxy.store.contract import Store
from tests.store.contract.values import LIMITS
from tests.support.people import NOW


class NumbersContract:
    async def test_one_number_of_a_person_is_known(self, store: Store) -> None:
        assert await store.numbers.known_number("a") is None
        for digest in (b"old", b"new"):
            await store.numbers.put_known_number("a", KnownNumber(digest=digest, sealed=b"s" + digest, used_at=NOW))
        assert await store.numbers.known_number("a") == KnownNumber(digest=b"new", sealed=b"snew", used_at=NOW)
        assert await store.numbers.known_number("b") is None

    async def test_what_is_known_of_persons_is_removed_when_it_is_old(self, store: Store) -> None:
        await store.counters.add_familiar(b"a", b"old", now=NOW, expires_at=NOW, most=9)
        await store.counters.add_familiar(b"a", b"new", now=NOW - 1, expires_at=NOW + 1, most=9)
        await store.numbers.put_known_number(
            "old", KnownNumber(digest=b"d", sealed=b"", used_at=NOW - REMEMBERED_SECONDS)
        )
        await store.numbers.put_known_number("new", KnownNumber(digest=b"d", sealed=b"", used_at=NOW))
        assert await store.sessions.remove_expired(now=NOW, limits=LIMITS) == 2
        assert await store.numbers.known_number("old") is None
        assert await store.numbers.known_number("new") is not None
        assert await store.sessions.remove_expired(now=NOW, limits=LIMITS) == 0

    async def test_when_a_number_was_first_seen_is_remembered_for_as_long_as_numbers_are(self, store: Store) -> None:
        assert await store.numbers.first_seen(b"n", now=NOW, see=False) is None
        assert await store.numbers.first_seen(b"n", now=NOW, see=True) == NOW
        for see in (True, False):
            assert await store.numbers.first_seen(b"n", now=NOW + REMEMBERED_SECONDS - 1, see=see) == NOW
        assert await store.numbers.first_seen(b"other", now=NOW, see=False) is None
        over = NOW + REMEMBERED_SECONDS
        assert await store.numbers.first_seen(b"n", now=over, see=False) is None
        assert await store.numbers.first_seen(b"n", now=over, see=True) == over
