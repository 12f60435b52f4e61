"""The GSM 7-bit default alphabet (3GPP TS 23.038 section 6.2.1): what fits one SMS of 160 characters.

Lengths are in septets: a character of the extension table costs two, because it is sent behind an escape.
"""

from __future__ import annotations

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


def gsm7_length(text: str) -> int | None:
    """Septets that `text` takes, or None where a character is in neither table (the SMS would shrink to 70)."""
    length = 0
    for character in text:
        if character in _BASIC:
            length += 1
        elif character in _EXTENSION:
            length += 2
        else:
            return None
    return length


def not_gsm7(text: str) -> str | None:
    """The first character of `text` that is in neither table, or None."""
    return next((each for each in text if each not in _BASIC and each not in _EXTENSION), None)
