"""A `Recorder` that keeps what it is handed, and lets nothing pass that an audit may not hold.

So each test that runs on it, whatever it is about, also shows that the table of events is right.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from proxy.audit.event import AuditEvent
from proxy.audit.events import EVENTS
from proxy.audit.recorder import AuditUnavailable

_BY_NO_CHANCE = 12


class KeptEvents:
    def __init__(self, *, secrets: Collection[str] = (), names: Collection[str] = ()) -> None:
        """`secrets` are in no field. `names` are of persons: sealed, or not at all."""
        self._secrets = secrets
        self._names = names
        self.events: list[AuditEvent] = []
        self.is_full = False
        """Nothing can be written, and it is required."""

    def record(self, event: AuditEvent) -> None:
        meaning = EVENTS[event.event]
        assert event.facts.keys() <= set(meaning.facts), event
        assert event.personal.keys() <= set(meaning.personal), event
        assert not _holding(self._names, event.facts.values()), event
        self.holds_none_of(self._secrets, event)
        self.events.append(event)

    def holds_none_of(self, secrets: Collection[str], *events: AuditEvent) -> None:
        """Of `events`, or of all."""
        for event in events or self.events:
            persons = [each for each in (event.actor, event.person) if each is not None]
            named = [each for person in persons for each in (person.name, person.guid, person.realm)]
            told = [event.incident, event.address, *named, *event.facts.values(), *event.personal.values()]
            assert not _holding(secrets, told), event

    async def written(self) -> None:
        if self.is_full:
            raise AuditUnavailable("the audit cannot be written: no space left on the device")

    @property
    def names(self) -> list[str]:
        return [each.event for each in self.events]

    def of(self, name: str) -> list[AuditEvent]:
        return [each for each in self.events if each.event == name]

    def one(self, name: str) -> AuditEvent:
        (found,) = self.of(name)
        return found


def _holding(texts: Collection[str], values: Iterable[object]) -> list[str]:
    found = [value for value in values if isinstance(value, str)]
    return [text for text in texts for value in found if _is_in(value, text)]


def _is_in(value: str, text: str) -> bool:
    """A short text stands in many a random id by chance: only as a word of its own does it count."""
    if len(text) >= _BY_NO_CHANCE:
        return text in value
    return re.search(rf"(?<![A-Za-z0-9_-]){re.escape(text)}(?![A-Za-z0-9_-])", value) is not None
