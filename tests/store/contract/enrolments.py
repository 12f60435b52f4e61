"""What every store must keep of enrolments: `proxy.factors.enrolment_store`."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import replace

from config.factors import Factor
from proxy.factors.enrolment import Enrolment
from proxy.store.contract import Store
from tests.store.contract.values import LIMITS
from tests.support.people import NOW


def enrolment(**fields: object) -> Enrolment:
    defaults = {
        **{"enrolment_id": secrets.token_urlsafe(16), "guid": "a", "realm": "corp", "factor": Factor.SMS},
        **{"name": "Anna’s phone", "made_at": NOW, "sealed": os.urandom(48)},
    }
    return Enrolment(**{**defaults, **fields})  # type: ignore[arg-type]


class EnrolmentsContract:
    async def test_a_persons_enrolments_are_found_the_oldest_first(self, store: Store) -> None:
        newer, older = enrolment(), enrolment(made_at=NOW - 0.5, used_at=NOW, counter=7, lookup=os.urandom(32))
        theirs = enrolment(guid="b")
        for each in (newer, older, theirs):
            assert await store.enrolments.put_enrolments([each])
        assert await store.enrolments.enrolments("a") == (older, newer)
        assert await store.enrolments.enrolments("b") == (theirs,)
        assert await store.enrolments.enrolments("c") == ()
        assert sorted(await store.enrolments.guids_with_enrolments()) == ["a", "b"]

    async def test_new_ones_take_the_place_of_all_of_one_factor(self, store: Store) -> None:
        old = [enrolment(factor=Factor.EMAIL, lookup=os.urandom(32)) for _ in range(3)]
        other, theirs = enrolment(), enrolment(guid="b", factor=Factor.EMAIL)
        for each in (*old, other, theirs):
            await store.enrolments.put_enrolments([each])
        new = [
            enrolment(factor=Factor.EMAIL, made_at=NOW + at, lookup=old[0].lookup if not at else b"") for at in (0, 1)
        ]
        assert await store.enrolments.put_enrolments(new, in_place_of=Factor.EMAIL)
        found = await store.enrolments.enrolments("a")
        assert {each.enrolment_id for each in found} == {each.enrolment_id for each in (other, *new)}
        assert await store.enrolments.enrolment_by(old[0].lookup) == new[0]
        assert await store.enrolments.enrolment_by(old[1].lookup) is None
        assert await store.enrolments.enrolments("b") == (theirs,)

    async def test_new_ones_take_no_place_in_another_realm(self, store: Store) -> None:
        mine, lookup = enrolment(factor=Factor.EMAIL), os.urandom(32)
        theirs = enrolment(factor=Factor.EMAIL, realm="another", lookup=lookup)
        for each in (mine, theirs):
            assert await store.enrolments.put_enrolments([each])
        taken, new = enrolment(factor=Factor.EMAIL, lookup=lookup), enrolment(factor=Factor.EMAIL, made_at=NOW + 1)
        assert not await store.enrolments.put_enrolments([taken], in_place_of=Factor.EMAIL)
        assert await store.enrolments.put_enrolments([new], in_place_of=Factor.EMAIL)
        assert await store.enrolments.enrolments("a") == (theirs, new)

    async def test_what_was_decided_by_what_was_seen_counts_only_if_that_is_all(self, store: Store) -> None:
        first, second, other = enrolment(), enrolment(), enrolment(factor=Factor.EMAIL)
        theirs, elsewhere = enrolment(guid="b"), enrolment(realm="another")
        for each in (other, theirs, elsewhere):
            assert await store.enrolments.put_enrolments([each], seen=())
        assert not await store.enrolments.put_enrolments([first], seen=[other.enrolment_id])
        assert await store.enrolments.put_enrolments([first], seen=())
        for seen in ((), ["gone"], [first.enrolment_id, "gone"]):
            assert not await store.enrolments.put_enrolments([second], seen=seen)
            assert not await store.enrolments.put_enrolments([second], in_place_of=Factor.SMS, seen=seen)
        assert await store.enrolments.put_enrolments([second], seen=[first.enrolment_id])
        new = enrolment(made_at=NOW + 1)
        seen = [second.enrolment_id, first.enrolment_id]
        assert await store.enrolments.put_enrolments([new], in_place_of=Factor.SMS, seen=seen)
        assert {each.enrolment_id for each in await store.enrolments.enrolments("a")} == {
            each.enrolment_id for each in (other, elsewhere, new)
        }

    async def test_one_is_found_by_its_lookup_and_no_two_have_the_same(self, store: Store) -> None:
        lookup = os.urandom(32)
        first, second, without = enrolment(lookup=lookup), enrolment(guid="b", lookup=lookup), enrolment(guid="b")
        assert await store.enrolments.put_enrolments([first])
        assert not await store.enrolments.put_enrolments([without, second], in_place_of=Factor.SMS)
        assert await store.enrolments.enrolments("b") == ()
        assert await store.enrolments.put_enrolments([without])
        assert await store.enrolments.enrolment_by(lookup) == first
        assert await store.enrolments.enrolment_by(os.urandom(32)) is None
        assert await store.enrolments.enrolment_by(b"") is None
        await store.enrolments.remove_enrolments("a")
        assert await store.enrolments.enrolment_by(lookup) is None
        assert await store.enrolments.put_enrolments([second])

    async def test_a_counter_is_used_by_one_of_many_and_only_grows(self, store: Store) -> None:
        mine = enrolment()
        await store.enrolments.put_enrolments([mine])

        async def use(counter: int) -> bool:
            return await store.enrolments.use_enrolment(mine.enrolment_id, counter=counter, now=NOW + 5)

        assert await use(0)
        assert await use(0), "an authenticator that does not count says 0 each time"
        assert sorted(await asyncio.gather(*(use(59_000_000) for _ in range(20)))) == [False] * 19 + [True]
        assert not await use(58_999_999)
        assert not await use(0)
        assert await use(59_000_001)
        assert await store.enrolments.enrolments("a") == (replace(mine, counter=59_000_001, used_at=NOW + 5),)
        assert not await store.enrolments.use_enrolment("unheard-of", counter=1, now=NOW)

    async def test_its_person_names_it_and_nobody_else_does(self, store: Store) -> None:
        mine = enrolment()
        await store.enrolments.put_enrolments([mine])
        assert not await store.enrolments.rename_enrolment("b", mine.enrolment_id, "mine")
        assert await store.enrolments.rename_enrolment("a", mine.enrolment_id, "Überall")
        assert await store.enrolments.enrolments("a") == (replace(mine, name="Überall"),)

    async def test_some_or_all_of_a_person_are_removed(self, store: Store) -> None:
        mine, theirs = [enrolment() for _ in range(4)], enrolment(guid="b")
        await store.enrolments.put_enrolments(mine)
        await store.enrolments.put_enrolments([theirs])
        ids = [mine[0].enrolment_id, theirs.enrolment_id, "unheard-of"]
        assert await store.enrolments.remove_enrolments("a", ids) == 1
        assert await store.enrolments.remove_enrolments("a", []) == 0
        assert len(await store.enrolments.enrolments("a")) == 3
        assert await store.enrolments.remove_enrolments("a") == 3
        assert await store.enrolments.enrolments("a") == ()
        assert list(await store.enrolments.guids_with_enrolments()) == ["b"]

    async def test_what_is_sealed_again_was_not_changed_by_anybody(self, store: Store) -> None:
        mine = enrolment()
        await store.enrolments.put_enrolments([mine])
        resealed = await asyncio.gather(
            *(
                store.enrolments.reseal_enrolment(mine.enrolment_id, was=mine.sealed, sealed=bytes([n]) * 48)
                for n in range(9)
            )
        )
        assert resealed.count(True) == 1
        (found,) = await store.enrolments.enrolments("a")
        assert found.sealed == bytes([resealed.index(True)]) * 48

    async def test_enrolments_do_not_end_by_themselves_nor_with_sessions(self, store: Store) -> None:
        mine = enrolment()
        await store.enrolments.put_enrolments([mine])
        await store.sessions.end_all_sessions()
        await store.sessions.remove_expired(now=NOW + 1e9, limits=LIMITS)
        assert await store.enrolments.enrolments("a") == (mine,)

    def test_an_enrolment_shows_no_secret_when_printed(self) -> None:
        shown = repr(enrolment(sealed=b"secret-value", lookup=b"secret-value"))
        assert "secret-value" not in shown
