"""An E.164 number in the form that a gateway wants. Whatever a directory holds, what comes out is plain digits."""

from __future__ import annotations

import re

import phonenumbers

from config.tables.sms_gateways import NumberFormat
from directory.mobile import E164

_E164 = re.compile(r"\+[0-9]{7,15}", re.ASCII)
_SAFE = re.compile(r"\+?[0-9]{5,18}", re.ASCII)


class UnsafeNumber(Exception):
    """A number that is not plain digits was about to become an address. Without the number, which is personal."""

    def __init__(self) -> None:
        super().__init__("the number is not a plus sign and 7 to 15 digits")


def formatted(number: E164, form: NumberFormat, home_region: str) -> str:
    """``+447400123456`` as it is, without its plus, with 00 for it, or as it is dialled in `home_region`.

    Raises `UnsafeNumber` for anything that is not a plus sign and 7 to 15 digits: it can't end an address early,
    hold a second one, or break a line (RFC 5321 section 4.1.2).
    """
    if not _E164.fullmatch(number):
        raise UnsafeNumber
    digits = number[1:]
    written = {"e164": number, "digits": digits, "idd": f"00{digits}", "national": ""}[form]
    if form == "national":
        written = _national(number, home_region) or digits
    if not _SAFE.fullmatch(written):
        raise UnsafeNumber
    return written


def _national(number: E164, home_region: str) -> str | None:
    """With the trunk prefix, for a number of the home region's country code; None for any other."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException as error:
        raise UnsafeNumber from error
    if parsed.country_code != phonenumbers.country_code_for_region(home_region):
        return None
    trunk = phonenumbers.ndd_prefix_for_region(home_region, True) or ""
    return trunk + phonenumbers.national_significant_number(parsed)
