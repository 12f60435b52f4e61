"""What each e-mail-to-SMS gateway wants of a mail, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from directory.mobile import E164
from proxy.delivery.errors import UnsafeNumber

_DIGITS = re.compile(r"[0-9]{7,15}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPreset:
    """One SMS gateway's form of address and place of the text."""

    name: str
    address: str
    """With ``{digits}`` for the number."""
    text_in: Literal["subject"] = "subject"
    number_format: Literal["digits"] = "digits"
    """``digits``: international without ``+`` (447400123456)."""
    max_characters: int = 160
    gsm7: bool = True


KAPOW = GatewayPreset(name="kapow", address="{digits}@kapow.co.uk")

PRESETS = (KAPOW,)


def preset_named(name: str) -> GatewayPreset | None:
    return next((each for each in PRESETS if each.name == name), None)


def recipient(preset: GatewayPreset, number: E164) -> str:
    """The one address that a message to `number` goes to.

    Raises `UnsafeNumber` for anything that is not a plus sign and 7 to 15 digits: whatever a directory holds,
    the local part can't end early, hold a second address, or break a line (RFC 5321 section 4.1.2).
    """
    if number[:1] != "+" or not _DIGITS.fullmatch(number[1:]):
        raise UnsafeNumber
    return preset.address.replace("{digits}", number[1:])
