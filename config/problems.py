"""What is wrong with a configuration: every problem at once, each with its file, table and key, never a secret.

Checks are generators of findings. They are pure, or they read files that the configuration names.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, TypeVar

_T = TypeVar("_T")


class Place(NamedTuple):
    """Where a value stands: a top-level table, its position where it is one of an array (from 0), and a key."""

    table: str
    position: int | None
    key: str


Finding = tuple[Place, str]
"""Where something is wrong, and a sentence that says what to do. It holds no value that could be a secret."""


@dataclass(frozen=True, slots=True)
class ConfigurationProblem:
    """One thing to put right. `message` says what to do and holds no value that could be a secret."""

    file: str
    """The file's path, or the name of the environment variable that the value came from; empty where settings were not
    read from a file, or are told by somebody who knows which one it was."""
    table: str
    """``server``, ``apps[0] ("Wiki")``; empty for the file as a whole."""
    key: str
    """Empty for the table as a whole."""
    message: str

    @classmethod
    def at(cls, place: Place, message: str) -> ConfigurationProblem:
        """Of settings whose file somebody else knows."""
        table = place.table if place.position is None else f"{place.table}[{place.position}]"
        return cls("", table, place.key, message)

    def of_file(self, file: Path) -> ConfigurationProblem:
        """The same, told by somebody who knows the file."""
        return self if self.file else replace(self, file=str(file))

    def __str__(self) -> str:
        """One line, even if the parts hold line ends."""
        line = ": ".join(part for part in (self.file, self.table, self.key, self.message) if part)
        return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)


class ConfigurationError(Exception):
    """The configuration cannot be used. Its text is one line per problem."""

    def __init__(self, problems: Iterable[ConfigurationProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> ConfigurationError:
        """Of settings whose file somebody else knows."""
        return cls(ConfigurationProblem.at(*finding) for finding in findings)


class UnusableFile(OSError):
    """A file that the configuration names cannot be read, or does not hold what it should.

    The text names the file, and what to do. Code that reads the file again while Gatepost runs treats it as missing.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


class Unknown(AttributeError):
    """A value that is itself wrong, which was already reported: nothing can be said about anything that depends on
    it."""


def told(*checks: Iterable[_T]) -> Iterator[_T]:
    """What each check finds, until it would need a value that is `Unknown`."""
    for check in checks:
        try:
            yield from check
        except Unknown:
            continue


def late(find: Callable[[], Iterable[_T]]) -> Iterator[_T]:
    """What `find` gives, called as late as `told` asks: what it is about may be `Unknown`."""
    yield from find()


def missing_package(module: str, place: Place, needs: str) -> Iterator[Finding]:
    """Where the package of an extra is not there. Without the setting at `place`, nobody needs it: ask only with it.

    `module`: the one of ours that imports it; `needs`: such as ``needs pyrad``.
    """
    try:
        import_module(module)
    except ImportError:
        yield place, f"{needs}, which is not installed: install the packages of deploy/requirements.txt"


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean "..."?`` or nothing."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{matches[0]}"?' if matches else ""
