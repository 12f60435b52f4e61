"""Up to when the store knows every use of every session. Pure; instants are of one monotonic clock, seconds.

Each worker writes when sessions were last used, and then increments its own number in the store. If another worker's
number stands still, its uses may be missing: while a disk is full, sessions in use look idle to everybody else. Uses
that were not written because their worker died are not waited for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LAG_SECONDS = 5.0
"""How far the store may be behind while idle sessions are still believed to be idle: several times what a flush
takes."""
SILENT_SECONDS = 30.0
"""A worker that has not written for this long, while others could, is dead: its supervisor would have ended a hanging
one."""


@dataclass(slots=True)
class _Writer:
    count: int
    moved_at: float
    """When it was seen to have written."""
    has_moved: bool
    """Whether that was seen here, or only assumed."""


class WrittenUses:
    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self._written_at = now
        self._writes_since = now
        """Since when this worker could write each time."""
        self._has_failed = False
        """Whether this worker failed to write at some time since everybody else was last seen to write."""
        self._others: dict[str, _Writer] = {}
        self._is_first = True

    def wrote(self, counts: Mapping[str, int], began_at: float) -> list[str]:
        """All uses here up to `began_at` are in the store, and `counts` are everybody's; who is dead."""
        self._written_at = began_at
        for name, count in counts.items():
            other = self._others.get(name)
            if name == self.name:
                continue
            if other is None:
                # One that has come since then has just written.
                self._others[name] = _Writer(count, began_at, not self._is_first)
            elif other.count != count:
                other.count, other.moved_at, other.has_moved = count, began_at, True
        self._is_first = False
        self._others = {name: other for name, other in self._others.items() if name in counts}
        writes_for = began_at - self._writes_since
        dead = [
            name
            for name, other in self._others.items()
            if writes_for >= SILENT_SECONDS and began_at - other.moved_at >= SILENT_SECONDS
        ]
        for name in dead:
            del self._others[name]
        if all(other.has_moved and other.moved_at >= self._writes_since for other in self._others.values()):
            self._has_failed = False
        return dead

    def failed(self, now: float) -> None:
        """This worker could not write. A worker that is seen to write after this has written since."""
        self._writes_since = now
        self._has_failed = True
        if self._is_first:
            self._written_at = float("-inf")  # who else there is, and what they have not written, is not known

    def complete_at(self) -> float | None:
        """Up to when all uses by everybody are in the store; None: not known (yet)."""
        if not all(other.has_moved for other in self._others.values()) or self._written_at == float("-inf"):
            return None
        return min([self._written_at, *(other.moved_at for other in self._others.values())])

    def is_known(self, seconds_ago: float, now: float) -> bool:
        """Whether the store would know if a session that ended this long ago had been used before its end."""
        complete_at = self._written_at
        for other in self._others.values():
            # After a start the others are assumed to have written, unless this worker could not write itself.
            if self._has_failed and not other.has_moved:
                return False
            complete_at = min(complete_at, other.moved_at)
        return seconds_ago >= now - complete_at - LAG_SECONDS
