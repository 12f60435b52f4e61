"""What every store must keep of the keys of persons: `proxy.audit.person_keys`."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import replace

import pytest

from proxy.audit.person_keys import MOST_IDS, WRAPPED_BYTES, PersonKey
from proxy.store.contract import Store
from tests.store.contract.values import LIMITS
from tests.support.people import NOW


def person_key(owner: bytes = b"a" * 32, month: str = "2026-11") -> PersonKey:
    return PersonKey(key_id=secrets.token_hex(16), owner=owner, month=month, wrapped=os.urandom(WRAPPED_BYTES))


class PersonKeysContract:
    async def test_of_many_keys_for_one_person_and_month_one_is_kept(self, store: Store) -> None:
        wanted = [person_key() for _ in range(9)]
        kept = set(await asyncio.gather(*(store.person_keys.keep_person_key(each) for each in wanted)))
        assert len(kept) == 1
        assert kept <= set(wanted)
        (one,) = kept
        assert await store.person_keys.person_keys(one.owner, one.month) == (one,)
        assert await store.person_keys.person_keys_by_id([one.key_id]) == (one,)

    async def test_keys_are_found_by_owner_and_by_month(self, store: Store) -> None:
        mine, later = person_key(), person_key(month="2026-12")
        theirs = person_key(b"b" * 32)
        assert await store.person_keys.person_keys() == ()
        assert await store.person_keys.key_months() == ()
        for each in (later, mine, theirs):
            assert await store.person_keys.keep_person_key(each) == each
        assert set(await store.person_keys.person_keys()) == {mine, later, theirs}
        assert set(await store.person_keys.person_keys(mine.owner)) == {mine, later}
        assert set(await store.person_keys.person_keys(month="2026-11")) == {mine, theirs}
        assert await store.person_keys.person_keys(mine.owner, "2026-12") == (later,)
        assert await store.person_keys.key_months() == ("2026-11", "2026-12")
        assert await store.person_keys.person_keys(theirs.owner, "2026-12") == ()
        assert await store.person_keys.person_keys_by_id(["0" * 32]) == ()
        by_id = await store.person_keys.person_keys_by_id([theirs.key_id, "0" * 32, mine.key_id])
        assert sorted(by_id, key=lambda key: key.owner) == [mine, theirs]
        many = [secrets.token_hex(16) for _ in range(MOST_IDS - 1)]
        assert await store.person_keys.person_keys_by_id([*many, later.key_id]) == (later,)

    async def test_a_persons_keys_are_destroyed_and_new_ones_can_be_kept(self, store: Store) -> None:
        mine, later, theirs = person_key(), person_key(month="2026-12"), person_key(b"b" * 32)
        for each in (mine, later, theirs):
            await store.person_keys.keep_person_key(each)
        assert await store.person_keys.erase_person_keys(owner=mine.owner) == 2
        assert await store.person_keys.erase_person_keys(owner=mine.owner) == 0
        assert await store.person_keys.person_keys() == (theirs,)
        assert await store.person_keys.person_keys_by_id([mine.key_id]) == ()
        assert await store.person_keys.key_months() == ("2026-11",)
        new = [person_key(), person_key(b"c" * 32), person_key(b"d" * 32)]
        for each in new:
            assert await store.person_keys.keep_person_key(each) == each
        assert set(await store.person_keys.person_keys()) == {theirs, *new}

    async def test_a_months_keys_are_destroyed(self, store: Store) -> None:
        mine, later, theirs = person_key(), person_key(month="2026-12"), person_key(b"b" * 32)
        for each in (mine, later, theirs):
            await store.person_keys.keep_person_key(each)
        assert await store.person_keys.erase_person_keys(month="2026-11") == 2
        assert await store.person_keys.person_keys() == (later,)
        with pytest.raises(ValueError, match="whose"):
            await store.person_keys.erase_person_keys()

    async def test_what_is_wrapped_again_was_not_changed_by_anybody(self, store: Store) -> None:
        mine = person_key()
        await store.person_keys.keep_person_key(mine)
        wrapped = [bytes([n]) * WRAPPED_BYTES for n in range(5)]
        done = await asyncio.gather(
            *(store.person_keys.rewrap_person_key(mine.key_id, was=mine.wrapped, wrapped=each) for each in wrapped)
        )
        assert done.count(True) == 1
        (found,) = await store.person_keys.person_keys_by_id([mine.key_id])
        assert found == replace(mine, wrapped=wrapped[done.index(True)])
        await store.person_keys.erase_person_keys(owner=mine.owner)
        assert not await store.person_keys.rewrap_person_key(mine.key_id, was=mine.wrapped, wrapped=wrapped[0])

    async def test_keys_of_persons_do_not_end_by_themselves_nor_with_sessions(self, store: Store) -> None:
        mine = person_key()
        await store.person_keys.keep_person_key(mine)
        await store.sessions.end_all_sessions()
        await store.sessions.remove_expired(now=NOW + 1e9, limits=LIMITS)
        assert await store.person_keys.person_keys() == (mine,)

    def test_a_key_of_a_person_is_not_shown_when_printed(self) -> None:
        shown = PersonKey(key_id="0" * 32, owner=b"secret-value", month="2026-11", wrapped=b"secret-value")
        assert "secret-value" not in repr(shown)
