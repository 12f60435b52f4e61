"""A person's name as a message may hold it. People can often write their own name, so nothing in it is trusted.

It may hold letters, single spaces, hyphens and apostrophes, and not many. No digits, which a phone would offer as the
passcode; no dot, which would make a link; no line break; no character that a gateway treats as special.
"""

from __future__ import annotations

import unicodedata

from proxy.delivery.text_rules import TextRules, not_gsm7

MOST_CHARACTERS = 30
LONGEST_NAME = "W" * MOST_CHARACTERS
_LONGEST_READ = 256
_APOSTROPHES = str.maketrans("’‘ʼ´`‐‑‒–", "''''" + "'" + "----")  # what people type
WITHOUT_MARKS = str.maketrans(
    {"ß": "ss", "ẞ": "SS", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L"}
    | {"đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i"}
)


def spoken_name(name: str, rules: TextRules | None = None) -> str:
    """At most `MOST_CHARACTERS`, possibly none. With `rules`, only what this SMS gateway passes on unchanged.

    Any other letter loses its marks (``Š`` becomes ``S``). If that does not help, it is left out.
    """
    whole = unicodedata.normalize("NFC", name[:_LONGEST_READ]).translate(_APOSTROPHES)
    kept = "".join(_sendable(character, rules) for character in whole)
    return " ".join(kept.split())[:MOST_CHARACTERS].strip()


def _sendable(character: str, rules: TextRules | None) -> str:
    if character.isspace():
        return " "
    if character in "-'":
        return "" if rules is not None and character in rules.terminator else character
    if not _is_letter(character):
        return ""
    if rules is None or _passes(character, rules):
        return character
    bare = unicodedata.normalize("NFKD", character.translate(WITHOUT_MARKS))
    return "".join(each for each in bare if _is_letter(each) and _passes(each, rules))


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM"


def _passes(character: str, rules: TextRules) -> bool:
    if (rules.in_subject or rules.seven_bit) and not character.isascii():
        return False
    return character not in rules.terminator and not (rules.gsm7 and not_gsm7(character))
