"""What keeps passwords that pass through Gatepost from locking an account: limits below the directory's own.

Both who signs in and who changes a password spend the same budget.
"""

from __future__ import annotations

import hmac

from directory.directory import Directory
from directory.lockout import LockingDirectory, PasswordLimits, password_limits
from directory.principal import Account
from proxy.portal.keys import Parts


def limits_at(parts: Parts, directory: Directory | None) -> PasswordLimits:
    """How many wrong passwords of one person this directory is sent."""
    policy = directory.lockout_policy() if isinstance(directory, LockingDirectory) else None
    throttle = parts.settings.throttle
    return password_limits(policy, configured=throttle.passwords_per_person, window_seconds=throttle.window)


def tried_password(parts: Parts, person: str, account: Account | None, password: str) -> bytes:
    """By what a wrong password is known again; another one once the account's password was set anew."""
    version = account.password_version if account is not None else ""
    text = f"{person}\0{version}\0{password}".encode("utf-8", "surrogatepass")
    return hmac.digest(parts.keys.passwords, text, "sha256")
