"""When a domain locks accounts after wrong passwords, and what its controllers themselves count of a person's.

The former stands in the domain's head entry, which every user may read (MS-ADTS section 6.1.1.4 lists it). Each
controller has its own `badPwdCount` (MS-ADA1 section 2.63) and forwards a wrong password to the PDC emulator, which
counts it too. So all are asked, and the highest counts. Readable by an ordinary account. Asking blocks, and runs in a
thread.
"""

from __future__ import annotations

from config.settings import ActiveDirectorySettings
from directory.active_directory.account import instant_or_none, number_or_none
from directory.active_directory.domain_controllers import DomainControllers
from directory.active_directory.messages import Entry
from directory.errors import DirectoryUnavailable
from directory.lockout import CountedPasswords, LockoutPolicy

LOCKED_SINCE = "lockoutTime"
_COUNT, _LAST = "badPwdCount", "badPasswordTime"
LOCKOUT_ATTRIBUTES = ("lockoutThreshold", "lockOutObservationWindow", "lockoutDuration")
_TICKS_PER_SECOND = 10_000_000
_LONGEST_SECONDS = 100 * 365 * 86_400.0
"""AD writes "until an administrator unlocks it" as the smallest number there is."""


def lockout_policy(head: Entry | None, settings: ActiveDirectorySettings) -> LockoutPolicy | None:
    """The domain's policy, from its head entry; what the configuration says takes precedence. Pure.

    None if neither is known. Fine-grained policies (PSO) can set other numbers for some people. An ordinary account may
    not read those, so the configuration has to give the numbers.
    """
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


def counted_passwords(
    servers: DomainControllers, base_dn: str, *, window_seconds: float, now: float, deadline: float
) -> CountedPasswords | None:
    """`window_seconds`: after this long without another wrong one, a controller counts from zero again.

    None if a controller does not answer, because it may be the one that counts, or if none shows a count.
    """
    entries = []
    for server in servers.all(deadline=deadline):
        try:
            entries.append(
                servers.read(
                    lambda reader: reader.at(base_dn, (_COUNT, _LAST)), deadline=deadline, only_at=server.address
                )
            )
        except DirectoryUnavailable:
            return None
    return highest(entries, window_seconds=window_seconds, now=now)


def highest(entries: list[Entry | None], *, window_seconds: float, now: float) -> CountedPasswords | None:
    """The controllers' counts as one. A controller that never saw a wrong password of the person has none. Pure."""
    counts = [_count(entry, window_seconds=window_seconds, now=now) for entry in entries if entry is not None]
    return max((each for each in counts if each is not None), key=lambda each: each.count, default=None)


def _count(entry: Entry, *, window_seconds: float, now: float) -> CountedPasswords | None:
    count, last = number_or_none(entry, _COUNT), instant_or_none(entry, _LAST)
    if count is None:
        return None
    forgotten_at = None if last is None else last + window_seconds
    if count <= 0 or (forgotten_at is not None and forgotten_at <= now):
        return CountedPasswords(count=0)
    return CountedPasswords(count=count, forgotten_at=forgotten_at)
