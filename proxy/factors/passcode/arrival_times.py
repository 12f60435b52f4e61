"""How long passcodes take from being sent to being typed: what is kept of it, and what it says.

They say when a re-send is worth offering, and whether a channel is slow today. Instants are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import median
from typing import Protocol

from proxy.operations.store_errors import StoreUnavailable

MOST_KEPT = 300
"""How many are kept for each channel: the latest ones."""
KEPT_SECONDS = 14 * 86_400.0
"""How long they are kept for a channel that is not used any more."""
READ_SECONDS = 5.0
_ENOUGH_FOR_USUAL = 20
_ENOUGH_FOR_NOW = 5
_RECENT_SECONDS = 3600.0
_SLOW_FACTOR = 2.0
_SLOW_SECONDS = 25.0
MOST_SECONDS = 90.0
"""Nobody is left waiting longer than this before a re-send is offered."""


@dataclass(frozen=True, slots=True)
class PasscodeArrival:
    """Of a passcode that was sent once. If it was sent twice, nobody knows which message was read."""

    at: float
    seconds: float
    """From send to entry, the typing included."""


class ArrivalStore(Protocol):
    """Methods raise `StoreUnavailable`."""

    async def put_arrival(self, channel: str, arrival: PasscodeArrival) -> None:
        """Remember how long one took: of each channel the `MOST_KEPT` that were put last.

        They are forgotten if none came for `KEPT_SECONDS`.
        """
        ...

    async def arrivals(self, channel: str) -> tuple[PasscodeArrival, ...]:
        """Those of this channel, in any order."""
        ...


def offer_after(arrivals: Iterable[PasscodeArrival], *, at_least: float, lifetime: float) -> float:
    """How many seconds after a sending to offer another one: nine of ten passcodes are typed by then.

    The ninth decile, between `at_least` and `MOST_SECONDS`, and early enough that the passcode can still be used. Pure.
    """
    seconds = sorted(each.seconds for each in arrivals)
    if len(seconds) < _ENOUGH_FOR_USUAL:
        return at_least
    usual = seconds[int(len(seconds) * 0.9)]
    return max(at_least, min(usual, MOST_SECONDS, lifetime / 2))


def slow_seconds(arrivals: Iterable[PasscodeArrival], *, now: float) -> int | None:
    """About how long messages take today, if that is much longer than usual; else None.

    The median of the last hour in tens of seconds, if it is high in itself and compared with the time before.
    Pure.
    """
    recent: list[float] = []
    before: list[float] = []
    for each in arrivals:
        (recent if now - each.at < _RECENT_SECONDS else before).append(each.seconds)
    if len(recent) < _ENOUGH_FOR_NOW or (current := median(recent)) < _SLOW_SECONDS:
        return None
    if len(before) >= _ENOUGH_FOR_USUAL and current < _SLOW_FACTOR * median(before):
        return None
    return round(current / 10) * 10


class Arrivals:
    """Of all channels, as all workers and nodes have measured them, so that the pages of all of them say the same. What
    a worker knows is at most `READ_SECONDS` old."""

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
