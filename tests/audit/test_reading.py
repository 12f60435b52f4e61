"""Reading the audit again: in order, with few questions to the store, and by the keys that are there at that time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from proxy.audit.event import AuditedPerson, AuditEvent
from proxy.audit.person_keys import PersonKey, PersonKeys
from proxy.audit.reading import files_of, read_audit
from tests.audit.engine import Engine, signed_in
from tests.support.memory_store import MemoryPersonKeys

ENTRIES = 1000
PEOPLE = 7


def person(number: int) -> AuditedPerson:
    return AuditedPerson(realm="corp", guid=f"guid-{number}", name=f"person-{number}")


class CountedKeys(MemoryPersonKeys):
    def __init__(self) -> None:
        super().__init__(lambda method: None)
        self.asked: list[int] = []
        """How many keys each time."""

    async def person_keys_by_id(self, key_ids: Sequence[str]) -> tuple[PersonKey, ...]:
        self.asked.append(len(key_ids))
        return await super().person_keys_by_id(key_ids)


async def test_entries_are_opened_many_at_a_time_in_their_order(tmp_path: Path) -> None:
    engine, store = Engine(tmp_path / "gatepost.jsonl"), CountedKeys()
    engine.person_keys = PersonKeys(store, engine.keys)
    given = AuditEvent(event="admin.number_set", person=person(0), personal={"destination": "...456"})
    await engine.write(*(signed_in(person(number % PEOPLE), number=number) for number in range(ENTRIES)), given)
    entries = [each async for each in read_audit(files_of(engine.base), engine.person_keys)]
    of_people = [each.event for each in entries if each.persons]
    assert [(each.actor, each.facts.get("number")) for each in of_people[:-1]] == [
        (person(number % PEOPLE), number) for number in range(ENTRIES)
    ]
    assert (of_people[-1].person, of_people[-1].personal) == (person(0), given.personal)
    assert len(store.asked) <= ENTRIES / 100
    assert max(store.asked) <= PEOPLE


async def test_who_is_erased_during_a_reading_is_not_read_to_its_end(tmp_path: Path) -> None:
    engine = Engine(tmp_path / "gatepost.jsonl")
    await engine.write(*(signed_in(person(number % PEOPLE)) for number in range(ENTRIES)))
    seen: list[bool] = []
    async for entry in read_audit(files_of(engine.base), engine.person_keys):
        if not seen:
            await engine.person_keys.erase_person(person(0).guid)
        seen.append(entry.is_erased)
        assert not (entry.is_erased and entry.persons)
    assert sum(seen) > ENTRIES / PEOPLE / 2
