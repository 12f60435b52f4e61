"""Free text as typed in AD's `mobile` field to an E.164 number: pure, and never guessing.

phonenumbers alone guesses: it reads letters as keypad digits, drops an extension, and takes ten American digits
for a British mobile. So the text is judged here first, only its digits are handed on, and what comes back has to
be those digits again. Numbers never appear in a `repr`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
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
_BRACKETED_FIRST = re.compile(r"[(\[]([^)\]]*[0-9][^)\]]*)[)\]].*[0-9]")
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
    AMBIGUOUS = "ambiguous"
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
    readings: tuple[E164, ...] = field(default=(), repr=False)
    """Only with `AMBIGUOUS`: the numbers that the text may be, the one of the home region first."""


def normalise(text: str, settings: MobileSettings) -> UsableNumber | UnusableNumber:
    """The number that `text` unmistakably is, or the first reason against it. Never raises.

    A leading ``+`` or ``00`` is international, a leading ``0`` belongs to `home_region`, anything else is
    international without its ``+`` (the rule of Kapow's guide). A number in one of `extra_ranges` that phonenumbers
    does not know is usable if its length is that of a mobile there.

    Some regions write their own numbers without a leading ``0``: ``479 212 3456`` is American there, and Norwegian
    without its ``+``. Brackets around the first digits make a number national (ITU-T E.123 section 2). Otherwise it is
    the one of the two that is valid and of an allowed country. If both are, it is ambiguous. So is a text behind a
    region's own prefix for calls abroad, such as ``001``, that is a number behind ``00``, too.
    """
    if len(text) > MAX_LENGTH:
        return UnusableNumber(UnusableReason.TOO_LONG)
    plain = _plain(text)
    if (reason := _reason_against(plain)) is not None:
        return UnusableNumber(reason)
    readings = [_judge(each, settings) for each in _numbers_in(plain, settings.home_region)]
    possible = {each.e164: each for each in readings if each.is_possible}
    if len(possible) > 1:
        return UnusableNumber(UnusableReason.AMBIGUOUS, tuple(possible))
    chosen = next(iter(possible.values()), None) or _most_telling(readings)
    if chosen is None:
        return UnusableNumber(UnusableReason.INVALID)
    return UsableNumber(chosen.e164, chosen.region) if chosen.reason is None else UnusableNumber(chosen.reason)


def first_usable(texts: Iterable[str], settings: MobileSettings) -> UsableNumber | UnusableNumber:
    """The first usable number of `texts`; if there is none, what is wrong with the first text."""
    first: UnusableNumber | None = None
    for text in texts:
        outcome = normalise(text, settings)
        if isinstance(outcome, UsableNumber):
            return outcome
        first = first or outcome
    return first or UnusableNumber(UnusableReason.EMPTY)


def country_of(number: E164) -> str:
    """ISO 3166 region, ``"001"`` for the few numbers that belong to none."""
    parsed = phonenumbers.parse(number)
    known = phonenumbers.region_code_for_number(parsed)
    return known or phonenumbers.region_code_for_country_code(parsed.country_code or 0)


def countries_of(settings: MobileSettings) -> frozenset[str]:
    """Those that a number may be of."""
    allowed = settings.allowed_countries
    return frozenset(phonenumbers.SUPPORTED_REGIONS if _EVERY_COUNTRY in allowed else allowed)


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


@dataclass(frozen=True, slots=True)
class _Reading:
    """One number that a text may be, and what is against it."""

    e164: E164
    region: str
    reason: UnusableReason | None
    is_possible: bool
    """Whether it is a valid number of an allowed country, a mobile one or not."""


def _numbers_in(plain: str, home_region: str) -> list[tuple[phonenumbers.PhoneNumber, bool]]:
    """The numbers that the text may be, the one of the home region first, and whether it may mean it.

    None at all where it is no number.
    """
    digits = plain.translate(_NOT_DIGITS)
    is_international = "+" in plain or digits.startswith("00")
    at_home = not is_international and (digits.startswith("0") or _writes_no_zero(home_region))
    national = _parse(digits, home_region) if at_home else None
    found = [] if national is None else [(national, True)]
    if is_international or not digits.startswith("0"):
        international = _parse("+" + (digits if "+" in plain else digits.removeprefix("00")), None)
        if international is not None:
            found.append((international, is_international or not _is_national(plain, international, home_region)))
        dialled = None if "+" in plain else _parse(f"+{_behind_dialled_prefix(digits, home_region)}", None)
        if dialled is not None:
            found.append((dialled, True))
    return found


def _behind_dialled_prefix(digits: str, region: str) -> str:
    """What follows a longer prefix than ``00`` for calls abroad; empty: the region has none, or it is not there.

    ``001 47 921 23456`` is Norwegian in Singapore, which dials 001 there, and American as it is read elsewhere.
    """
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    match = re.match(metadata.international_prefix or "", digits) if metadata is not None else None
    return digits[match.end() :] if match is not None and len(match[0]) > 2 and digits.startswith("00") else ""


@lru_cache(maxsize=8)
def _writes_no_zero(region: str) -> bool:
    """Whether mobile numbers are written without a ``0`` in front in the region itself.

    It has no trunk prefix then, or another one than ``0``, or uses it for landlines alone (China, Brazil, Colombia).
    """
    example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    if example is None:
        return False
    written = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
    return not written.translate(_NOT_DIGITS).startswith("0")


def _is_national(plain: str, international: phonenumbers.PhoneNumber, home_region: str) -> bool:
    """Whether brackets around the first digits say so, although the digits are an international number, too.

    ``(44) 7912 345678`` has its country code in brackets. A number of the home region is the same either way.
    """
    first = _BRACKETED_FIRST.match(plain)
    country_code = international.country_code
    if first is None or country_code == phonenumbers.country_code_for_region(home_region):
        return False
    return first[1].translate(_NOT_DIGITS) != str(country_code)


def _judge(found: tuple[phonenumbers.PhoneNumber, bool], settings: MobileSettings) -> _Reading:
    number, is_meant = found
    allowed = settings.allowed_countries
    e164 = E164(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    region = phonenumbers.region_code_for_number(number) or ""
    # As `is_valid_number`, which would look for the region once more.
    if region and phonenumbers.is_valid_number_for_region(number, region):
        is_allowed = _EVERY_COUNTRY in allowed or region in allowed
        reason = None if is_allowed else UnusableReason.COUNTRY
        reason = reason if phonenumbers.number_type(number) in _USABLE_TYPES else UnusableReason.NOT_MOBILE
    else:
        region = phonenumbers.region_code_for_country_code(number.country_code or 0)
        is_possible = phonenumbers.is_possible_number_for_type(number, PhoneNumberType.MOBILE)
        is_allowed = is_possible and e164.startswith(settings.extra_ranges)
        reason = None if is_allowed else UnusableReason.INVALID
    if not is_meant:
        reason, is_allowed = reason or UnusableReason.INVALID, False
    return _Reading(e164, region, reason, is_allowed)


def _most_telling(readings: Iterable[_Reading]) -> _Reading | None:
    """Of readings that are all impossible: a valid number of another country says more than digits that are none."""
    return min(readings, key=lambda each: each.reason is UnusableReason.INVALID, default=None)


def _parse(typed: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    """The number of these digits, if phonenumbers takes nothing but a trunk prefix away and adds nothing.

    `typed` is ``+`` and digits, or the digits of a national number of `region`.
    """
    try:
        number = phonenumbers.parse(typed, region)
    except phonenumbers.NumberParseException:
        return None
    country_code = number.country_code or 0
    # "+00447..." keeps its plus here, and so equals neither.
    national = typed.removeprefix(f"+{country_code}")
    significant = phonenumbers.national_significant_number(number)
    trunk = phonenumbers.ndd_prefix_for_region(phonenumbers.region_code_for_country_code(country_code), True)
    if national not in (significant, f"{trunk or ''}{significant}"):
        return None  # carrier codes, Argentina's 15, a prefix such as 011: phonenumbers rewrote the digits
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return number if _E164.fullmatch(e164) else None
