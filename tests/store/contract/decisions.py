"""What every store must keep of decisions and rehearsals: `proxy.rehearsal.decisions`."""

from __future__ import annotations

from dataclasses import replace

from proxy.rehearsal.decisions import SealedDecision
from proxy.store.contract import Store
from tests.support.people import NOW

DAYS = ("2027-01-14", "2027-01-15")
FORGOTTEN_AT = NOW + 30 * 86_400


def decision(number: int, day: str = DAYS[0]) -> SealedDecision:
    name = number.to_bytes(32)
    return SealedDecision(name=name, day=day, key_id=f"{number:032x}", sealed=b"\0 \xff" + number.to_bytes(4))


class DecisionsContract:
    async def test_a_decision_is_kept_once_and_found_by_its_day(self, store: Store) -> None:
        kept = [decision(number) for number in range(2100)] + [decision(5000, DAYS[1]), decision(5001, "2027-01-13")]
        await store.decisions.put_decisions(kept[:1000], forgotten_at=FORGOTTEN_AT)
        await store.decisions.put_decisions(kept[500:], forgotten_at=FORGOTTEN_AT)
        again = replace(kept[0], key_id="f" * 32, sealed=b"the same, sealed again")
        await store.decisions.put_decisions([again], forgotten_at=FORGOTTEN_AT)
        found = [each for page in [page async for page in store.decisions.decisions(DAYS)] for each in page]
        by_name = {each.name: each for each in found}
        assert by_name.pop(again.name) in (kept[0], again)
        assert by_name == {each.name: each for each in kept[1:-1]}

    async def test_nothing_is_found_of_days_without_decisions(self, store: Store) -> None:
        assert [each async for page in store.decisions.decisions(DAYS) for each in page] == []

    async def test_a_rehearsal_counts_until_it_is_forgotten(self, store: Store) -> None:
        assert not await store.decisions.was_rehearsed(b"d" * 32, now=NOW)
        await store.decisions.put_rehearsed(b"d" * 32, forgotten_at=NOW + 60)
        assert await store.decisions.was_rehearsed(b"d" * 32, now=NOW + 59)
        assert not await store.decisions.was_rehearsed(b"d" * 32, now=NOW + 60)
        await store.decisions.put_rehearsed(b"d" * 32, forgotten_at=NOW + 90)
        assert await store.decisions.was_rehearsed(b"d" * 32, now=NOW + 60)
        assert not await store.decisions.was_rehearsed(b"e" * 32, now=NOW)
