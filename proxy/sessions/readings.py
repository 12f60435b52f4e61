"""Reads of sessions that wait for the store: news that arrives in the meantime is newer than their results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Meanwhile:
    """What was heard during one read."""

    ended: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    has_gap: bool = False
    """Whether more may have ended or changed: notices were missed."""


class Readings:
    """All reads of one worker that wait for the store."""

    def __init__(self) -> None:
        self._under_way: list[Meanwhile] = []

    @contextmanager
    def begun(self) -> Iterator[Meanwhile]:
        """To be entered before the store is asked."""
        reading = Meanwhile()
        self._under_way.append(reading)
        try:
            yield reading
        finally:
            self._under_way = [other for other in self._under_way if other is not reading]

    def note_end(self, session_id: str) -> None:
        for reading in self._under_way:
            reading.ended.add(session_id)

    def note_change(self, session_id: str) -> None:
        for reading in self._under_way:
            reading.changed.add(session_id)

    def note_gap(self) -> None:
        for reading in self._under_way:
            reading.has_gap = True
