"""Fields of stored records: written as compact JSON, and read back only if they are of the right kind.

The JSON is ASCII, so that any text a directory or a browser hands over can be written. Readers raise `TypeError`.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from operator import attrgetter
from typing import Any, TypeVar, cast

from proxy.operations.store_errors import StoreError

Value = TypeVar("Value")

_raw_decode = json.JSONDecoder().raw_decode


class UnreadableRecord(StoreError):
    """A stored record is of another version or damaged."""


def compact_json(value: object) -> str:
    """A member of an enum by its value."""
    return json.dumps(value, separators=(",", ":"), default=attrgetter("value"))


def from_compact_json(text: str) -> Any:
    """What `compact_json` wrote. Raises `ValueError` on anything else, spaces around it too."""
    value, end = _raw_decode(text)
    if end != len(text):
        raise ValueError("something behind the JSON")
    return value


def json_or_nothing(value: Any) -> str:
    """A dataclass as one line; None as nothing."""
    return "" if value is None else json.dumps(dataclasses.asdict(value), separators=(",", ":"))


def value_of(kind: type[Value], record: str | bytes) -> Value:
    """A flat dataclass that opens nothing: a newer node that shares the store may have written more fields.

    Raises `UnreadableRecord`.
    """
    try:
        values = json.loads(record)
        return kind(**{each.name: values[each.name] for each in dataclasses.fields(cast(Any, kind))})
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableRecord(f"a {kind.__name__} that cannot be read") from error


def as_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value


def as_text_or_none(value: object) -> str | None:
    return None if value is None else as_text(value)


def as_instant(value: object) -> float:
    if not isinstance(value, float):
        raise TypeError("not an instant")
    return value


def as_instant_or_none(value: object) -> float | None:
    return None if value is None else as_instant(value)


def as_texts(value: object) -> tuple[str, ...]:
    """Few, and shared by many sessions: one copy of each is kept. `TypeError` where one is no string."""
    return tuple(map(sys.intern, as_list(value)))


def as_texts_or_none(value: object) -> tuple[str, ...] | None:
    return None if value is None else as_texts(value)


def as_list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value
