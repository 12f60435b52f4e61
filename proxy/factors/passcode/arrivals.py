"""How long each channel's passcodes take, as all workers and nodes have measured it: kept in the store.

So the pages of all of them say the same. What a worker knows is at most `READ_SECONDS` old.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from proxy.factors.passcode.arrival_times import PasscodeArrival
from proxy.factors.passcode.passcode_store import ArrivalStore
from proxy.operations.store_errors import StoreUnavailable

READ_SECONDS = 5.0


class Arrivals:
    def __init__(self, store: ArrivalStore) -> None:
        self._store = store
        self._known: dict[str, tuple[float, Sequence[PasscodeArrival]]] = {}
        """By channel: when it was read, and what."""

    async def note(self, channel: str, *, sent_at: float, entered_at: float) -> None:
        """A passcode that was sent once, by this channel, and accepted. If the store is down, nothing is recorded."""
        if entered_at < sent_at:  # a clock was set back
            return
        with suppress(StoreUnavailable):  # a failed measurement must not stop a sign-in
            await self._store.put_arrival(channel, PasscodeArrival(entered_at, entered_at - sent_at))
        self._known.pop(channel, None)

    async def of(self, channel: str, *, now: float) -> Sequence[PasscodeArrival]:
        """The latest ones. Raises `StoreUnavailable`."""
        read_at, known = self._known.get(channel, (now - READ_SECONDS, ()))
        if not 0 <= now - read_at < READ_SECONDS:
            known = await self._store.arrivals(channel)
            self._known[channel] = (now, known)
        return known
