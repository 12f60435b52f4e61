"""What keeps passwords that pass through Gatepost from locking an account: limits below the directory's own.

Both who signs in and who changes a password spend the same budget. Known wrong ones are not sent again, and one that
was changed here counts as wrong from then on, although AD takes it for another hour.
"""

from __future__ import annotations

import hmac

from directory.directory import Directory
from directory.lockout import PasswordLimits, limits_of
from directory.principal import Account, Principal, password_version
from proxy.portal.keys import Parts
from proxy.secrets.keys import Purpose

REPLACED_SECONDS = 86_400.0
"""How long a replaced password is remembered as wrong. AD goes on taking it for an hour (OldPasswordAllowedPeriod; an
administrator may have set more)."""
_ANY_VERSION = "*"


def limits_at(parts: Parts, directory: Directory | None) -> PasswordLimits:
    """How many wrong passwords of one person this directory is sent."""
    throttle = parts.settings.throttle
    return limits_of(directory, configured=throttle.passwords_per_person, window_seconds=throttle.window)


async def is_known_wrong(parts: Parts, person: str, account: Account | None, password: str, *, start: int) -> bool:
    """Whether it is wrong for certain, so that the directory need not (or must not) be asked.

    `start`: `Throttle.fresh_starts` of the person.
    """
    version = account.password_version if account is not None else ""
    marks = (_tried(version, start), _replaced(version), _replaced(_ANY_VERSION))
    for key in parts.keys.accepted(Purpose.TRIED_PASSWORDS):
        for mark in marks:
            if await parts.throttle.is_known_wrong(_digest(key, person, mark, password), now=parts.clock()):
                return True
    return False


async def remember_wrong(
    parts: Parts, person: str, account: Account | None, password: str, *, start: int, limits: PasswordLimits
) -> None:
    """The directory called it wrong. It may be right again once the account's password is set anew, or for a server
    that had not heard of a change: so an operator who begins the person's counts anew has it asked again."""
    version = account.password_version if account is not None else ""
    digest = _digest(parts.keys.derive(Purpose.TRIED_PASSWORDS), person, _tried(version, start), password)
    await parts.throttle.remember_wrong(digest, window_seconds=limits.window_seconds, now=parts.clock())


async def remember_replaced(parts: Parts, before: Principal, after: Principal | None, password: str) -> None:
    """Whoever holds the password that was just changed does not get in with it.

    Not at a server that knows of the change, nor at one that does not yet; but if an administrator sets it again, it is
    right again. Where nobody could read what the person is now (`after` is None), not even then, for the time being.
    """
    versions = {password_version(before.password_set_at)}
    versions.add(_ANY_VERSION if after is None else password_version(after.password_set_at))
    key = parts.keys.derive(Purpose.TRIED_PASSWORDS)
    for each in versions:
        digest = _digest(key, before.guid, _replaced(each), password)
        await parts.throttle.remember_wrong(digest, window_seconds=REPLACED_SECONDS, now=parts.clock())


def typed_digest(parts: Parts, typed: str, password: str) -> bytes:
    """By what a password is known again that was typed with this name, whoever has it."""
    return _digest(parts.keys.derive(Purpose.TRIED_PASSWORDS), typed, "typed", password)


def _tried(version: str, start: int) -> str:
    return f"{version}\0{start}" if start else version


def _replaced(version: str) -> str:
    return f"{version}\0replaced"


def _digest(key: bytes, person: str, mark: str, password: str) -> bytes:
    """By what a wrong password is known again. `mark`: for which password of the account, and why."""
    text = f"{person}\0{mark}\0{password}".encode("utf-8", "surrogatepass")
    return hmac.digest(key, text, "sha256")
