"""What every table of the configuration is: frozen, without unknown keys, and silent about values in its errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from config.problems import Unknown


class FrozenTable(BaseModel):
    """A TOML table: frozen, and every key in it must be known.

    In a file with problems, a table may lack the wrong values. Reading one of them raises `Unknown`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    if not TYPE_CHECKING:  # a type checker would take any name for an attribute

        def __getattr__(self, name: str) -> object:
            fields = type(self).model_fields
            # A property that asks for an unknown value ends here too. A whole table has all of its fields: there it is
            # an error like any other, and never a check that is passed over in silence.
            if fields.keys() - self.__dict__.keys() and (name in fields or hasattr(type(self), name)):
                raise Unknown(name)
            return super().__getattr__(name)


def half_pairs(table: FrozenTable, *pair: str) -> Iterator[tuple[str, str]]:
    """Key and sentence where one of `pair` is named without the other: a certificate and its key."""
    missing = [key for key in pair if getattr(table, key) is None]
    if len(missing) == 1:
        yield missing[0], "is missing: a certificate and its key belong together"


class Named(Protocol):
    """A table of an array whose tables are told apart by their names."""

    @property
    def name(self) -> str: ...


_Named = TypeVar("_Named", bound=Named)


def named(tables: Sequence[_Named], name: str) -> _Named | None:
    """The one of this name, None if there is none; `Unknown` if it may be one whose name is not known."""
    found = next((table for table in tables if getattr(table, "name", None) == name), None)
    return found or next((table for table in tables if table.name == name), None)


def repeated(values: Iterable[str | None]) -> Iterator[int]:
    """Positions of those that already appear earlier; None: not known."""
    seen: set[str] = set()
    for position, value in enumerate(values):
        if value in seen:
            yield position
        elif value is not None:
            seen.add(value)
