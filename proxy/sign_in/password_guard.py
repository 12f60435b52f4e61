"""Passwords that are known to be wrong, so that they are not sent to a directory: each would cost an attempt there.

A directory called them wrong; or they were changed here, and count as wrong from then on, although AD takes a replaced
password for another hour. Only keyed digests are kept, in the store, and no longer than they are of use.
"""

from __future__ import annotations

import hmac

from directory.lockout import PasswordLimits
from directory.principal import Account, Principal, password_version
from proxy.secrets.keys import Keys, Purpose
from proxy.throttle.throttle import Throttle

REPLACED_SECONDS = 86_400.0
"""How long a replaced password is remembered as wrong. AD goes on taking it for an hour (OldPasswordAllowedPeriod; an
administrator may have set more)."""
_ANY_VERSION = "*"


class PasswordGuard:
    """`person` is an objectGUID, or what a name that nobody has is counted as; `start`: `Throttle.fresh_starts` of
    them.

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


def _tried(version: str, start: int) -> str:
    return f"{version}\0{start}" if start else version


def _replaced(version: str) -> str:
    return f"{version}\0replaced"


def _digest(key: bytes, person: str, mark: str, password: str) -> bytes:
    """Recognises a wrong password. `mark`: for which password of the account, and why."""
    text = f"{person}\0{mark}\0{password}".encode("utf-8", "surrogatepass")
    return hmac.digest(key, text, "sha256")
