"""Whether a person is to be warned that their password is about to expire, and in which words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from config.settings import ActiveDirectorySettings, DirectorySettings
from directory.principal import Principal
from proxy.pages.texts import ENGLISH

_DAY_SECONDS = 86_400.0


def expiry_warning(principal: Principal, directories: Sequence[DirectorySettings], now: float) -> str:
    """A sentence, or nothing if it never expires, is not known to, or not within the realm's `warn_before_expiry`."""
    settings = next((each for each in directories if each.name == principal.realm), None)
    expires_at = principal.password_expires_at
    if not isinstance(settings, ActiveDirectorySettings) or expires_at is None:
        return ""
    seconds_left = expires_at - now
    if seconds_left > settings.warn_before_expiry or settings.warn_before_expiry == 0:
        return ""
    days = int(max(0.0, seconds_left) // _DAY_SECONDS)
    if days == 0:
        return ENGLISH.expiring_today
    return ENGLISH.expiring_one if days == 1 else ENGLISH.expiring_many.format(count=days)
