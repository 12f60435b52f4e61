"""A clock for everything that has a lifetime: epoch seconds that never jump because the system's clock was set.

It starts at the system's time and then runs by a clock that nobody sets. It follows small corrections slowly. It
follows a jump only once the jump has lasted: as long as the clock was right before, within bounds. Code that keeps
instants in memory then learns by how much, so that nothing ends sooner or later than it would have.

Workers start with what the supervisor's clock knows (`Anchor`). A worker that starts during a jump ignores it, and
follows it when the others do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from structlog.typing import FilteringBoundLogger

SKEW_SECONDS = 60.0
"""The clocks of nodes may differ by this much, and a clock may be corrected by it. That is not a jump, and ends
nothing."""
SLOWNESS = 20.0
"""A correction of one second takes this many seconds, so no lifetime is ever more than 5 % too long or too short."""
LEAST_SECONDS, MOST_SECONDS = 15.0, 600.0
"""How long a jump has to last; at most the lifetime of the longest passcode."""
START_SECONDS = 8.0
"""Nothing is deleted for this long after a start, because the clock is often wrong for a moment then."""
LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """What is known about the system's clock. `offset` is its time minus that of the clock that nobody sets."""

    offset: float
    right_since: float
    """Since when, on the other clock, the system's clock has been right. Before that it was set, or nobody looked."""
    settled_at: float
    """From this instant, on the other clock, things may be deleted by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One look at both clocks, and what followed from those before it."""

    anchor: Anchor
    read_at: float
    """On the clock that nobody sets, as all other instants here."""
    apart_since: float | None = None
    """Since when the system's clock has been off."""
    apart_by: float = 0.0
    """By how many seconds; positive is ahead."""

    @property
    def is_settled(self) -> bool:
        """Whether the system's clock has been right long enough to delete things by it."""
        return self.apart_since is None and self.read_at >= self.anchor.settled_at

    @property
    def lasts_seconds(self) -> float:
        """How long the present jump has to last before it is followed."""
        since = self.read_at if self.apart_since is None else self.apart_since
        return min(MOST_SECONDS, max(LEAST_SECONDS, since - self.anchor.right_since))


def read_on(last: Reading, *, steady: float, wall: float) -> Reading:
    """The next reading, at `steady` on the clock that nobody sets and `wall` on the system's. Pure."""
    anchor = last.anchor
    apart = wall - (steady + anchor.offset)
    if abs(apart) <= SKEW_SECONDS:
        most = max(0.0, steady - last.read_at) / SLOWNESS
        offset = anchor.offset + min(most, max(-most, apart))
        return Reading(anchor=replace(anchor, offset=offset), read_at=steady)
    if last.apart_since is None or abs(apart - last.apart_by) > SKEW_SECONDS:
        return Reading(anchor=anchor, read_at=steady, apart_since=steady, apart_by=apart)
    if steady - last.apart_since < last.lasts_seconds:
        return replace(last, read_at=steady)
    set_anchor = Anchor(offset=anchor.offset + apart, right_since=steady, settled_at=steady + MOST_SECONDS)
    return Reading(anchor=set_anchor, read_at=steady)


unset_clock: Callable[[], float] = partial(time.clock_gettime, time.CLOCK_BOOTTIME)
"""Seconds of a clock that nobody sets, including the time in which the machine slept (clock_gettime(2)).

Not wrapped in a function: it is called for every request.
"""


class SteadyClock:
    """`now` tells the time. `keep` has to run for it to follow the system's clock."""

    __slots__ = ("_listeners", "_offset", "_reading", "_steady", "_wall")

    def __init__(
        self,
        anchor: Anchor | None = None,
        *,
        apart: tuple[float, float] | None = None,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = unset_clock,
    ) -> None:
        """`apart`: a jump that began earlier, as another clock of this machine reported it."""
        self._wall, self._steady = wall, steady
        now = steady()
        if anchor is None:
            anchor = Anchor(offset=wall() - now, right_since=now, settled_at=now + START_SECONDS)
        apart_since, apart_by = apart or (None, 0.0)
        self._reading = Reading(anchor=anchor, read_at=now, apart_since=apart_since, apart_by=apart_by)
        self._offset = self._reading.anchor.offset
        self._listeners: list[Callable[[float], None]] = []

    def now(self) -> float:
        """Epoch seconds."""
        # Not `__call__`: each request asks, and calling a method costs less than calling an object.
        return self._steady() + self._offset

    @property
    def anchor(self) -> Anchor:
        return self._reading.anchor

    @property
    def apart(self) -> tuple[float, float] | None:
        """Since when, on the clock that nobody sets, the system's has been off, and by how much."""
        reading = self._reading
        return None if reading.apart_since is None else (reading.apart_since, reading.apart_by)

    @property
    def is_settled(self) -> bool:
        return self._reading.is_settled

    @property
    def trouble(self) -> str | None:
        """A sentence while the system's clock is not followed. It stays the same during one jump, so it is logged
        once."""
        reading = self._reading
        if reading.apart_since is None:
            return None
        return (
            f"the system's clock jumped {_told(reading.apart_by)}: lifetimes go by the time before that, "
            f"until the jump has lasted {reading.lasts_seconds:.0f} seconds"
        )

    async def check(self) -> str | None:
        """`trouble`, as a check of `/readyz`."""
        return self.trouble

    def on_step(self, listener: Callable[[float], None]) -> None:
        """Call `listener(seconds)` when this clock is set forward (or back: negative) after a jump that has lasted."""
        self._listeners.append(listener)

    def look(self, log: FilteringBoundLogger | None) -> None:
        """Compare the clocks, and tell the log and the listeners what is new."""
        before = self._reading
        reading = self._reading = read_on(before, steady=self._steady(), wall=self._wall())
        self._offset = reading.anchor.offset
        if reading.anchor.right_since != before.anchor.right_since:
            step = reading.anchor.offset - before.anchor.offset
            for listener in self._listeners:
                listener(step)
        if log is not None:
            self._tell(log, before, reading)

    def _tell(self, log: FilteringBoundLogger, before: Reading, reading: Reading) -> None:
        if reading.apart_since is not None:
            if reading.apart_since != before.apart_since:
                log.warning("clock.jumped", by_seconds=round(reading.apart_by, 1), detail=self.trouble)
        elif reading.anchor.right_since != before.anchor.right_since:
            step = reading.anchor.offset - before.anchor.offset
            detail = f"the jump has lasted: time goes on {_told(step)}, and what is kept lives on as long as before"
            log.warning("clock.followed", by_seconds=round(step, 1), detail=detail)
        elif before.apart_since is not None:
            log.info("clock.returned", by_seconds=round(-before.apart_by, 1))

    async def keep(self, log: FilteringBoundLogger | None) -> None:
        """Until cancelled."""
        while True:
            self.look(log)
            await asyncio.sleep(LOOK_SECONDS)


def _told(seconds: float) -> str:
    return f"{abs(seconds):.0f} seconds {'forward' if seconds > 0 else 'back'}"
