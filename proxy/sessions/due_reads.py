"""Which persons with live sessions are to be read from their directory next. Pure; instants are of one clock, seconds.

Persons who changed come first, then those in changed groups, then everybody after a gap. Last comes the safety net:
each person is read again at most `recheck_seconds` after the last time, spread out at random so that they never come
together.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from directory.directory import Changes

LOOKED_AT = 200
"""How many persons are looked up each time: do they still exist, and may they still sign in?"""
LOOKED_AT_IN_DOUBT = 10_000
"""The same after a change that could not be seen, until everybody was looked up once."""
DOUBT_SECONDS = 3.0
"""How far apart two such looks are, or a busy directory would do little else."""
REMEMBERED_SECONDS = 60.0
"""How long a change is kept for sessions that were made from data read before it."""
_TICKS = 4
"""The net comes in quarters of a second."""
_NO_FACTS = -1
"""`hash` never says so."""


@dataclass(slots=True, kw_only=True)
class _Queues:
    changed: dict[str, str] = field(default_factory=dict)
    affected: dict[str, str] = field(default_factory=dict)
    everybody: dict[str, str] = field(default_factory=dict)


class DueReads:
    """Of one realm. A person is named by GUID; with each goes the server to read them from ("" is any)."""

    def __init__(self, recheck_seconds: float, *, random: Callable[[], float]) -> None:
        """`random`: numbers from 0 to 1, to spread the net."""
        self._recheck_seconds = recheck_seconds
        self._random = random
        self._persons: dict[str, int] = {}
        """Where to find each in the columns that follow: of a hundred thousand, objects would be too large."""
        self._groups: list[frozenset[str]] = []
        self._newest_at = array("d")
        """When their newest session was created."""
        self._due_tick = array("q")
        self._facts = array("q")
        self._free: list[int] = []
        """Places of those who are gone."""
        self._turn = 0
        self._look_again_at = float("-inf")
        self._to_look_at = 0
        """How many have not been looked up since something changed that could not be seen."""
        self._queues = _Queues()
        self._soon: list[tuple[float, str, str]] = []
        self._net: dict[int, list[str]] = {}
        """By tick."""
        self._ticks: list[int] = []
        """A heap."""
        self._recent: dict[str, tuple[float, str]] = {}
        self._unsettled_until = float("-inf")
        """Until when a new session may still come from data read before groups or everybody changed."""

    def __len__(self) -> int:
        return len(self._persons)

    def __contains__(self, guid: str) -> bool:
        return guid in self._persons

    @property
    def backlog(self) -> int:
        """How many are due because something changed; the net does not count."""
        queues = self._queues
        return len(queues.changed) + len(queues.affected) + len(queues.everybody)

    def to_look_at(self, now: float) -> list[str]:
        """Everybody in turn: some at a time, and more while somebody may have been deleted unseen."""
        guids = list(self._persons)
        count = min(len(guids), LOOKED_AT)
        if self._to_look_at and now >= self._look_again_at:
            count = min(len(guids), LOOKED_AT_IN_DOUBT)
            self._look_again_at = now + DOUBT_SECONDS
        start = self._turn % len(guids) if guids else 0
        self._turn = start + count
        self._to_look_at = max(0, self._to_look_at - count)
        return (guids[start:] + guids[:start])[:count]

    def put(self, guid: str, groups: frozenset[str], newest_at: float, now: float) -> None:
        """A person has a live session; the newest was created at `newest_at`."""
        known = self._persons.get(guid)
        if known is None:
            known = self._persons[guid] = self._place()
            self._groups[known] = groups
            self._due_again(guid, now + self._random() * self._recheck_seconds)
        elif newest_at <= self._newest_at[known]:
            return
        self._newest_at[known] = newest_at
        if guid in self._recent:
            self._queues.changed[guid] = self._recent[guid][1]
        elif now < self._unsettled_until:
            self._queues.affected[guid] = ""

    def groups_of(self, guid: str) -> frozenset[str]:
        """What they were in when they were put, or read last."""
        return self._groups[self._persons[guid]]

    def facts_of(self, guid: str) -> int | None:
        """What `hold` was told last of somebody who is here."""
        known = self._persons.get(guid)
        return None if known is None or self._facts[known] == _NO_FACTS else self._facts[known]

    def hold(self, guid: str, facts: int) -> None:
        """Their sessions hold these: the hash of a principal."""
        known = self._persons.get(guid)
        if known is not None:
            self._facts[known] = facts

    def drop(self, guid: str) -> None:
        """They no longer have a session."""
        self._free.append(self._persons.pop(guid))

    def note(self, changes: Changes, now: float) -> None:
        """Take in what a server reported."""
        self._recent = {guid: seen for guid, seen in self._recent.items() if seen[0] > now}
        for guid in changes.entries:
            self._recent[guid] = (now + REMEMBERED_SECONDS, changes.seen_at)
            if guid in self._persons:
                self._queues.changed[guid] = changes.seen_at
        if changes.is_partial:
            self._to_look_at = len(self._persons)
        if changes.groups or changes.is_gap:
            self._unsettled_until = now + REMEMBERED_SECONDS
            # We do not know who has come into a group until they are read.
            for guid, known in self._persons.items():
                was_in = not changes.groups.isdisjoint(self._groups[known])
                (self._queues.affected if was_in else self._queues.everybody)[guid] = changes.seen_at

    def doubt(self, guid: str) -> None:
        """Something seems to be wrong with this person's account."""
        self._queues.changed.setdefault(guid, "")

    def take(self, now: float) -> tuple[str, str] | None:
        """The next to be read, and where; None if nobody is due. Then comes `was_read`, or else `put_off`."""
        while self._soon and self._soon[0][0] <= now:
            _, guid, seen_at = heapq.heappop(self._soon)
            self._queues.changed.setdefault(guid, seen_at)
        for queue in (self._queues.changed, self._queues.affected, self._queues.everybody):
            while queue:
                guid = next(iter(queue))
                seen_at = queue.pop(guid)
                if guid in self._persons:
                    return guid, seen_at
        while self._ticks and (tick := self._ticks[0]) <= now * _TICKS:
            while self._net[tick]:
                guid = self._net[tick].pop()
                known = self._persons.get(guid)
                if known is not None and self._due_tick[known] == tick:
                    return guid, ""
            del self._net[heapq.heappop(self._ticks)]
        return None

    def was_read(self, guid: str, groups: frozenset[str], now: float) -> None:
        """The safety net's own turn stays as it was: otherwise all who are read after a gap would come together from
        then on."""
        known = self._persons.get(guid)
        if known is None:
            return
        self._groups[known] = groups
        if self._due_tick[known] <= now * _TICKS:
            self._due_again(guid, now + (0.9 + 0.1 * self._random()) * self._recheck_seconds)

    def put_off(self, guid: str, seen_at: str, until: float) -> None:
        """They are to be read (again) then, before others."""
        heapq.heappush(self._soon, (until, guid, seen_at))

    def _due_again(self, guid: str, due_at: float) -> None:
        tick = self._due_tick[self._persons[guid]] = int(due_at * _TICKS)
        if tick not in self._net:
            self._net[tick] = []
            heapq.heappush(self._ticks, tick)
        self._net[tick].append(guid)

    def _place(self) -> int:
        """For somebody new."""
        if self._free:
            place = self._free.pop()
            self._facts[place] = _NO_FACTS
            return place
        self._groups.append(frozenset())
        self._newest_at.append(0.0)
        self._due_tick.append(0)
        self._facts.append(_NO_FACTS)
        return len(self._groups) - 1
