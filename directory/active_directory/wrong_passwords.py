"""What the domain controllers themselves count of a person's wrong passwords, and since when an account is locked.

Each controller has its own `badPwdCount` (MS-ADA1 section 2.63) and forwards a wrong password to the PDC emulator,
which counts it too. So all are asked, and the highest counts. Readable by an ordinary account. Blocks, and runs in a
thread.
"""

from __future__ import annotations

from directory.active_directory.account import instant_or_none, number_or_none
from directory.active_directory.domain_controllers import DomainControllers
from directory.active_directory.messages import Entry
from directory.errors import DirectoryUnavailable
from directory.lockout import CountedPasswords

LOCKED_SINCE = "lockoutTime"
_COUNT, _LAST = "badPwdCount", "badPasswordTime"


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
