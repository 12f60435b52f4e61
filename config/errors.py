"""What is wrong with a configuration: every problem at once, each with its file, table and key, never a secret."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Place(NamedTuple):
    """Where a value stands: a top-level table, its position where it is one of an array (from 0), and a key."""

    table: str
    position: int | None
    key: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right. `message` says what to do and holds no value that could be a secret."""

    file: str
    """The file's path, or the name of the environment variable that the value came from."""
    table: str
    """``server``, ``apps[0] ("Wiki")``; empty for the file as a whole."""
    key: str
    """Empty for the table as a whole."""
    message: str

    def __str__(self) -> str:
        """One line, whatever the parts hold."""
        line = ": ".join(part for part in (self.file, self.table, self.key, self.message) if part)
        return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)


class ConfigurationError(Exception):
    """The configuration cannot be used. Its text is one line per problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean "..."?`` or nothing."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{matches[0]}"?' if matches else ""
