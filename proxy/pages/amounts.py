"""How amounts are said on pages: waiting times, sizes, tries, and how long something is past."""

from __future__ import annotations

from proxy.languages.current import gettext as _
from proxy.languages.current import ngettext
from proxy.languages.figures import figure


def duration(seconds: int) -> str:
    """A waiting time in words: seconds up to 90, minutes up to two hours, then hours, or whole days; rounded up."""
    if seconds <= 90:
        return ngettext("%(num)d second", "%(num)d seconds", seconds)
    minutes = -(-seconds // 60)
    if seconds >= 172_800 and seconds % 86_400 == 0:
        return ngettext("%(num)d day", "%(num)d days", seconds // 86_400)
    if minutes > 120:
        return ngettext("%(num)d hour", "%(num)d hours", -(-minutes // 60))
    return ngettext("%(num)d minute", "%(num)d minutes", minutes)


def size(count: int) -> str:
    """A number of bytes in words."""
    if count < 1000:
        return ngettext("%(num)d byte", "%(num)d bytes", count)
    if count < 1_000_000:
        return _("%(count)s kB", count=round(count / 1000))
    return _("%(count)s MB", count=figure(count / 1_000_000, decimals=1))


def ago(seconds: int) -> str:
    """How long something is past, in words; rounded down."""
    if seconds < 60:
        return _("just now")
    if seconds < 3600:
        return ngettext("%(num)d minute ago", "%(num)d minutes ago", seconds // 60)
    if seconds < 86_400:
        return ngettext("%(num)d hour ago", "%(num)d hours ago", seconds // 3600)
    return ngettext("%(num)d day ago", "%(num)d days ago", seconds // 86_400)


def tries_left(count: int) -> str:
    return ngettext("You have one try left.", "You have %(num)d tries left.", count)
