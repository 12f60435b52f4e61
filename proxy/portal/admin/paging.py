"""A long list in pages: which one is meant, and the links to its neighbours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

PAGE = "page"
"""Query field, counted from 1."""
ROWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    number: int
    pages: int
    first: int
    """The position of its first row; `last` is one behind its last."""
    last: int
    earlier_href: str
    later_href: str
    """Empty where there is none."""


def page_of(text: str, count: int, *, path: str, query: Mapping[str, str] | None = None) -> Page:
    """The page that a query names; for anything that is no page of this list, the first or the last one."""
    pages = max(1, -(-count // ROWS))
    number = min(max(1, int(text)), pages) if text.isascii() and text.isdigit() and len(text) < 7 else 1

    def href(other: int) -> str:
        return f"{path}?{urlencode({**(query or {}), PAGE: str(other)})}" if 1 <= other <= pages else ""

    return Page(
        number=number,
        pages=pages,
        first=(number - 1) * ROWS,
        last=min(number * ROWS, count),
        earlier_href=href(number - 1),
        later_href=href(number + 1),
    )
