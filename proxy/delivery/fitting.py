"""Texts of Gatepost's own, in any language, as an SMS gateway passes them on: as they stand, or without their marks.

An operator's text is sent as it is written, or refused at the start. Ours are in the languages of all persons, and no
gateway passes on all alphabets: one that takes ASCII gets ``Kod`` for ``Kód``, and English in the place of Arabic.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from proxy.delivery.person_names import WITHOUT_MARKS
from proxy.delivery.text_rules import TextRules, not_gsm7, wrong_with

_PLAINER = WITHOUT_MARKS | str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "¿": "", "¡": "", "…": "...", "•": "*"}
    | {"‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‐": "-", "–": "-", "—": "-"}
    | {"\N{NO-BREAK SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " "}
)


def fitting(texts: Iterable[str], rules: TextRules) -> str | None:
    """The first that this gateway passes on, in full or at least readable; None: it passes on none of them."""
    for text in texts:
        for said in (text, without_marks(text, rules)):
            if wrong_with(said, rules) is None:
                return said
    return None


def without_marks(text: str, rules: TextRules) -> str:
    """Each letter and sign that the gateway does not pass on as the nearest one without marks; others stay."""
    return "".join(each if _passes(each, rules) else _plain(each) for each in unicodedata.normalize("NFC", text))


def _passes(character: str, rules: TextRules) -> bool:
    if (rules.in_subject or rules.seven_bit) and not character.isascii():
        return False
    return not (rules.gsm7 and not_gsm7(character))


def _plain(character: str) -> str:
    bare = unicodedata.normalize("NFKD", character.translate(_PLAINER))
    return "".join(each for each in bare if not unicodedata.combining(each))
