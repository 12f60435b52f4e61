"""One password that is sent to a directory: counted before it leaves, and settled by its result.

The directory counts wrong passwords towards its own lockout. Gatepost must stay below that, but can never be certain
what the directory counts (`directory.lockout`, `proxy.throttle`). So each attempt is counted first and has one of four
ends:

* *accepted*: the directory forgets what it counted. So does Gatepost, as far as both counts are certainly the same. *
*refused*: the directory judged it and counts it. So it stays counted, and is known to be judged. * *not judged*: the
directory cannot have counted it, so it is given back. * *unknown*: nobody knows whether it was judged. It stays
counted, like an attempt that nobody settles. So a process that dies, a request that is cancelled and an answer that
never comes all err on the safe side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar
from weakref import WeakValueDictionary

from directory.errors import DirectoryError, OutcomeUnknown
from directory.lockout import PasswordLimits
from proxy.throttle.limits import Throttled
from proxy.throttle.throttle import CountedAttempts, Throttle

_Answer = TypeVar("_Answer")


class PersonLocks:
    """One lock per person in this process, there only while somebody holds or awaits it.

    Passwords of one person are sent one at a time. So each answer belongs to one attempt, and a right password clears
    the attempts that were judged before it, not those that are still on their way.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, person: str) -> asyncio.Lock:
        lock = self._locks.get(person)
        if lock is None:
            lock = self._locks[person] = asyncio.Lock()
        return lock


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordAttempt:
    """An attempt that is counted and about to be sent. Each of its ends is awaited at most once; none means unknown.

    Every end uses the instant at which the attempt was counted, so that a count is given back to the same windows.
    Methods raise `StoreUnavailable`.
    """

    person: str = field(repr=False)
    """An objectGUID; for a name that nobody has, what it is counted as."""
    address: str = field(repr=False)
    limits: PasswordLimits
    counted_at: float
    throttle: Throttle = field(repr=False)
    judged_before: CountedAttempts | None
    """The attempts that the directory has judged once it has judged this one; None: others may be on their way."""

    async def answer(self, asked: Awaitable[_Answer]) -> _Answer:
        """What the directory says to the password. Raises `DirectoryError`, and the attempt is settled then: given
        back, or left counted where the directory may have judged it all the same (`OutcomeUnknown`)."""
        try:
            return await asked
        except OutcomeUnknown:
            raise
        except DirectoryError:
            await self.not_judged()
            raise

    async def accepted(self, *, server: str) -> None:
        """`server` of the directory accepted the password, and starts its count from zero."""
        await self.throttle.password_accepted(
            person=self.person, address=self.address, judged=self.judged_before, now=self.counted_at, server=server
        )

    async def refused(self, *, server: str) -> None:
        """`server` judged the password, and counts it."""
        await self.throttle.password_refused(
            person=self.person, limits=self.limits, reserved_at=self.counted_at, server=server
        )

    async def not_judged(self) -> None:
        """No server counts it: the password never got there, or it was right but opened nothing. In the second case the
        directory forgets nothing either, so earlier attempts stay counted."""
        await self.throttle.password_not_judged(person=self.person, address=self.address, now=self.counted_at)


async def begin_attempt(
    throttle: Throttle, *, person: str, address: str, limits: PasswordLimits, now: float
) -> PasswordAttempt | Throttled:
    """Count one attempt of a person, in their turn (`PersonLocks`). `Throttled`: nothing was counted, and nothing may
    be sent. Raises `StoreUnavailable`.

    `now`: read in that turn. Our window begins when an attempt is counted, the directory's when it judges the attempt,
    and ours must end later. An instant from before a long wait would let Gatepost forget first.
    """
    throttled = await throttle.reserve_password(person=person, address=address, limits=limits, now=now)
    if throttled is not None:
        return throttled
    judged = await throttle.judged_so_far(person=person, now=now)
    return PasswordAttempt(
        person=person, address=address, limits=limits, counted_at=now, throttle=throttle, judged_before=judged
    )
