"""One password that is sent to a directory: counted before it leaves, and settled by its result.

The directory counts wrong passwords towards its own lockout. Gatepost must stay below that, but can never be certain
what the directory counts (`directory.lockout`, `proxy.throttle`). So each attempt is counted first and has one of four
ends:

* *accepted*: the directory forgets what it counted. So does Gatepost, as far as both counts are certainly the same.
* *refused*: the directory judged it and counts it. So it stays counted, and is known to be judged.
* *not judged*: the directory cannot have counted it, so it is given back.
* *unknown*: nobody knows whether it was judged. It stays counted, like an attempt that nobody settles. So a process
  that dies, a request that is cancelled and an answer that never comes all err on the safe side.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar
from weakref import WeakValueDictionary

from directory.errors import DirectoryError, OutcomeUnknown
from directory.lockout import PasswordLimits
from directory.principal import Account, Principal, password_version
from proxy.secrets.keys import Keys, Purpose
from proxy.sign_in.sign_in_log import SignInLog
from proxy.throttle.limits import Throttled
from proxy.throttle.throttle import CountedAttempts, Throttle

_Answer = TypeVar("_Answer")
REPLACED_SECONDS = 86_400.0
"""How long a replaced password is remembered as wrong. AD goes on taking it for an hour (OldPasswordAllowedPeriod; an
administrator may have set more)."""
_ANY_VERSION = "*"


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


class PasswordGuard:
    """Passwords that are known to be wrong, so that they are not sent to a directory: each would cost an attempt there.

    A directory called them wrong; or they were changed here, and count as wrong from then on, although AD takes a
    replaced password for another hour. Only keyed digests are kept, in the store, and no longer than they are of use.
    `person` is an objectGUID, or what a name that nobody has is counted as; `start`: `Throttle.fresh_starts` of them.

    Methods raise `StoreUnavailable`.
    """

    def __init__(self, throttle: Throttle, keys: Keys) -> None:
        self._throttle = throttle
        self._keys = keys

    async def is_known_wrong(
        self, person: str, account: Account | None, password: str, *, start: int, now: float
    ) -> bool:
        """Whether it is certainly wrong, so that the directory need not (or must not) be asked."""
        version = account.password_version if account is not None else ""
        marks = (_tried(version, start), _replaced(version), _replaced(_ANY_VERSION))
        for key in self._keys.accepted(Purpose.TRIED_PASSWORDS):
            for mark in marks:
                if await self._throttle.is_known_wrong(_digest(key, person, mark, password), now=now):
                    return True
        return False

    async def remember_wrong(
        self, person: str, account: Account | None, password: str, *, start: int, limits: PasswordLimits, now: float
    ) -> None:
        """The directory called it wrong. It may be right again once the account's password is set, or for a server that
        had not heard of a change: so an operator who clears the person's counts has the directory asked again."""
        version = account.password_version if account is not None else ""
        digest = _digest(self._keys.derive(Purpose.TRIED_PASSWORDS), person, _tried(version, start), password)
        await self._throttle.remember_wrong(digest, window_seconds=limits.window_seconds, now=now)

    async def remember_replaced(self, before: Principal, after: Principal | None, password: str, *, now: float) -> None:
        """The replaced password no longer opens anything.

        This holds at servers that know of the change and at those that do not yet. If an administrator sets the same
        password again, it is right again. But if the person could not be read after the change (`after` is None), it
        stays wrong even then, for a while.
        """
        versions = {password_version(before.password_set_at)}
        versions.add(_ANY_VERSION if after is None else password_version(after.password_set_at))
        key = self._keys.derive(Purpose.TRIED_PASSWORDS)
        for each in versions:
            digest = _digest(key, before.guid, _replaced(each), password)
            await self._throttle.remember_wrong(digest, window_seconds=REPLACED_SECONDS, now=now)

    def typed_digest(self, typed: str, password: str) -> bytes:
        """Recognises a password that was typed with this name, for any person."""
        return _digest(self._keys.derive(Purpose.TRIED_PASSWORDS), typed, "typed", password)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """What every attempt needs. Sign-ins and changes of password share it: both spend the same budget of the directory,
    so they wait at the same locks."""

    throttle: Throttle
    guard: PasswordGuard
    log: SignInLog
    clock: Callable[[], float]
    locks: PersonLocks = field(default_factory=PersonLocks)

    async def from_address(
        self, address: str, ask: Callable[[], Awaitable[_Answer]], *, is_guess: Callable[[_Answer], bool], now: float
    ) -> _Answer | Throttled:
        """Have one attempt made that counts for the address, too. `Throttled`: its limit is reached, and nothing is
        asked. It is given back if it was no guess, or if nobody can have judged it."""
        throttled = await self.throttle.reserve_address(address, now=now)
        if throttled is not None:
            return throttled
        try:
            answer = await ask()
        except OutcomeUnknown:
            raise  # the domain may have judged it, and towards a lockout: it stays counted
        except DirectoryError:
            await self.throttle.give_back_address(address, now=now)
            raise
        if not is_guess(answer):
            await self.throttle.give_back_address(address, now=now)
        return answer


def _tried(version: str, start: int) -> str:
    return f"{version}\0{start}" if start else version


def _replaced(version: str) -> str:
    return f"{version}\0replaced"


def _digest(key: bytes, person: str, mark: str, password: str) -> bytes:
    """Recognises a wrong password. `mark`: for which password of the account, and why."""
    text = f"{person}\0{mark}\0{password}".encode("utf-8", "surrogatepass")
    return hmac.digest(key, text, "sha256")
