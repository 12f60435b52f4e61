"""The limiter: no parallel try passes, nothing is counted in vain, and the store learns nobody's name."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from config.settings import ThrottleSettings
from directory.lockout import PasswordLimits
from directory.mobile import E164
from proxy.access.networks import network_of
from proxy.operations.store_errors import StoreUnavailable
from proxy.throttle.limits import DAY_SECONDS, Limit, Throttled
from proxy.throttle.throttle import CountedAttempts, Throttle
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW

ALICE, BOB = "guid-of-alice", "guid-of-bob"
HOME = "192.0.2.7"
LIMITS = PasswordLimits(in_all=3, from_unfamiliar=3, window_seconds=600.0)
NUMBER = E164("+447400123456")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def limiter(store: MemoryStore, **settings: Any) -> Throttle:
    defaults = {"window": "10m", "passwords_per_person": 3, "passwords_per_address": 5, "passcodes_per_person": 4}
    return Throttle(store.counters, ThrottleSettings.model_validate({**defaults, **settings}), key=b"k" * 32)


async def test_one_person_has_so_many_passwords_in_a_window(store: MemoryStore) -> None:
    throttle = limiter(store)
    for second in range(3):
        assert await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW + second) is None
    assert await throttle.reserve_password(
        person=ALICE, address="192.0.2.8", limits=LIMITS, now=NOW + 9.5
    ) == Throttled(limit=Limit.PASSWORDS_PER_PERSON, retry_after_seconds=593)
    assert await throttle.reserve_password(person=BOB, address=HOME, limits=LIMITS, now=NOW + 9.5) is None
    assert await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW + 601.99) == Throttled(
        limit=Limit.PASSWORDS_PER_PERSON, retry_after_seconds=1
    )
    assert await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW + 602) is None


async def test_one_address_has_so_many_whomever_they_are_about(store: MemoryStore) -> None:
    throttle = limiter(store)
    for _ in range(5):
        assert await throttle.reserve_address(HOME, now=NOW) is None
    for _ in range(10):
        refused = await throttle.reserve_address(HOME, now=NOW)
        assert refused == Throttled(limit=Limit.PASSWORDS_PER_ADDRESS, retry_after_seconds=600)
    assert await throttle.reserve_address("192.0.2.8", now=NOW) is None
    await throttle.give_back_address(HOME, now=NOW)
    assert await throttle.reserve_address(HOME, now=NOW) is None
    assert await throttle.reserve_address(HOME, now=NOW) is not None


async def test_parallel_tries_never_pass_the_limit(store: MemoryStore) -> None:
    throttle = limiter(store)
    tries = await asyncio.gather(
        *(throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW) for _ in range(30))
    )
    assert tries.count(None) == 3


async def test_a_right_password_clears_the_person(store: MemoryStore) -> None:
    throttle = limiter(store)
    for _ in range(10):
        for _ in range(2):
            assert await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW) is None
            await throttle.password_refused(person=ALICE, limits=LIMITS, reserved_at=NOW)
        assert await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW) is None
        judged = await throttle.judged_so_far(person=ALICE, now=NOW)
        assert judged == CountedAttempts(3, 3)
        await throttle.password_accepted(person=ALICE, address=HOME, judged=judged, now=NOW)


async def test_what_is_under_way_beside_a_right_password_counts_on(store: MemoryStore) -> None:
    """The directory may judge it afterwards: it would restart the count there, and as nothing here."""
    throttle = limiter(store)
    for _ in range(2):
        assert await throttle.reserve_password(person=ALICE, address="192.0.2.8", limits=LIMITS, now=NOW) is None
    await throttle.password_refused(person=ALICE, limits=LIMITS, reserved_at=NOW)
    assert await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW) is None
    judged = await throttle.judged_so_far(person=ALICE, now=NOW)
    assert judged is None
    await throttle.password_refused(person=ALICE, limits=LIMITS, reserved_at=NOW)
    await throttle.password_accepted(person=ALICE, address=HOME, judged=judged, now=NOW)
    assert await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW) is None
    assert await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW) is not None


async def test_what_begins_beside_a_right_password_counts_on(store: MemoryStore) -> None:
    throttle = limiter(store)
    assert await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW) is None
    judged = await throttle.judged_so_far(person=ALICE, now=NOW)
    for _ in range(2):
        assert await throttle.reserve_password(person=ALICE, address="192.0.2.8", limits=LIMITS, now=NOW) is None
    await throttle.password_accepted(person=ALICE, address=HOME, judged=judged, now=NOW)
    assert await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW) is None
    assert await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW) is not None


async def test_what_never_reached_the_directory_is_given_back(store: MemoryStore) -> None:
    throttle = limiter(store)
    for _ in range(20):
        assert await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW) is None
        await throttle.password_not_judged(person=ALICE, address=HOME, now=NOW)
    for _ in range(3):
        assert await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW) is None
    assert await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW) is not None


async def test_passcodes_are_limited_per_person_over_all_challenges(store: MemoryStore) -> None:
    throttle = limiter(store)
    for _ in range(4):
        assert await throttle.reserve_passcode(person=ALICE, now=NOW) is None
    assert await throttle.reserve_passcode(person=ALICE, now=NOW) == Throttled(
        limit=Limit.PASSCODES_PER_PERSON, retry_after_seconds=600
    )
    await throttle.passcode_accepted(person=ALICE, now=NOW)
    assert await throttle.reserve_passcode(person=ALICE, now=NOW) is None


async def test_failures_in_a_row_lock_the_factor_for_good(store: MemoryStore) -> None:
    throttle = limiter(store, passcode_failures_in_a_row=10)
    now = NOW
    for _ in range(10):
        now += 600
        assert await throttle.reserve_passcode(person=ALICE, now=now) is None
    for days in (1, 30, 3000):
        assert await throttle.reserve_passcode(person=ALICE, now=now + days * DAY_SECONDS) == Throttled(
            limit=Limit.PASSCODE_FAILURES_IN_A_ROW, retry_after_seconds=int(DAY_SECONDS)
        )
    await throttle.passcode_accepted(person=ALICE, now=now)
    assert await throttle.reserve_passcode(person=ALICE, now=now) is None


@pytest.mark.parametrize(
    "limit", [Limit.SENDS_PER_PERSON, Limit.SENDS_PER_NUMBER, Limit.SENDS_PER_ADDRESS, Limit.SENDS_PER_DAY]
)
async def test_a_send_is_counted_by_all_four_limits_or_by_none(store: MemoryStore, limit: Limit) -> None:
    throttle = limiter(store, **{limit.value: 3})
    sends = await asyncio.gather(
        *(throttle.reserve_send(person=ALICE, number=NUMBER, address=HOME, now=NOW) for _ in range(20))
    )
    assert sends.count(None) == 3
    window = DAY_SECONDS if limit is Limit.SENDS_PER_DAY else 600.0
    assert {send for send in sends if send is not None} == {Throttled(limit=limit, retry_after_seconds=int(window))}
    # Nothing of the refused ones was counted by the three other limits.
    assert sorted(count.value for count in store.counters.kept.values()) == [3, 3, 3, 3]
    assert await throttle.reserve_send(person=ALICE, number=NUMBER, address=HOME, now=NOW + window) is None


async def test_the_store_learns_nobodys_name_number_or_address(store: MemoryStore) -> None:
    throttle = limiter(store)
    await throttle.reserve_send(person=ALICE, number=NUMBER, address=HOME, now=NOW)
    await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW)
    await throttle.reserve_address(HOME, now=NOW)
    assert {len(key) for key in store.counters.kept} == {32}
    assert len(store.counters.kept) == 7
    other = Throttle(store.counters, ThrottleSettings(), key=b"other" * 6)
    await other.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW)
    assert len(store.counters.kept) == 9


async def test_without_the_store_nothing_may_be_tried(store: MemoryStore) -> None:
    throttle = limiter(store)
    store.away = True
    with pytest.raises(StoreUnavailable):
        await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW)
    with pytest.raises(StoreUnavailable):
        await throttle.reserve_send(person=ALICE, number=NUMBER, address=HOME, now=NOW)


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("not an address \ud800", "not an address \ud800"),
    ],
)
def test_an_ipv6_address_is_counted_by_its_network(address: str, counted_as: str) -> None:
    assert network_of(address) == counted_as


async def test_addresses_of_one_ipv6_network_share_a_limit(store: MemoryStore) -> None:
    throttle = limiter(store)
    tries = [await throttle.reserve_address(f"2001:db8::{host:x}", now=NOW) for host in range(9)]
    assert tries.count(None) == 5


@pytest.mark.parametrize("shared", ["RADIUS VPN 0f1e2d3c4b5a", "unknown", ""])
async def test_what_is_no_address_never_becomes_familiar(store: MemoryStore, shared: str) -> None:
    """Strangers type a name at the same VPN gateway: what is reserved for the person stays theirs."""
    throttle = limiter(store)
    limits = PasswordLimits(in_all=3, from_unfamiliar=2, window_seconds=600.0)
    for address in (HOME, shared):
        await throttle.remember_address(person=ALICE, address=address, now=NOW)
    guesses = [
        await throttle.reserve_password(person=ALICE, address=shared, limits=limits, now=NOW + second)
        for second in range(3)
    ]
    assert guesses.count(None) == 2
    assert await throttle.reserve_password(person=ALICE, address=HOME, limits=limits, now=NOW + 4) is None
