"""`[mobile]`: which of a person's numbers may be sent to, and what has to agree there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

from config.frozen_table import FrozenTable
from config.tables.gateway_values import EMAIL
from config.values import Countries, NamePattern, NumberRange, Region, SecondsOrNone


class MobileSettings(FrozenTable):
    """Which of a person's numbers may be sent to."""

    home_region: Region = "GB"
    """The country whose numbers may be written as people dial them at home."""
    allowed_countries: Countries = ("GB", "GG", "JE", "IM")
    """The countries that passcodes are sent to; `["*"]` for all."""
    extra_ranges: tuple[NumberRange, ...] = ()
    """Beginnings of numbers that are accepted although the library of numbering plans does not know them."""
    changed_within: SecondsOrNone = 86_400.0
    """How long after a change in the directory a number counts as recently changed. `"0s"`: never. Anyone with a stolen
    password may be able to change the number."""
    service_accounts: tuple[NamePattern, ...] = (
        "svc-*",
        "svc_*",
        "sa-*",
        "dns-*",
        "MSOL_*",
        "AAD_*",
        "HealthMailbox*",
        "SM_*",
    )
    """User names, with `*` and `?`, that belong to services. The report on mobile fields lists them apart."""
    then: Literal["send", "wait", "other_channel", "refuse"] = "wait"
    """What happens to a passcode for a recently changed number that is not the one the person used last. `wait`:
    nothing is sent until `changed_within` has passed. `refuse`: until the help desk confirms the number.
    `other_channel`: it goes by mail. `send`: it is sent."""

    @property
    def holds_fresh_numbers(self) -> bool:
        return self.changed_within > 0 and self.then != "send"


def mobile_problems(mobile: MobileSettings, channels: Collection[str]) -> Iterator[tuple[str, str]]:
    """Key and sentence."""
    if mobile.then == "other_channel" and EMAIL not in channels:
        yield "then", f'needs "{EMAIL}" among the channels (or write "wait" or "refuse")'


def mobile_warnings(mobile: MobileSettings) -> Iterator[str]:
    """What works, but is seldom meant."""
    if not mobile.holds_fresh_numbers:
        yield (
            "mobile: then: a number changed a moment ago is sent passcodes:"
            " somebody with a stolen password can change it"
        )
    elif mobile.then == "other_channel":
        yield (
            "mobile: then: somebody with a stolen password who can read the person's mail needs no phone: they change"
            " the number, and the passcode goes by mail"
        )
    if mobile.allowed_countries == ("*",):
        yield "mobile: allowed_countries: passcodes go to every country, expensive ones too"
