"""When a domain locks accounts, from its head entry, which every user may read (MS-ADTS section 6.1.1.4 lists it).

Fine-grained policies (PSO) can set other numbers for some people. An ordinary account may not read those, so the
configuration has to give the numbers.
"""

from __future__ import annotations

from config.settings import ActiveDirectorySettings
from directory.active_directory.account import number_or_none
from directory.active_directory.messages import Entry
from directory.lockout import LockoutPolicy

LOCKOUT_ATTRIBUTES = ("lockoutThreshold", "lockOutObservationWindow", "lockoutDuration")
_TICKS_PER_SECOND = 10_000_000
_LONGEST_SECONDS = 100 * 365 * 86_400.0
"""AD writes "until an administrator unlocks it" as the smallest number there is."""


def lockout_policy(head: Entry | None, settings: ActiveDirectorySettings) -> LockoutPolicy | None:
    """The domain's policy; what the configuration says takes precedence. None if neither is known. Pure."""
    threshold, window, duration = (number_or_none(head, name) for name in LOCKOUT_ATTRIBUTES)
    if settings.lockout_threshold is not None:
        threshold = settings.lockout_threshold
    window_seconds = settings.lockout_window
    if window_seconds is None and window is not None:
        window_seconds = min(abs(window) / _TICKS_PER_SECOND, _LONGEST_SECONDS)
    if threshold is None or threshold < 0:
        return None
    return LockoutPolicy(
        threshold=threshold,
        # The server may judge a bind as late as its time-out, so the window is that much longer.
        window_seconds=(window_seconds or 0.0) + settings.timeout,
        margin=settings.lockout_margin,
        duration_seconds=_duration(duration),
    )


def _duration(ticks: int | None) -> float | None:
    """None for AD's ways to say "until an administrator unlocks it": 0, and the smallest number there is."""
    seconds = abs(ticks or 0) / _TICKS_PER_SECOND
    return seconds if 0 < seconds < _LONGEST_SECONDS else None
