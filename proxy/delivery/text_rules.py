"""What a text must keep to so that it arrives as it is: alphabet, length, lines, and the place where it travels.

One SMS takes 160 characters of the GSM 7-bit default alphabet (3GPP TS 23.038 section 6.2.1). Lengths are in septets: a
character of the extension table costs two, because it is sent behind an escape.
"""

from __future__ import annotations

from dataclasses import dataclass

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞÆæßÉ"  # 0x1B, between Ξ and Æ, is the escape itself
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")


ONE_SMS_SEPTETS, _PART_SEPTETS = 160, 153
ONE_SMS_UCS2, _PART_UCS2 = 70, 67


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRules:
    gateway: str
    """Its name, for the sentences."""
    in_subject: bool = False
    gsm7: bool = True
    seven_bit: bool = True
    several_lines: bool = False
    terminator: str = ""
    max_characters: int = 160


def wrong_with(text: str, rules: TextRules) -> str | None:
    """What stops a rendered text from arriving as it is through this SMS gateway, or None.

    A Subject is one line, and one character outside ASCII would turn it into an encoded word (RFC 2047) that
    gateways send on as it stands; a text that already looks like one would be decoded on the way.
    """
    if rules.gsm7 and (odd := not_gsm7(text)) is not None:
        return f"the character {shown(odd)} is not in the GSM alphabet"
    in_one_line = text.replace("\n", "") if rules.several_lines and not rules.in_subject else text
    ascii_only = rules.in_subject or rules.seven_bit
    odd = next((each for each in in_one_line if not each.isprintable() or (ascii_only and not each.isascii())), None)
    if odd is not None and rules.in_subject:
        return f"the character {shown(odd)} can't be sent in a Subject, and {rules.gateway} takes the text from there"
    if odd is not None:
        return f"the character {shown(odd)} can't be sent through {rules.gateway}"
    if rules.in_subject and "=?" in text:
        return 'the characters "=?" start an encoded word in a Subject'
    if rules.in_subject and text != text.strip():
        return "a Subject must not begin or end with a space"
    if rules.terminator and rules.terminator in text:
        return f"{shown(rules.terminator)} would end the text: {rules.gateway} takes it for the end"
    length = gsm7_length(text)
    if length is None:
        length = ucs2_length(text)
    if length > rules.max_characters:
        return f"{length} characters are too long: {rules.gateway} takes {rules.max_characters}"
    return None


def shown(text: str) -> str:
    """Readable in an error, and unambiguous: printable text as it is, anything else by its code point."""
    if len(text) == 1:
        return f'"{text}" (U+{ord(text):04X})' if text.isprintable() else f"U+{ord(text):04X}"
    return f'"{text}"'


def gsm7_length(text: str) -> int | None:
    """Septets that `text` takes, or None where a character is in neither table (the SMS would shrink to 70)."""
    return None if not_gsm7(text) is not None else len(text) + sum(each in _EXTENSION for each in text)


def ucs2_length(text: str) -> int:
    """The characters of 16 bits that `text` takes where one is in neither table: an emoji is two."""
    return len(text.encode("utf-16-be", "surrogatepass")) // 2


def measured(text: str) -> tuple[str, int]:
    """How long an SMS is and what fits into one, in words; and how many are sent.

    3GPP TS 23.040 section 9.2.3.24.1: each of several carries a header, which leaves 153 septets, or 67 characters of
    16 bits.
    """
    septets = gsm7_length(text)
    if septets is not None:
        return f"{septets} characters, and one SMS holds {ONE_SMS_SEPTETS} (each of several {_PART_SEPTETS})", _parts(
            septets, ONE_SMS_SEPTETS, _PART_SEPTETS
        )
    units = ucs2_length(text)
    said = f"{units} characters with some outside the GSM alphabet, and one such SMS holds {ONE_SMS_UCS2}"
    return f"{said} (each of several {_PART_UCS2})", _parts(units, ONE_SMS_UCS2, _PART_UCS2)


def _parts(length: int, one: int, part: int) -> int:
    return 1 if length <= one else -(-length // part)


def not_gsm7(text: str) -> str | None:
    """The first character of `text` that is in neither table, or None."""
    return next((each for each in text if each not in _BASIC and each not in _EXTENSION), None)
