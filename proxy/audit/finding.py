"""What is looked for in the audit, and how what is found is shown. Pure, over entries."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from proxy.audit.entry import OpenedEntry
from proxy.audit.event import AuditedPerson, AuditEvent
from proxy.audit.lines import ChainLine

_OF_OTHERS = frozenset({"by", "asked_of"})
"""Personal fields that are about neither the actor nor the person."""
ANOTHER = "another person"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuestion:
    """Everything that is asked must hold. Nothing asked: every entry."""

    guids: frozenset[str] | None = field(default=None, repr=False)
    """Whoever did it, or had it done to them; None: anybody."""
    app: str = ""
    since: float = 0.0
    event: str = ""
    """A name, or the part of one before its dot."""


def is_wanted(entry: OpenedEntry, question: AuditQuestion) -> bool:
    return (
        entry.time >= question.since
        and (not question.event or question.event in (entry.event.event, entry.event.event.partition(".")[0]))
        and (not question.app or question.app in apps_of(entry))
        and (question.guids is None or any(each.guid in question.guids for each in entry.persons))
    )


def may_be_wanted(line: ChainLine, question: AuditQuestion, key_ids: frozenset[str] | None) -> bool:
    """The same of a line that nobody has opened yet. `key_ids`: of the keys that seal what is about `question.guids`;
    None: anybody."""
    in_the_clear = AuditEvent(event=line.event, facts=line.facts)
    entry = OpenedEntry(time=line.time, chain=line.chain, seq=line.seq, event=in_the_clear)
    return is_wanted(entry, replace(question, guids=None)) and (key_ids is None or line.is_sealed_under(key_ids))


def apps_of(entry: OpenedEntry) -> Collection[str]:
    facts = entry.event.facts
    return {str(facts.get("app", "")), *str(facts.get("apps", "")).split(", ")} - {""}


def as_json(entry: OpenedEntry) -> dict[str, Any]:
    """With the names of docs/audit.md; what is empty is left out."""
    event = entry.event
    fields = {
        "time": instant(entry.time),
        "chain": entry.chain,
        "seq": entry.seq,
        "event": event.event,
        "actor": person_as_json(event.actor),
        "person": person_as_json(event.person),
        "address": event.address,
        "incident": event.incident,
        "way": event.way,
        "facts": dict(event.facts),
        "personal": dict(event.personal),
        "erased": entry.is_erased,
    }
    return {name: value for name, value in fields.items() if value or name == "seq"}


def for_person(entry: OpenedEntry, guid: str) -> dict[str, Any]:
    """What a person is given of an entry that concerns them: without what is somebody else's (GDPR article 15(4)).

    Where somebody else acted, their address is theirs.
    """
    fields = as_json(entry)
    for role, whose in (("actor", entry.event.actor), ("person", entry.event.person)):
        if whose is not None and whose.guid != guid:
            fields[role] = ANOTHER
    if entry.event.actor is not None and entry.event.actor.guid != guid:
        fields.pop("address", None)
    personal = {name: value for name, value in entry.event.personal.items() if name not in _OF_OTHERS}
    is_about_them = entry.event.person is None or entry.event.person.guid == guid
    fields.pop("personal", None)
    return fields | ({"personal": personal} if personal and is_about_them else {})


def row_of(entry: OpenedEntry) -> tuple[str, ...]:
    """Of the table that people read: when, what, who, to whom, from where, what else."""
    event = entry.event
    more: Mapping[str, object] = {**event.facts, **event.personal}
    words = [*([f"way={event.way}"] if event.way else []), *(f"{name}={value}" for name, value in more.items())]
    gone = ["(erased)"] if entry.is_erased else []
    return (
        instant(entry.time),
        event.event,
        name_of(event.actor),
        name_of(event.person),
        event.address,
        "; ".join([*words, *gone]),
    )


HEAD = ("TIME", "EVENT", "WHO", "TO WHOM", "FROM", "FACTS")


def name_of(person: AuditedPerson | None) -> str:
    if person is None:
        return ""
    return f"{person.name or person.guid}{f' ({person.realm})' if person.realm else ''}"


def instant(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def person_as_json(person: AuditedPerson | None) -> dict[str, str] | None:
    if person is None:
        return None
    fields = {"realm": person.realm, "guid": person.guid, "name": person.name}
    return {name: value for name, value in fields.items() if value}
