"""Reads of sessions that wait for the store: news that arrives in the meantime is newer than their results."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Meanwhile:
    """What was heard during one read; to be entered before the store is asked."""

    under_way: set[Meanwhile]
    """It is one of these until it is left."""
    ended: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    has_gap: bool = False
    """Whether more may have ended or changed: notices were missed."""

    def __enter__(self) -> Meanwhile:
        self.under_way.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.under_way.discard(self)


class Readings:
    """All reads of one worker that wait for the store."""

    def __init__(self) -> None:
        self._under_way: set[Meanwhile] = set()

    def begun(self) -> Meanwhile:
        return Meanwhile(self._under_way)

    def note_end(self, session_id: str) -> None:
        for reading in self._under_way:
            reading.ended.add(session_id)

    def note_change(self, session_id: str) -> None:
        for reading in self._under_way:
            reading.changed.add(session_id)

    def note_gap(self) -> None:
        for reading in self._under_way:
            reading.has_gap = True
