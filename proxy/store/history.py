"""Whether what stands in a store's place is what this process knows, its successor, or an older copy of it. Pure.

Every store has an id that it was given when it was made, and a number that only grows with what happens to sessions. A
file that was made when another was lost takes its content over and names it as its predecessor. Instants are epoch
seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

Report = Callable[..., None]
"""`report(event, **fields)`: what the operator should read in the log of the store. On any thread."""

REMEDY = "end everybody's session with gatepost sessions end --all --config FILE, then it is used"


class Judgement(Enum):
    SAME = "same"
    """All that this process has seen committed is in it."""
    FRESH = "fresh"
    """Made when the file before it was gone."""
    ENDED = "ended"
    """Whatever it was: all its sessions were ended since."""
    RESTORED = "restored"
    """It lacks what was committed: sessions that were ended may stand in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What never becomes less in a file that stays the same."""

    newest: int
    """The highest number of a notice."""
    all_ended_at: float
    """When all sessions were ended at once; 0: never."""
    is_doubted: bool
    """Somebody has found out that it lacks what was committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a file says of itself."""

    store_id: str
    predecessors: frozenset[str]
    made_at: float
    """0: it held sessions before it was given an id."""
    marks: Marks


@dataclass(slots=True)
class History:
    """What one process knows of its store; its threads share it."""

    store_id: str = ""
    """Empty: it has seen none so far."""
    newest: int = 0
    """The highest number of a notice that it has seen committed."""
    all_ended_at: float = 0.0
    seen_at: float = 0.0
    """When the file was last seen at its place."""
    former_ids: set[str] = field(default_factory=set)
    changes: int = 0
    """How often another file was taken: what was heard before says nothing of it."""
    doubt: str = ""
    """Why nothing is read from what is there."""
    made_within_seconds: float = 2.0
    """One that was made no earlier than so long before the last was seen was made because that one was gone."""

    def judge(self, facts: Facts) -> Judgement:
        if not self.store_id:
            return Judgement.RESTORED if facts.marks.is_doubted else Judgement.SAME
        is_known = self.store_id == facts.store_id or self.store_id in facts.predecessors
        is_whole = is_known and facts.marks.newest >= self.newest
        if facts.marks.is_doubted:
            return Judgement.RESTORED
        if facts.marks.all_ended_at > self.all_ended_at:
            return Judgement.ENDED
        if is_known:
            return Judgement.SAME if is_whole else Judgement.RESTORED
        return Judgement.FRESH if facts.made_at >= self.seen_at - self.made_within_seconds else Judgement.RESTORED

    def take(self, facts: Facts, judgement: Judgement) -> None:
        """Go on with this file."""
        if self.store_id and self.store_id != facts.store_id:
            self.former_ids.add(self.store_id)
        if judgement in (Judgement.FRESH, Judgement.ENDED):
            self.changes += 1
            self.newest = facts.marks.newest
        self.store_id = facts.store_id
        self.note(facts.marks)
        self.doubt = ""

    def note(self, marks: Marks) -> None:
        """This was seen committed."""
        self.newest = max(self.newest, marks.newest)
        self.all_ended_at = max(self.all_ended_at, marks.all_ended_at)
