"""Plain columns for a terminal; nothing in a cell can move its cursor."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TextIO

from proxy.mobile_formats.words import one_line

_GAP = "  "


def write_table(head: Sequence[str], rows: Sequence[Sequence[str]], out: TextIO) -> None:
    """Each column as wide as its widest cell; nothing is cut."""
    table = [list(map(one_line, row)) for row in (head, *rows)]
    widths = [max(map(width, column)) for column in zip(*table, strict=True)]
    for row in table:
        padded = (cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True))
        out.write(_GAP.join(padded).rstrip() + "\n")


def width(text: str) -> int:
    """How many columns it takes on a terminal: kana and the like take two."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
