"""A rung that somebody put in force, as it is kept for all nodes. Instants are epoch seconds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

MOST_REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunRung:
    """What was decided about one rung, and by whom. It stays after its end, so that the end can be told."""

    name: str
    what: str
    """The value of its `RungKind` at that time: what is called the same by now, and means another thing, is not in
    force."""
    begun_at: float
    decided_at: float
    """When its end was decided last: when it began, or was put in force again."""
    ends_at: float
    reason: str = field(repr=False)
    by: str = field(repr=False)
    """The user of the operating system who ran the command."""
    ended_at: float | None = None
    """When somebody ended it before its time."""
    ended_by: str = field(default="", repr=False)
    is_begin_told: bool = False
    """Whether some worker has written into log and audit that it began, or that it ended."""
    is_end_told: bool = False

    @property
    def is_over(self) -> bool:
        """Whether its end was said or seen, whatever a clock says that was turned back."""
        return self.ended_at is not None or self.is_end_told

    def ended(self, *, by: str, now: float) -> BegunRung:
        """The same, ended before its time."""
        return replace(self, ended_at=now, ended_by=by)


class DegradeStore(Protocol):
    """One decision for each name, the last one. Methods raise `StoreUnavailable`."""

    async def put_rung(self, rung: BegunRung, *, seen: BegunRung | None) -> bool:
        """In place of the one of this name, which was `seen` (None: there was none). False: it is another one by now,
        and nothing was done."""
        ...

    async def rungs(self) -> tuple[BegunRung, ...]:
        """All that are kept, ended ones too, in the order in which they began."""
        ...
