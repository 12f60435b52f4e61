"""What the sign-in and passcode pages say of the rungs that are in force: what is different, and until when."""

from __future__ import annotations

from dataclasses import dataclass

from config.factors import Choice
from config.settings import RungKind
from proxy.degrade.in_force import Degraded, RungInForce
from proxy.languages.current import N_
from proxy.pages.instants import Instant, instant_to_come

_SAID = {
    RungKind.CHANNELS: N_("Until %(time)s, text messages with codes go by another provider and can look different."),
    RungKind.MAIL: N_("Until %(time)s, codes come by e-mail instead of by text message."),
    RungKind.REMEMBERED: N_(
        "Until %(time)s, no codes are sent by text message. Use a browser that is remembered, or another second factor."
    ),
    RungKind.CLOSED: N_("Until %(time)s, nobody can sign in. People who are signed in already stay signed in."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RungSaid:
    said: str
    """A message with a place for the time."""
    until: Instant
    text: str
    """The operator's own words; empty: there are none."""


def rungs_said(degraded: Degraded, now: float, *, entry: Choice | None = None) -> list[RungSaid]:
    """Of what counts alone: a stricter rung takes the place of the others. `entry`: of the scheme, where it is known
    which one somebody proves. Pure."""
    strictest = degraded.closed or degraded.without_sms
    if strictest is not None:
        return [_said(strictest, now)]
    mail = degraded.mail_for_sms if entry is None else degraded.mail_for(entry)
    return [_said(each, now) for each in (mail, degraded.other_channels) if each is not None]


def _said(rung: RungInForce, now: float) -> RungSaid:
    until = instant_to_come(rung.ends_at, now)
    return RungSaid(said=_SAID[rung.settings.what], until=until, text=rung.settings.text or "")
