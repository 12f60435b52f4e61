"""Whether a file is the store that this process knows, its successor, or an older copy of it.

Every file has an id that it was given when it was made, and the number of its newest notice, which only grows. A file
that was made when another was lost takes its content over and names it as its predecessor. Instants are epoch seconds.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from enum import Enum

MADE_WITHIN_SECONDS = 2.0
"""A file that was made no earlier than so long before the last one was seen was made because that one was gone."""
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


@dataclass(frozen=True, slots=True)
class Marks:
    """What never becomes less in a file that stays the same."""

    newest: int
    all_ended_at: float
    is_doubted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a file says of itself."""

    store_id: str
    predecessors: frozenset[str]
    made_at: float
    """0: it held sessions before it was given an id."""
    all_ended_at: float
    """When all sessions were ended at once; 0: never."""
    is_doubted: bool
    """Somebody has found out that it lacks what was committed."""
    newest: int


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
    """Why nothing is read from the file that stands there."""

    def judge(self, facts: Facts) -> Judgement:
        if not self.store_id:
            return Judgement.RESTORED if facts.is_doubted else Judgement.SAME
        is_known = self.store_id == facts.store_id or self.store_id in facts.predecessors
        is_whole = is_known and facts.newest >= self.newest
        if facts.is_doubted:
            return Judgement.RESTORED
        if facts.all_ended_at > self.all_ended_at:
            return Judgement.ENDED
        if is_known:
            return Judgement.SAME if is_whole else Judgement.RESTORED
        return Judgement.FRESH if facts.made_at >= self.seen_at - MADE_WITHIN_SECONDS else Judgement.RESTORED

    def take(self, facts: Facts, judgement: Judgement) -> None:
        """Go on with this file."""
        if self.store_id and self.store_id != facts.store_id:
            self.former_ids.add(self.store_id)
        if judgement in (Judgement.FRESH, Judgement.ENDED):
            self.changes += 1
            self.newest = facts.newest
        self.store_id = facts.store_id
        self.newest = max(self.newest, facts.newest)
        self.all_ended_at = max(self.all_ended_at, facts.all_ended_at)
        self.doubt = ""

    def note(self, marks: Marks) -> None:
        """This was seen committed."""
        self.newest = max(self.newest, marks.newest)
        self.all_ended_at = max(self.all_ended_at, marks.all_ended_at)


def read_facts(connection: sqlite3.Connection) -> Facts:
    row = connection.execute("SELECT store_id, made_at, all_ended_at, is_doubted FROM store_file").fetchone()
    predecessors = connection.execute("SELECT store_id FROM predecessors").fetchall()
    marks = read_marks(connection)
    return Facts(
        store_id=row[0],
        predecessors=frozenset(store_id for (store_id,) in predecessors),
        made_at=row[1],
        all_ended_at=row[2],
        is_doubted=bool(row[3]),
        newest=marks.newest,
    )


def read_marks(connection: sqlite3.Connection) -> Marks:
    """Cheap enough for each group of jobs."""
    newest, all_ended_at, is_doubted = connection.execute(
        "SELECT (SELECT seq FROM sqlite_sequence WHERE name = 'notices'), all_ended_at, is_doubted FROM store_file"
    ).fetchone()
    return Marks(newest or 0, all_ended_at, bool(is_doubted))


def doubt_file(connection: sqlite3.Connection) -> None:
    """So that other processes do not use it either, whatever they remember."""
    connection.execute("UPDATE store_file SET is_doubted = 1 WHERE is_doubted = 0")


def mark_all_ended(connection: sqlite3.Connection, now: float) -> None:
    """Nobody's session stands in it: it may be used, whatever it was."""
    connection.execute("UPDATE store_file SET all_ended_at = max(?, all_ended_at + 0.001), is_doubted = 0", (now,))


def name_predecessors(connection: sqlite3.Connection, store_ids: set[str]) -> None:
    """Nothing is taken over from these any more."""
    connection.executemany("INSERT OR IGNORE INTO predecessors VALUES (?)", [(each,) for each in sorted(store_ids)])
