"""Where a canary goes, from its settings: a number or address that a person's passcode could go to as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from config.problems import Finding, Place, told
from config.settings import CanarySettings, Settings
from directory.mail_address import is_plain_address
from directory.mobile import E164, UnusableNumber, UnusableReason, UsableNumber, normalise
from proxy.canary.judging import Timing

_WRONG = {
    UnusableReason.COUNTRY: "is a number of a country that mobile.allowed_countries does not name",
    UnusableReason.NOT_MOBILE: "is not a mobile number",
    UnusableReason.AMBIGUOUS: "can be read as two numbers: write it with + and its country code",
}
_NO_NUMBER = "is not a mobile number that a code can be sent to: write it with + and its country code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One as it is sent."""

    name: str
    channel: str
    timing: Timing
    number: E164 | None = field(default=None, repr=False)
    mail: str | None = field(default=None, repr=False)
    """One of the two, as the channel has it."""


def canary_of(canary: CanarySettings, settings: Settings) -> Canary:
    """Of settings in which there is no problem."""
    number = None if canary.is_mail else normalise(canary.to, settings.mobile)
    return Canary(
        name=canary.name,
        channel=canary.channel,
        timing=Timing(every=canary.every_seconds, within=canary.within),
        number=number.e164 if isinstance(number, UsableNumber) else None,
        mail=canary.to if canary.is_mail else None,
    )


def recipient_problems(settings: Settings) -> Iterator[Finding]:
    """Numbers and addresses that no passcode would go to. They themselves are not told."""
    for position, each in enumerate(settings.canaries):
        yield from told(_recipient(each, settings, Place("canaries", position, "to")))


def _recipient(canary: CanarySettings, settings: Settings, place: Place) -> Iterator[Finding]:
    if canary.is_mail:
        if not is_plain_address(canary.to):
            yield place, "is not a plain mail address, such as canary@corp.example"
        return
    found = normalise(canary.to, settings.mobile)
    if isinstance(found, UnusableNumber):
        yield place, _WRONG.get(found.reason, _NO_NUMBER)
