"""What of an event is personal: it is sealed, each part under the key of the one that it is about."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from proxy.audit.event import AuditedPerson, AuditEvent
from proxy.audit.person_keys import NOBODY, PersonKeys, SealedBox, month_of

_STEP = 64
"""Bytes."""


async def seal_events(
    person_keys: PersonKeys, events: Sequence[tuple[float, AuditEvent]]
) -> list[Mapping[str, SealedBox]]:
    """The boxes of each, which happened at an instant. Raises `StoreError`."""
    places, wanted = [], []
    for position, (time, event) in enumerate(events):
        for name, (guid, plain) in personal_parts(event).items():
            places.append((position, name))
            wanted.append((guid, month_of(time), plain))
    sealed: list[dict[str, SealedBox]] = [{} for _ in events]
    for (position, name), box in zip(places, await person_keys.seal_all(wanted), strict=True):
        sealed[position][name] = box
    return list(sealed)


def personal_parts(event: AuditEvent) -> dict[str, tuple[str, bytes]]:
    """What is to be sealed: the name of its box, the GUID whose key it is sealed under (or `NOBODY`), and the text."""
    parts: dict[str, dict[str, Any]] = {}
    whose: dict[str, str] = {}
    for name, person in (("actor", event.actor), ("person", event.person)):
        if person is not None:
            parts[name], whose[name] = _person(person), person.guid
    about = "person" if event.person is not None else "actor" if event.actor is not None else "nobody"
    if event.address:
        parts.setdefault("actor" if event.actor is not None else "nobody", {})["address"] = event.address
    if event.personal:
        parts.setdefault(about, {})["personal"] = dict(event.personal)
    return {
        name: (whose.get(name, NOBODY), _padded(json.dumps(part, separators=(",", ":")).encode("ascii")))
        for name, part in parts.items()
    }


def _padded(text: bytes) -> bytes:
    """To whole steps, by spaces, which JSON passes over: a box does not tell how long a name is."""
    return text.ljust(-(-len(text) // _STEP) * _STEP)


def _person(person: AuditedPerson) -> dict[str, Any]:
    named = {"name": person.name} if person.name else {}
    return {"realm": person.realm, "guid": person.guid, **named}
