"""When and where an account may be used, as AD judges it after the password (results 530 and 531). Pure.

Only an explanation needs this: a sign-in learns it from the bind.
"""

from __future__ import annotations

from datetime import UTC, datetime

from directory.active_directory.account import texts
from directory.active_directory.connection import Entry
from directory.active_directory.server_address import ServerAddress
from directory.directory import RefusalReason

LOGON_HOURS, WORKSTATIONS = "logonHours", "userWorkstations"
_HOURS_OCTETS = 21


def limits_against(entry: Entry | None, server: ServerAddress, now: float) -> tuple[RefusalReason, ...]:
    """`server` is the controller that was asked: a bind counts as a logon there."""
    if entry is None:
        return ()
    hours = next(iter(entry.attributes.get(LOGON_HOURS.lower(), ())), b"")
    computers = {name.strip().casefold() for text in texts(entry, WORKSTATIONS) for name in text.split(",")}
    found = (
        (RefusalReason.LOGON_HOURS, not is_within_hours(hours, now)),
        (RefusalReason.WORKSTATION, bool(computers) and server.host.partition(".")[0].casefold() not in computers),
    )
    return tuple(reason for reason, holds in found if holds)


def is_within_hours(octets: bytes, now: float) -> bool:
    """A bit for each hour of the week from Sunday 00:00 UTC, the lowest one of each octet first (MS-SAMR section
    2.2.6.5). Without them, always."""
    if len(octets) != _HOURS_OCTETS:
        return True
    moment = datetime.fromtimestamp(now, UTC)
    hour = (moment.isoweekday() % 7) * 24 + moment.hour
    return bool(octets[hour // 8] >> (hour % 8) & 1)
