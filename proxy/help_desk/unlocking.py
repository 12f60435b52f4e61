"""Beginning a person's counts anew. What a directory counts itself it goes on counting."""

from __future__ import annotations

from directory.directory import Directory
from directory.lockout import LockingDirectory
from proxy.throttle.limits import CLEARED, CLEARED_PASSWORDS
from proxy.throttle.throttle import Throttle


async def unlock(throttle: Throttle, directory: Directory, guid: str, *, with_passwords: bool = False) -> bool:
    """Whether wrong passwords are still counted: they are where the directory locks accounts, unless asked for."""
    keeps_passwords = isinstance(directory, LockingDirectory) and not with_passwords
    await throttle.clear(person=guid, limits=CLEARED if keeps_passwords else (*CLEARED, *CLEARED_PASSWORDS))
    return keeps_passwords
