"""What is wrong with a file that is no TOML, in words that do not need TOML's: above all brackets. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\"' -]+?)\s*\]\]?\s*(?:#.*)?")
_AGAIN = re.compile(r"Cannot declare \((.*)\) twice", re.ASCII)


def toml_reason(text: str, error: str, lists: Collection[str]) -> str:
    """What to do about `error`, the parser's own words; `lists` are the tables of which there may be several."""
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.fullmatch(line)
        if header is None:
            continue
        name = header[2].replace(" ", "")
        if header[1] == "[" and name in lists and _is_there_again(text, name):
            return f"line {number}: write [[{name}]], in two brackets, for there may be several (each time it stands)"
    again = _AGAIN.search(error)
    if again is not None:
        name = ".".join(part.strip(" '\"") for part in again[1].split(",") if part.strip())
        return f"[{name}] is there twice: put both together{_place(error)}"
    return f"is not TOML: {error}"


def _is_there_again(text: str, name: str) -> bool:
    headers = [match[2].replace(" ", "") for match in map(_HEADER.fullmatch, text.splitlines()) if match is not None]
    return headers.count(name) > 1


def _place(error: str) -> str:
    found = re.search(r" \(at line [0-9]+, column [0-9]+\)", error)
    return found[0] if found is not None else ""
