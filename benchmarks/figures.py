"""How figures read: with their units, and in a table of Markdown. Pure."""

from __future__ import annotations

from collections.abc import Sequence

KIBIBYTE, MEBIBYTE = 1024, 1024**2


def times(value: float) -> str:
    return f"{value:.2f} x"


def microseconds(value: float) -> str:
    return f"{value * 1e6:.1f} µs"


def milliseconds(value: float) -> str:
    return f"{value * 1e3:.2f} ms"


def kibibytes(value: float) -> str:
    return f"{value / KIBIBYTE:.1f} KiB"


def mebibytes(value: float) -> str:
    return f"{value / MEBIBYTE:.1f} MiB"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown, padded so that it reads in a terminal too."""
    widths = [max(len(row[index]) for row in (headings, *rows)) for index in range(len(headings))]
    lines = [headings, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
