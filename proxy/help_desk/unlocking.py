"""Beginning a person's counts anew. What a directory counts itself it goes on counting."""

from __future__ import annotations

from directory.lockout import LockingDirectory
from proxy.help_desk.person import Meant
from proxy.throttle.limits import CLEARED, CLEARED_PASSWORDS
from proxy.throttle.throttle import Throttle


async def unlock(throttle: Throttle, meant: Meant, *, with_passwords: bool = False) -> bool:
    """Whether wrong passwords are still counted: they are where the directory locks accounts, unless asked for."""
    keeps_passwords = isinstance(meant.directory, LockingDirectory) and not with_passwords
    await throttle.clear(
        person=meant.account.guid, limits=CLEARED if keeps_passwords else (*CLEARED, *CLEARED_PASSWORDS)
    )
    return keeps_passwords
