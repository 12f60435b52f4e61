"""What a person may have meant who typed an unusable `mobile` value: proposals for an AD admin to review, pure.

A proposal is never used for a passcode: it is plain text, not `directory.mobile.E164`. It exists only where every
reading of the text that is a usable number gives the same number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from config.settings import MobileSettings
from directory.mobile import MAX_LENGTH, UnusableNumber, UsableNumber, normalise

MIN_DIGITS = 7
"""Fewer are not a number of their own: a room, a date, an extension."""
MAX_DIGITS = 18
"""15 of E.164, ``00`` and a trunk prefix: more digits than these are more than one number."""

# Groups of digits with one or two signs between them, a "+" or bracket in front, "(0)" anywhere; no letter touches it.
_SPACING = r"[ .\-\u2010-\u2015]{0,2}"
_RUN = re.compile(rf"(?<![^\W_])\+?\(?\+?[0-9]+\)?(?:{_SPACING}(?:\(0\){_SPACING})?[0-9]+)*(?![^\W_])")
_MISTYPED = re.compile(r"(?<![^\W_])[0-9OoIl]*[0-9][0-9OoIl]*(?![^\W_])")
_LETTERS_FOR_DIGITS = str.maketrans("OoIl", "0011")
_DIGITS_AND_BLANKS = re.compile(r"[0-9 ]+")
_SPREADSHEET = re.compile(r"([0-9]{7,})[.,]0")


class Repair(Enum):
    """What would be done to the text; the values are for programs."""

    SPREADSHEET = "spreadsheet"
    LETTER_FOR_DIGIT = "letter_for_digit"
    NOTES = "notes"
    LOST_ZERO = "lost_zero"
    ZERO_FOR_PLUS = "zero_for_plus"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    number: str = field(repr=False)
    """In E.164 form, for a person to check. Nobody's passcode goes there."""
    repair: Repair


def propose(text: str, settings: MobileSettings) -> Proposal | None:
    """The one usable number that an unusable `text` may stand for; None if there is none, or more than one."""
    if len(text) > MAX_LENGTH:
        return None
    found: dict[str, Repair] = {}
    plain = _plain(text)
    repaired = _MISTYPED.sub(lambda match: match[0].translate(_LETTERS_FOR_DIGITS), plain)
    if holds_several(repaired, settings):
        return None
    for reading, repair in _readings(repaired, Repair.LETTER_FOR_DIGIT if repaired != plain else None):
        outcome = normalise(reading, settings)
        if isinstance(outcome, UsableNumber):
            found.setdefault(outcome.e164, repair)
    if len(found) != 1:
        return None
    (number, repair), *_ = found.items()
    return Proposal(number=number, repair=repair)


def numbers_in(text: str) -> list[str]:
    """The parts of `text` that look like whole telephone numbers."""
    return [run for run in _RUN.findall(_plain(text)) if _count_digits(run) >= MIN_DIGITS]


def holds_several(text: str, settings: MobileSettings) -> bool:
    """Whether there is more than one number in it; one usable number that is written twice is one."""
    plain = _plain(text)
    numbers = numbers_in(plain)
    if len(numbers) < 2:
        return _count_digits(plain) > MAX_DIGITS
    outcomes = [normalise(number, settings) for number in numbers]
    return any(isinstance(each, UnusableNumber) for each in outcomes) or len(set(outcomes)) > 1


def has_digits(text: str) -> bool:
    return any(char.isdecimal() for char in text)


def _readings(plain: str, done: Repair | None) -> Iterator[tuple[str, Repair]]:
    """Each way to read the text, with the most telling thing that is done to it; `done` was done before."""
    if done is not None:
        yield plain, done
    if (whole := _SPREADSHEET.fullmatch(plain)) is not None:
        yield from _with_first_digits(whole[1], Repair.SPREADSHEET)
        return
    numbers = numbers_in(plain)
    if sum(map(_count_digits, numbers)) != _count_digits(plain):
        return  # digits beside the number: an extension, or a part of it that something else stands in
    for number in numbers:
        yield from _with_first_digits(number, done or (Repair.NOTES if number != plain else None))


def _with_first_digits(number: str, repair: Repair | None) -> Iterator[tuple[str, Repair]]:
    """The number itself, and with what its beginning may have been before somebody or something changed it."""
    if repair is not None:
        yield number, repair
    digits = "".join(filter(str.isdecimal, number))
    if "+" in number or digits.startswith("00"):
        return
    if digits.startswith("0"):
        yield f"+{digits[1:]}", repair or Repair.ZERO_FOR_PLUS
    elif _DIGITS_AND_BLANKS.fullmatch(number):
        # Not "(757) 555-1234": that is how American numbers are written.
        yield f"0{digits}", repair or Repair.LOST_ZERO


def _plain(text: str) -> str:
    """NFKC without format characters; white space folded."""
    shown = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    return " ".join(shown.split())


def _count_digits(text: str) -> int:
    return sum(char.isdecimal() for char in text)
