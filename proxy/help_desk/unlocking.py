"""Clearing a person's counts: everything that Gatepost itself counts against them.

A directory keeps its own count, which we cannot clear. So wrong passwords are cleared only as far as that count allows.
What the directory still counts stays counted here: otherwise a new budget and that count together could lock the
account.
"""

from __future__ import annotations

from dataclasses import dataclass

from config.settings import MobileSettings
from directory.directory import Directory
from directory.errors import DirectoryError
from directory.lockout import CountedPasswords, CountingDirectory, LockingDirectory, PasswordLimits
from directory.mobile import UsableNumber, first_usable
from directory.principal import Principal
from proxy.languages.current import gettext as _
from proxy.languages.current import ngettext
from proxy.throttle.limits import CLEARED
from proxy.throttle.throttle import Throttle


@dataclass(frozen=True, slots=True, kw_only=True)
class StillCounted:
    """Why wrong passwords stay counted, and until when (epoch seconds; None: nobody knows)."""

    count: int | None
    """What the directory counts itself; None: it cannot say."""
    until: float | None = None

    @property
    def sentence(self) -> str:
        if self.count is None:
            return _("the directory cannot say how many wrong passwords it counts itself")
        return ngettext(
            "the directory itself still counts 1 wrong password, and more of them may lock the account there",
            "the directory itself still counts %(num)d wrong passwords, and more of them may lock the account there",
            self.count,
        )


async def still_counted(directory: Directory, guid: str, limits: PasswordLimits) -> tuple[StillCounted | None, int]:
    """Why no try is left even after clearing (None: there is one), and how many tries have to stay counted."""
    if not isinstance(directory, LockingDirectory):
        return None, 0
    policy = directory.lockout_policy()
    if policy is not None and not policy.threshold:
        return None, 0
    counted: CountedPasswords | None = None
    if policy is not None and isinstance(directory, CountingDirectory):
        try:
            counted = await directory.counted_passwords(guid)
        except DirectoryError:
            counted = None
    return judge(counted, limits)


def judge(counted: CountedPasswords | None, limits: PasswordLimits) -> tuple[StillCounted | None, int]:
    """The same of what the directory counts; None: it cannot say, and so nothing is cleared. Pure."""
    if counted is None:
        return StillCounted(count=None), limits.in_all
    if counted.count >= limits.in_all:
        return StillCounted(count=counted.count, until=counted.forgotten_at), limits.in_all
    return None, counted.count


async def unlock(
    throttle: Throttle,
    directory: Directory,
    principal: Principal,
    *,
    mobile: MobileSettings,
    address: str | None = None,
    with_passwords: bool = False,
    now: float,
) -> StillCounted | None:
    """Clear a person's counts, those of their number and mail address, and those of the address that they come from.

    `with_passwords`: wrong ones too, whatever the directory counts. Returns why wrong passwords are still counted.
    """
    await throttle.clear(person=principal.guid, limits=CLEARED)
    number = first_usable(principal.mobiles, mobile)
    if isinstance(number, UsableNumber):
        await throttle.clear_number(number.e164)
    if principal.mail:
        await throttle.clear_number(principal.mail)
    if address is not None:
        await throttle.clear_address(address)
    kept, tries = (
        (None, 0)
        if with_passwords
        else await still_counted(directory, principal.guid, throttle.password_limits(directory))
    )
    if kept is None:
        await throttle.clear_passwords(person=principal.guid, still_counted=tries, now=now)
    return kept
