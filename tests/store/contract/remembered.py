"""What every store must keep of remembered browsers: `proxy.factors.remembered.browser_store`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from config.factors import Factor
from proxy.factors.remembered.browser import RememberedBrowser
from proxy.factors.remembered.browser_store import CHANGE_SECONDS, UsedValue, ValueUse
from proxy.store.contract import Store
from tests.store.contract.values import LIMITS
from tests.support.people import NOW


def remembered(name: str = "a", guid: str = "alice", made_at: float = NOW) -> RememberedBrowser:
    return RememberedBrowser(
        name=name,
        guid=guid,
        realm="corp",
        scheme="browser",
        proven=((Factor.SMS, b"\x00number"), (Factor.EMAIL, b"")),
        password="1234.5",
        made_at=made_at,
        used_at=made_at,
        expires_at=made_at + 1000,
        client_address="192.0.2.7",
        user_agent="Firefox",
    )


class RememberedBrowsersContract:
    async def test_a_remembered_browser_is_read_back(self, store: Store) -> None:
        one, other, another = remembered(), remembered("b", made_at=NOW + 1), remembered("c", "bob")
        for each in (one, other, another):
            await store.browsers.put_browser(each, digest=b"1", most=9)
        assert await store.browsers.browser("a") == one
        assert await store.browsers.browser("gone") is None
        assert await store.browsers.browsers("alice") == (one, other)
        assert await store.browsers.browsers("nobody") == ()

    async def test_only_so_many_browsers_of_one_person_are_remembered(self, store: Store) -> None:
        await store.browsers.put_browser(remembered("bobs", "bob"), digest=b"1", most=2)
        for number in range(4):
            await store.browsers.put_browser(remembered(f"{number}", made_at=NOW + number), digest=b"1", most=2)
        assert [each.name for each in await store.browsers.browsers("alice")] == ["2", "3"]
        assert [await store.browsers.browser(name) is None for name in ("1", "2", "bobs")] == [True, False, False]

    async def test_who_has_remembered_browsers_is_known(self, store: Store) -> None:
        assert list(await store.browsers.guids_with_browsers()) == []
        for each in (remembered(), remembered("b"), remembered("c", "bob")):
            await store.browsers.put_browser(each, digest=b"1", most=9)
        await store.browsers.forget_browsers("alice", ["a"])
        assert sorted(await store.browsers.guids_with_browsers()) == ["alice", "bob"]
        await store.browsers.forget_browsers("alice", ["b"])
        assert list(await store.browsers.guids_with_browsers()) == ["bob"]
        await store.browsers.forget_browsers("bob")
        assert list(await store.browsers.guids_with_browsers()) == []

    async def test_a_value_is_replaced_when_it_is_used(self, store: Store) -> None:
        await store.browsers.put_browser(remembered(), digest=b"1", most=9)
        used_at = NOW + CHANGE_SECONDS
        turned = await store.browsers.turn_browser("a", digest=b"1", becomes=b"2", now=used_at)
        assert turned == UsedValue(ValueUse.TURNED, b"2")
        assert await store.browsers.browser("a") == replace(remembered(), used_at=used_at)
        for value in (b"1", b"2"):
            again = await store.browsers.turn_browser("a", digest=value, becomes=b"x", now=used_at + CHANGE_SECONDS - 1)
            assert again == UsedValue(ValueUse.STANDS, b"2")
        turned = await store.browsers.turn_browser("a", digest=b"2", becomes=b"3", now=used_at + CHANGE_SECONDS)
        assert turned == UsedValue(ValueUse.TURNED, b"3")

    async def test_a_value_of_before_is_known_as_stolen(self, store: Store) -> None:
        await store.browsers.put_browser(remembered(), digest=b"1", most=9)
        assert await store.browsers.turn_browser("gone", digest=b"1", becomes=b"2", now=NOW) == UsedValue(ValueUse.GONE)
        assert await store.browsers.turn_browser("a", digest=b"0", becomes=b"2", now=NOW) == UsedValue(ValueUse.STOLEN)
        first, second = NOW + CHANGE_SECONDS, NOW + 2 * CHANGE_SECONDS
        await store.browsers.turn_browser("a", digest=b"1", becomes=b"2", now=first)
        assert await store.browsers.turn_browser("a", digest=b"1", becomes=b"x", now=second) == UsedValue(
            ValueUse.STOLEN
        )
        await store.browsers.turn_browser("a", digest=b"2", becomes=b"3", now=second)
        assert await store.browsers.turn_browser("a", digest=b"1", becomes=b"x", now=second) == UsedValue(
            ValueUse.STOLEN
        )

    async def test_of_parallel_uses_of_a_value_one_replaces_it(self, store: Store) -> None:
        await store.browsers.put_browser(remembered(), digest=b"1", most=9)
        used_at = NOW + CHANGE_SECONDS
        turned = await asyncio.gather(
            *(store.browsers.turn_browser("a", digest=b"1", becomes=b"2", now=used_at) for _ in range(10))
        )
        assert sorted(each.use.value for each in turned) == ["stands"] * 9 + ["turned"]
        assert {each.digest for each in turned} == {b"2"}

    async def test_browsers_are_forgotten_by_their_person_alone(self, store: Store) -> None:
        for name in "abc":
            await store.browsers.put_browser(remembered(name), digest=b"1", most=9)
        await store.browsers.put_browser(remembered("bobs", "bob"), digest=b"1", most=9)
        assert await store.browsers.forget_browsers("alice", ["a", "bobs", "gone"]) == 1
        assert await store.browsers.forget_browsers("alice", []) == 0
        assert await store.browsers.forget_browsers("alice") == 2
        assert await store.browsers.browsers("alice") == ()
        assert len(await store.browsers.browsers("bob")) == 1

    async def test_a_browser_that_is_over_is_removed(self, store: Store) -> None:
        await store.browsers.put_browser(remembered(), digest=b"1", most=9)
        assert await store.sessions.remove_expired(now=NOW + 999, limits=LIMITS) == 0
        assert await store.sessions.remove_expired(now=NOW + 1000, limits=LIMITS) == 1
        assert await store.browsers.browser("a") is None
        assert await store.browsers.browsers("alice") == ()
