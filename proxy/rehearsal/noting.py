"""What a worker notes of the decisions that it makes: in memory at once, into the store now and then.

Nothing waits for it. Where the store is away, or the worker is killed, some decisions are not kept: a rehearsal then
knows less, and nobody is let in or kept out by that.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from proxy.access.networks import network_of
from proxy.audit.files import day_of
from proxy.audit.person_keys import PersonKeys, PersonKeyStore, month_of
from proxy.operations.store_errors import StoreError
from proxy.rehearsal.decisions import DecisionStore, SealedDecision, to_bytes
from proxy.secrets.keys import Keys
from proxy.sessions.decided import DecidedAccess

TURN_SECONDS = 0.5
AT_ONCE = 50
"""So many are sealed and written in one turn. In the morning everybody comes at once, and requests must not wait."""
MOST_WAITING = 10_000
"""What is more is not kept."""
MOST_AT_THE_END = 2000
_MOST_KNOWN = 25_000
"""Of a day, as known to be noted: beyond that some are written again, and kept once all the same."""
_DAY_SECONDS = 86_400


def create_notes(
    store: DecisionStore, person_keys: PersonKeyStore, keys: Keys, *, keep_seconds: float, clock: Callable[[], float]
) -> DecisionNotes:
    return DecisionNotes(store, PersonKeys(person_keys, keys), keep_seconds=keep_seconds, clock=clock)


class DecisionNotes:
    """Of one worker."""

    def __init__(
        self,
        store: DecisionStore,
        sealing: PersonKeys,
        *,
        keep_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        """`keep_seconds`: 0, and nothing is kept."""
        self._store = store
        self._sealing = sealing
        self._keep_seconds = keep_seconds
        self._clock = clock
        self._day = -1
        self._known: set[int] = set()
        """Their hashes: where two are the same, one is not kept, which does not matter."""
        self._new: deque[tuple[float, DecidedAccess]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._new)

    def note(self, made: Callable[[], DecidedAccess]) -> None:
        """`NoteDecision`. What made it may hold a whole session, so only the value waits."""
        if self._keep_seconds and self.waiting < MOST_WAITING:
            self._look_at(self._clock(), made())

    async def run(self, *, turn_seconds: float = TURN_SECONDS) -> None:
        """Until cancelled; then what waits is written once more. Outlives any failure of the store."""
        try:
            while True:
                await asyncio.sleep(turn_seconds)
                with contextlib.suppress(StoreError):
                    await self.write(AT_ONCE)
        finally:
            with contextlib.suppress(StoreError):
                await self.write(MOST_AT_THE_END)

    async def write(self, most: int) -> None:
        """The oldest of what waits. Raises `StoreUnavailable`, and keeps what was not written."""
        part = list(itertools.islice(self._new, most))
        if not part:
            return
        named = await self._sealing.seal_named(
            [(each.guid, month_of(at), to_bytes(each), _same_in_a_day(at, each)) for at, each in part]
        )
        sealed = [
            SealedDecision(name=name, day=day_of(at), key_id=box.key_id, sealed=box.sealed)
            for (at, _), (name, box) in zip(part, named, strict=True)
        ]
        await self._store.put_decisions(sealed, forgotten_at=part[-1][0] + self._keep_seconds)
        for _ in part:
            self._new.popleft()

    def _look_at(self, at: float, decided: DecidedAccess) -> None:
        day = int(at // _DAY_SECONDS)
        if day != self._day or len(self._known) >= _MOST_KNOWN:
            self._day = day
            self._known.clear()
        known_as = hash(decided)
        if known_as not in self._known:
            self._known.add(known_as)
            self._new.append((at, decided))


def _same_in_a_day(at: float, decided: DecidedAccess) -> bytes:
    # One client has many addresses of its IPv6 network in a day: it counts as one, as in all limits.
    return day_of(at).encode() + to_bytes(replace(decided, address=network_of(decided.address)))
