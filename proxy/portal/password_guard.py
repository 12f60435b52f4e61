"""What keeps passwords that pass through Gatepost from locking an account: limits below the directory's own.

Both who signs in and who changes a password spend the same budget. Known wrong ones are not sent again, and one that
was changed here counts as wrong from then on, although AD takes it for another hour.
"""

from __future__ import annotations

import hmac

from directory.directory import Directory
from directory.lockout import LockingDirectory, PasswordLimits, password_limits
from directory.principal import Account, Principal, password_version
from proxy.keys import Purpose
from proxy.portal.keys import Parts

REPLACED_SECONDS = 86_400.0
"""How long a replaced password is remembered as wrong. AD goes on taking it for an hour (OldPasswordAllowedPeriod; an
administrator may have set more)."""
_ANY_VERSION = "*"


def limits_at(parts: Parts, directory: Directory | None) -> PasswordLimits:
    """How many wrong passwords of one person this directory is sent."""
    policy = directory.lockout_policy() if isinstance(directory, LockingDirectory) else None
    throttle = parts.settings.throttle
    return password_limits(policy, configured=throttle.passwords_per_person, window_seconds=throttle.window)


async def is_known_wrong(parts: Parts, person: str, account: Account | None, password: str) -> bool:
    """Whether it is wrong for certain, so that the directory need not (or must not) be asked."""
    version = account.password_version if account is not None else ""
    versions = (version,) if account is None else (version, _ANY_VERSION)
    for key in parts.keys.accepted(Purpose.TRIED_PASSWORDS):
        for each in versions:
            if await parts.throttle.is_known_wrong(_digest(key, person, each, password), now=parts.clock()):
                return True
    return False


async def remember_wrong(
    parts: Parts, person: str, account: Account | None, password: str, *, limits: PasswordLimits
) -> None:
    """The directory called it wrong. It may be right again once the account's password is set anew."""
    version = account.password_version if account is not None else ""
    digest = _digest(parts.keys.derive(Purpose.TRIED_PASSWORDS), person, version, password)
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
        digest = _digest(key, before.guid, each, password)
        await parts.throttle.remember_wrong(digest, window_seconds=REPLACED_SECONDS, now=parts.clock())


def _digest(key: bytes, person: str, version: str, password: str) -> bytes:
    """By what a wrong password is known again; `version` is that of the account's password."""
    text = f"{person}\0{version}\0{password}".encode("utf-8", "surrogatepass")
    return hmac.digest(key, text, "sha256")
