"""Free text as typed in AD's `mobile` field to an E.164 number: pure, and never guessing.

phonenumbers alone guesses: it reads letters as keypad digits, drops an extension, and takes ten American digits
for a British mobile. So the text is judged here first, only its digits are handed on, and what comes back has to
be those digits again. Numbers never appear in a `repr`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NewType

import phonenumbers
from phonenumbers import PhoneNumberType

from config.settings import MobileSettings

E164 = NewType("E164", str)
"""``+`` and 7 to 15 digits (ITU-T E.164), known to be a usable mobile number."""

MAX_LENGTH = 64
"""Characters: AD's rangeUpper of the attribute."""

_EVERY_COUNTRY = "*"
# The letters stand apart from other words, so that "fax 12" counts as letters.
_EXTENSION = re.compile(r"(?:(?<![^\W\d_])(?:extension|extn|ext|x)|#)[ .:]*[0-9]+\Z", re.IGNORECASE)
_SEVERAL = frozenset(";,/|&")
_DASHES = frozenset("-\u2010\u2012\u2013\u2014\u2015\u2212")
"""Not every Unicode dash: a wave dash, for one, writes a range of numbers."""
_SIGNS = frozenset("0123456789 +()[].") | _DASHES
_NOT_DIGITS = {ord(sign): None for sign in _SIGNS if not sign.isdigit()}
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_USABLE_TYPES = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


class UnusableReason(Enum):
    """Why a text is not a number that a passcode may be sent to, in the order in which it is looked at."""

    TOO_LONG = "too_long"
    EMPTY = "empty"
    EXTENSION = "extension"
    LETTERS = "letters"
    SEVERAL = "several"
    INVALID = "invalid"
    NOT_MOBILE = "not_mobile"
    COUNTRY = "country"


@dataclass(frozen=True, slots=True)
class UsableNumber:
    e164: E164 = field(repr=False)
    region: str
    """ISO 3166 region, ``"001"`` for the few numbers that belong to none."""


@dataclass(frozen=True, slots=True)
class UnusableNumber:
    reason: UnusableReason


def normalise(
    text: str, *, home_region: str, allowed_countries: Collection[str], extra_ranges: Collection[str]
) -> UsableNumber | UnusableNumber:
    """The number that `text` unmistakably is, or the first reason against it. Never raises.

    A leading ``+`` or ``00`` is international, a leading ``0`` belongs to `home_region`, anything else is
    international without its ``+`` (the rule of Kapow's guide). `extra_ranges` are E.164 prefixes: a number in one
    of them that phonenumbers does not know is usable if its length is that of a mobile there.
    """
    if len(text) > MAX_LENGTH:
        return UnusableNumber(UnusableReason.TOO_LONG)
    plain = _plain(text)
    if (reason := _reason_against(plain)) is not None:
        return UnusableNumber(reason)
    number = _parse(plain, home_region)
    if number is None:
        return UnusableNumber(UnusableReason.INVALID)
    e164 = E164(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    if not phonenumbers.is_valid_number(number):
        if e164.startswith(tuple(extra_ranges)) and phonenumbers.is_possible_number_for_type(
            number, PhoneNumberType.MOBILE
        ):
            return UsableNumber(e164, phonenumbers.region_code_for_country_code(number.country_code or 0))
        return UnusableNumber(UnusableReason.INVALID)
    if phonenumbers.number_type(number) not in _USABLE_TYPES:
        return UnusableNumber(UnusableReason.NOT_MOBILE)
    region = phonenumbers.region_code_for_number(number)
    if region is None or (_EVERY_COUNTRY not in allowed_countries and region not in allowed_countries):
        return UnusableNumber(UnusableReason.COUNTRY)
    return UsableNumber(e164, region)


def first_usable(texts: Iterable[str], settings: MobileSettings) -> UsableNumber | UnusableNumber:
    """The first usable number of `texts`; if there is none, what is wrong with the first text."""
    first: UnusableNumber | None = None
    for text in texts:
        outcome = normalise(
            text,
            home_region=settings.home_region,
            allowed_countries=settings.allowed_countries,
            extra_ranges=settings.extra_ranges,
        )
        if isinstance(outcome, UsableNumber):
            return outcome
        first = first or outcome
    return first or UnusableNumber(UnusableReason.EMPTY)


def mask(e164: str) -> str:
    """The last three digits behind eight bullets, however long the number is."""
    return f"{'•' * 8} {e164[-3:]}"


def _plain(text: str) -> str:
    """NFKC, without format characters, decimal digits of every script as ASCII, white space folded and trimmed."""
    shown = "".join(
        str(unicodedata.decimal(char)) if unicodedata.category(char) == "Nd" else char
        for char in unicodedata.normalize("NFKC", text)
        if unicodedata.category(char) != "Cf"
    )
    return " ".join(shown.split())


def _reason_against(plain: str) -> UnusableReason | None:
    categories = {unicodedata.category(char)[0] for char in plain if char != " "}
    if categories <= {"P", "S"}:
        return UnusableReason.EMPTY
    if _EXTENSION.search(plain):
        return UnusableReason.EXTENSION
    if "L" in categories:
        return UnusableReason.LETTERS
    if not _SEVERAL.isdisjoint(plain):
        return UnusableReason.SEVERAL
    if not _SIGNS.issuperset(plain) or not _plus_only_leads(plain):
        return UnusableReason.INVALID
    return None


def _plus_only_leads(plain: str) -> bool:
    """A ``+`` stands in front of every digit, behind nothing but an opening bracket, and is alone."""
    before, plus, after = plain.partition("+")
    return not plus or ("+" not in after and not before.strip(" (["))


def _parse(plain: str, home_region: str) -> phonenumbers.PhoneNumber | None:
    """The number of these digits, if phonenumbers takes nothing but a trunk prefix away and adds nothing."""
    digits = plain.translate(_NOT_DIGITS)
    at_home = "+" not in plain and digits.startswith("0") and not digits.startswith("00")
    typed = digits if at_home else "+" + (digits if "+" in plain else digits.removeprefix("00"))
    try:
        number = phonenumbers.parse(typed, home_region if at_home else None)
    except phonenumbers.NumberParseException:
        return None
    country_code = number.country_code or 0
    # "+00447..." keeps its plus here, and so equals neither.
    national = typed.removeprefix("" if at_home else f"+{country_code}")
    significant = phonenumbers.national_significant_number(number)
    trunk = phonenumbers.ndd_prefix_for_region(phonenumbers.region_code_for_country_code(country_code), True)
    if national not in (significant, f"{trunk or ''}{significant}"):
        return None  # carrier codes, Argentina's 15, an international prefix such as 011: the digits were rewritten
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return number if _E164.fullmatch(e164) else None
