"""Whether the store at a place is the one that this process knows, its successor, or an older copy of it. Pure.

Every store gets an id when it is created, and a number that only grows with what happens to sessions. If an older copy
is put in place, that number is lower than one that was seen committed: sessions that had ended would be live in it. A
file that replaces a lost one takes over its content and names it as its predecessor. Instants are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

Report = Callable[..., None]
"""`report(event, **fields)`: what the operator should read about the store in the log. Called on any thread."""

REMEDY = "end everybody's session with gatepost sessions end --all --config FILE, then it is used"


class Judgement(Enum):
    SAME = "same"
    """Everything that this process has seen committed is in it."""
    FRESH = "fresh"
    """Created when the file before it was gone."""
    ENDED = "ended"
    """It may be any copy, but all its sessions were ended since."""
    RESTORED = "restored"
    """It lacks something that was committed: ended sessions may be live in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What never decreases while a file stays the same."""

    newest: int
    """The highest number of a notice."""
    all_ended_at: float
    """When all sessions were ended at once; 0: never."""
    is_doubted: bool
    """A process has found that it lacks something that was committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a file says about itself."""

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
    """How often another file was accepted: what was heard before says nothing about the new one."""
    doubt: str = ""
    """Why nothing may be read from the file in place."""
    made_within_seconds: float = 2.0
    """A file created no earlier than this long before the last one was seen was created because that one was gone."""

    @property
    def known(self) -> Marks:
        """What this process has seen committed: to compare with what is read later."""
        return Marks(newest=self.newest, all_ended_at=self.all_ended_at, is_doubted=bool(self.doubt))

    def judge(self, facts: Facts) -> Judgement:
        if not self.store_id:
            return Judgement.RESTORED if facts.marks.is_doubted else Judgement.SAME
        is_known = self.store_id == facts.store_id or self.store_id in facts.predecessors
        # The number never decreases in one store. A lower one than was seen committed means an older copy.
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
