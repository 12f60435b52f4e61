"""One password that is sent to a directory for somebody: counted before it leaves, settled by what became of it.

The directory counts wrong passwords towards a lockout of its own, and Gatepost must stay below that without ever
knowing for certain what the directory counts (`directory.lockout`, `proxy.throttle`). So each attempt has one of four
ends:

* *accepted*: the directory forgets what it counted, and so does Gatepost, as far as it is sure to be the same;
* *refused*: the directory judged it and counts it; so it stays counted, and is known to be judged;
* *not judged*: the directory cannot have counted it, so it is given back;
* *unknown*: nobody knows whether it was judged. It stays counted, which is what happens to an attempt that nobody
  settles: a process that dies on the way, a request that is cancelled and an answer that never came all end on the safe
  side.
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

    Passwords of one person are sent one at a time: an answer can then be put down to the attempt that it belongs to,
    and a right password clears what was judged before it, not what is still on its way.
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

    Every end goes by the instant at which the attempt was counted: what is given back is then taken from the same
    windows. Methods raise `StoreUnavailable`.
    """

    person: str = field(repr=False)
    """An objectGUID; for a name that nobody has, what it is counted as."""
    address: str = field(repr=False)
    limits: PasswordLimits
    counted_at: float
    throttle: Throttle = field(repr=False)
    judged_before: CountedAttempts | None
    """What the directory had judged when this one was counted, this one included; None: others may be on their way."""

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
        """`server` of the directory took the password, and begins its count anew."""
        await self.throttle.password_accepted(
            person=self.person, address=self.address, judged=self.judged_before, now=self.counted_at, server=server
        )

    async def refused(self, *, server: str) -> None:
        """`server` judged the password, and counts it."""
        await self.throttle.password_refused(
            person=self.person, limits=self.limits, reserved_at=self.counted_at, server=server
        )

    async def not_judged(self) -> None:
        """No server counts it: the password never got there, or it was right and still opened nothing. In the second
        case nor does the directory forget anything, so what was counted before stays counted."""
        await self.throttle.password_not_judged(person=self.person, address=self.address, now=self.counted_at)


async def begin_attempt(
    throttle: Throttle, *, person: str, address: str, limits: PasswordLimits, now: float
) -> PasswordAttempt | Throttled:
    """Count one attempt of a person, in their turn (`PersonLocks`). `Throttled`: nothing was counted, and nothing may
    be sent. Raises `StoreUnavailable`.

    `now`: read in that turn. A person's windows begin with what is counted and must outlast the directory's own, which
    begin with what it judges: an instant from before a long wait would let Gatepost forget first.
    """
    throttled = await throttle.reserve_password(person=person, address=address, limits=limits, now=now)
    if throttled is not None:
        return throttled
    judged = await throttle.judged_so_far(person=person, now=now)
    return PasswordAttempt(
        person=person, address=address, limits=limits, counted_at=now, throttle=throttle, judged_before=judged
    )
