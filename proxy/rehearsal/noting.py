"""What a worker notes of the decisions that it makes: in memory at once, into the store now and then.

Nothing waits for it. Where the store is away, or the worker is killed, some decisions are not kept: a rehearsal then
knows less, and nobody is let in or kept out by that.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace

from proxy.access.networks import network_of
from proxy.audit.person_keys import PersonKeys, PersonKeyStore, month_of
from proxy.operations.store_errors import StoreError
from proxy.rehearsal.decisions import DecisionStore, SealedDecision, day_of, name_of, to_bytes
from proxy.secrets.keys import Keys, Purpose
from proxy.sessions.decided import DecidedAccess

FLUSH_SECONDS = 10.0
MOST_WAITING = 20_000
"""While the store is away."""
_MOST_KNOWN = 200_000
"""Of a day, as known to be noted: beyond that some are written again, and kept once all the same."""
_AT_ONCE = 500


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
        self._day = ""
        self._known: set[DecidedAccess] = set()
        self._waiting: list[tuple[str, float, DecidedAccess]] = []

    def note(self, decided: DecidedAccess) -> None:
        """`NoteDecision`."""
        if not self._keep_seconds:
            return
        now = self._clock()
        day = day_of(now)
        if day != self._day or len(self._known) >= _MOST_KNOWN:
            self._day = day
            self._known.clear()
        # One client has many addresses of its IPv6 network in a day: it counts as one, as in all limits.
        known_as = replace(decided, address=network_of(decided.address))
        if known_as not in self._known and len(self._waiting) < MOST_WAITING:
            self._known.add(known_as)
            self._waiting.append((day, now, decided))

    async def run(self, *, flush_seconds: float = FLUSH_SECONDS) -> None:
        """Until cancelled; then what waits is written once more. Outlives any failure of the store."""
        try:
            while True:
                await asyncio.sleep(flush_seconds)
                with contextlib.suppress(StoreError):
                    await self.flush()
        finally:
            with contextlib.suppress(StoreError):
                await self.flush()

    async def flush(self) -> None:
        """Raises `StoreUnavailable`, and keeps what was not written."""
        while self._waiting:
            part = self._waiting[:_AT_ONCE]
            boxes = await self._sealing.seal_all(
                [(decided.guid, month_of(at), to_bytes(decided)) for _, at, decided in part]
            )
            sealed = [
                SealedDecision(name=self._name(day, decided), day=day, key_id=box.key_id, sealed=box.sealed)
                for (day, _, decided), box in zip(part, boxes, strict=True)
            ]
            forgotten_at = max(at for _, at, _ in part) + self._keep_seconds
            await self._store.put_decisions(sealed, forgotten_at=forgotten_at)
            del self._waiting[: len(part)]

    def _name(self, day: str, decided: DecidedAccess) -> bytes:
        return name_of(self._key, day, replace(decided, address=network_of(decided.address)))
