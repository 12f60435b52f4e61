"""Instants as people say them: in the time zone of the machine, the day only where it is not today. Epoch seconds."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from proxy.languages.current import gettext as _
from proxy.languages.figures import day_text


def brief_text(at: float, now: float, *, zone: tzinfo | None = None) -> str:
    """Such as ``14:35``, ``14:35 tomorrow``, ``14:35 on 3 December``; ``zone`` None: the machine's own.

    Rounded up to the minute: what is over at this time is over. Empty for a time that no calendar has.
    """
    try:
        moment = datetime.fromtimestamp(-(-at // 60) * 60).astimezone(zone)
        today = datetime.fromtimestamp(now).astimezone(zone).date()
    except (OverflowError, OSError, ValueError):
        return ""
    clock = f"{moment:%H:%M}"
    if moment.date() == today:
        return clock
    if moment.date() == today + timedelta(days=1):
        return _("%(time)s tomorrow", time=clock)
    if moment.date() == today - timedelta(days=1):
        return _("%(time)s yesterday", time=clock)
    return _("%(time)s on %(day)s", time=clock, day=day_text(moment, with_year=moment.year != today.year))
