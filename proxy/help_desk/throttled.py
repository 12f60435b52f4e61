"""Whom a limit has stopped recently and would stop again, for the help desk.

Counters are named by digests, and nobody can list them. So those are told who were stopped since, as they were written
down then (`proxy.throttle.counter_store.ThrottledPerson`), and whose counter still says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from directory.lockout import PasswordLimits
from directory.realms import Realms
from proxy.help_desk.throttle_steps import why_stopped
from proxy.throttle.limits import Limit
from proxy.throttle.throttle import Throttle


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedPerson:
    realm: str
    guid: str
    username: str
    why: str
    """A clause, in the language of the page."""
    at: float
    """When it stopped them last."""
    until: float | None
    """None: until somebody clears their counts."""


async def stopped_people(throttle: Throttle, realms: Realms, *, now: float) -> list[StoppedPerson]:
    """The latest first. Raises `StoreUnavailable`."""

    def limits(realm: str) -> PasswordLimits | None:
        directory = realms.of(realm)
        return None if directory is None else throttle.password_limits(directory)

    return [
        StoppedPerson(
            realm=each.realm,
            guid=each.guid,
            username=each.username,
            why=why_stopped(each.limit),
            at=each.at,
            until=None if each.limit is Limit.PASSCODE_FAILURES_IN_A_ROW else each.until,
        )
        for each in await throttle.throttled_now(limits, now=now)
    ]
