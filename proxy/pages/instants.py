"""Instants as pages show them: how long ago or in how long, and when exactly. Instants are epoch seconds.

Without a script a page says them in UTC; its script says them in the person's own time zone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from proxy.pages.amounts import ago, duration
from proxy.pages.local_time import brief_text

_EXACT_SECONDS = 90
"""Up to here a wait is told to the second, as `duration` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    iso: str
    """For the page's script, which shows it in the person's own time zone."""
    absolute: str
    relative: str
    """How long ago; for an instant to come, how long until then."""
    clock: str
    """The time of day alone; with the date where that is another than today's."""
    is_exact: bool = False
    """Whether the time of day is told to the second."""
    local: str
    """The same without a script, by the clock of the machine: for colleagues, who are where it is."""


def instant(at: float, now: float) -> Instant:
    # Another node's clock may be ahead of this one's.
    return _instant(at, now, relative=ago(max(0, int(now - at))))


def instant_in(seconds: int, now: float) -> Instant:
    """The instant that is `seconds` after `now`: rounded up to a minute, but for waits that are over before one."""
    is_exact = seconds <= _EXACT_SECONDS
    step = 1 if is_exact else 60
    at = math.ceil((now + seconds) / step) * step
    return _instant(at, now, relative=duration(seconds), is_exact=is_exact)


def instant_to_come(at: float, now: float) -> Instant:
    """The same of an instant that is known."""
    return instant_in(math.ceil(at - now), now)


def _instant(at: float, now: float, *, relative: str, is_exact: bool = False) -> Instant:
    moment = datetime.fromtimestamp(at, UTC)
    clock = moment.strftime("%H:%M:%S UTC" if is_exact else "%H:%M UTC")
    is_today = moment.date() == datetime.fromtimestamp(now, UTC).date()
    return Instant(
        iso=moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        absolute=moment.strftime("%Y-%m-%d %H:%M UTC"),
        relative=relative,
        clock=clock if is_today else f"{moment:%Y-%m-%d} {clock}",
        is_exact=is_exact,
        local=brief_text(at, now),
    )
