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
from proxy.audit.person_keys import PersonKeys, PersonKeyStore, month_of
from proxy.operations.store_errors import StoreError
from proxy.rehearsal.decisions import DecisionStore, SealedDecision, day_of, name_of, to_bytes
from proxy.secrets.keys import Keys, Purpose
from proxy.sessions.decided import DecidedAccess

TURN_SECONDS = 0.5
AT_ONCE = 50
"""So many are sealed and written in one turn. In the morning everybody comes at once, and requests must not wait."""
MOST_WAITING = 20_000
"""What is more is noted when it is decided again."""
MOST_AT_THE_END = 2000
_MOST_KNOWN = 100_000
"""Of a day, as known to be noted: beyond that some are written again, and kept once all the same."""
_DAY_SECONDS = 86_400


def create_notes(
    store: DecisionStore, person_keys: PersonKeyStore, keys: Keys, *, keep_seconds: float, clock: Callable[[], float]
) -> DecisionNotes:
    key = keys.same_name(Purpose.AUDIT, b"decisions")
    return DecisionNotes(store, PersonKeys(person_keys, keys), key=key, keep_seconds=keep_seconds, clock=clock)


class DecisionNotes:
    """Of one worker."""

    def __init__(
        self,
        store: DecisionStore,
        sealing: PersonKeys,
        *,
        key: bytes,
        keep_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        """`key` names decisions: the same in all workers, and from day to day. `keep_seconds`: 0, and nothing is
        kept."""
        self._store = store
        self._sealing = sealing
        self._key = key
        self._keep_seconds = keep_seconds
        self._clock = clock
        self._day = -1
        self._known: set[int] = set()
        """Their hashes: where two are the same, one is not kept, which does not matter."""
        self._waiting: deque[tuple[float, DecidedAccess]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def note(self, decided: DecidedAccess) -> None:
        """`NoteDecision`."""
        if not self._keep_seconds:
            return
        now = self._clock()
        day = int(now // _DAY_SECONDS)
        if day != self._day or len(self._known) >= _MOST_KNOWN:
            self._day = day
            self._known.clear()
        known_as = hash(decided)
        if known_as not in self._known and len(self._waiting) < MOST_WAITING:
            self._known.add(known_as)
            self._waiting.append((now, decided))

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
        part = list(itertools.islice(self._waiting, most))
        if not part:
            return
        boxes = await self._sealing.seal_all([(each.guid, month_of(at), to_bytes(each)) for at, each in part])
        sealed = [
            SealedDecision(name=self._name(at, each), day=day_of(at), key_id=box.key_id, sealed=box.sealed)
            for (at, each), box in zip(part, boxes, strict=True)
        ]
        await self._store.put_decisions(sealed, forgotten_at=part[-1][0] + self._keep_seconds)
        for _ in part:
            self._waiting.popleft()

    def _name(self, at: float, decided: DecidedAccess) -> bytes:
        # One client has many addresses of its IPv6 network in a day: it counts as one, as in all limits.
        return name_of(self._key, day_of(at), replace(decided, address=network_of(decided.address)))
