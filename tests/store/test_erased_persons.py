"""What is sealed for a person is read on every node until their keys are destroyed on one, and by nobody after that."""

from __future__ import annotations

import pytest

from proxy.audit.person_keys import NOBODY, NoMasterKey, PersonKeys, SealedBox
from proxy.secrets.keys import KeyRing, Keys, MasterKey, names_of
from proxy.store.contract import Store

OLD, NEW = MasterKey(bits=bytes(32)), MasterKey(bits=b"\x01" * 32, use_after=10.0)


def keys(*ring: MasterKey, now: float = 20.0) -> Keys:
    return Keys(KeyRing(keys=ring, names=names_of(OLD.bits)), clock=lambda: now)


async def seal(person_keys: PersonKeys, guid: str, month: str, plain: bytes) -> SealedBox:
    (box,) = await person_keys.seal_all([(guid, month, plain)])
    return box


async def unseal(person_keys: PersonKeys, box: SealedBox) -> bytes | None:
    (plain,) = await person_keys.unseal_all([box])
    return plain


async def test_an_erasure_elsewhere_holds_at_once(stores: tuple[Store, Store]) -> None:
    one, other = (PersonKeys(each.person_keys, keys(OLD)) for each in stores)
    mine, of_nobody = await one.seal_all([("a", "2026-11", b"mine"), (NOBODY, "2026-11", b"nobody's")])
    theirs, later = await seal(other, "b", "2026-11", b"theirs"), await seal(other, "a", "2026-12", b"later")
    assert await unseal(other, mine) == b"mine"
    assert await other.key_ids("a") == {mine.key_id, later.key_id}
    assert await other.erase_person("a") == 2
    assert [await unseal(one, each) for each in (mine, later)] == [None, None]
    assert [await unseal(one, each) for each in (theirs, of_nobody)] == [b"theirs", b"nobody's"]
    again = await seal(one, "a", "2026-11", b"again")
    assert again.key_id != mine.key_id
    assert await unseal(other, again) == b"again"
    assert await other.erase_month("2026-11") == 3
    assert [await unseal(one, each) for each in (theirs, of_nobody, again)] == [None, None, None]
    assert await one.months() == ()


async def test_a_node_with_an_older_key_file_destroys_no_key_that_it_cannot_open(stores: tuple[Store, Store]) -> None:
    ahead, behind = PersonKeys(stores[0].person_keys, keys(OLD, NEW)), PersonKeys(stores[1].person_keys, keys(OLD))
    sealed = await seal(ahead, "a", "2026-11", b"mine")
    with pytest.raises(NoMasterKey):
        await seal(behind, "a", "2026-11", b"more")
    assert await unseal(behind, sealed) is None
    assert await unseal(ahead, sealed) == b"mine"


async def test_nothing_that_is_kept_tells_whose_key_it_is(stores: tuple[Store, Store]) -> None:
    one = PersonKeys(stores[0].person_keys, keys(OLD))
    await seal(one, "5f6a1c3e-0001", "2026-11", b"mine")
    (kept,) = await stores[1].person_keys.person_keys()
    assert b"5f6a1c3e" not in kept.owner + kept.wrapped + kept.key_id.encode()
    other = PersonKeys(stores[1].person_keys, Keys(b"\x07" * 32))
    assert await other.key_ids("5f6a1c3e-0001") == frozenset(), "another installation has other names"
