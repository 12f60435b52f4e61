"""Plain columns for a terminal; nothing in a cell can move its cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from proxy.mobile_formats.words import one_line, width

_GAP = "  "


def write_table(head: Sequence[str], rows: Sequence[Sequence[str]], out: TextIO) -> None:
    """Each column as wide as its widest cell; nothing is cut."""
    table = [list(map(one_line, row)) for row in (head, *rows)]
    widths = [max(map(width, column)) for column in zip(*table, strict=True)]
    for row in table:
        padded = (cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True))
        out.write(_GAP.join(padded).rstrip() + "\n")
