"""Values of frozen dataclasses made quickly, where one is made for each session that a worker meets.

The class itself sets each field of a frozen value through `object.__setattr__`, which takes ten times as long as all
else. So a value is made as one of a class with the same slots that is not frozen, and becomes one of its own class when
it is whole. A `__post_init__` would not be called, so a class with one is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeVar, cast

Value = TypeVar("Value")


def quick_maker(kind: type[Value], names: Sequence[str]) -> Callable[..., Value]:
    """Makes a `kind` from one argument for each of `names`: all of its fields, in any order. It must have slots."""
    draft = dataclasses.make_dataclass(kind.__name__, names, slots=True, eq=False, repr=False)
    if {*names} != {each.name for each in dataclasses.fields(cast(Any, kind))}:
        raise TypeError(f"not the fields of {kind.__name__}")
    if hasattr(kind, "__post_init__"):
        raise TypeError(f"{kind.__name__} checks its values")

    def make(*values: Any) -> Value:
        made = draft(*values)
        made.__class__ = kind
        return cast(Value, made)

    return make


def quick_replacer(kind: type[Value], name: str) -> Callable[[Value, Any], Value]:
    """As `dataclasses.replace`, for this one field."""
    others = [each.name for each in dataclasses.fields(cast(Any, kind)) if each.name != name]
    make, values_of = quick_maker(kind, [name, *others]), attrgetter(*others)
    return lambda value, new: make(new, *values_of(value))
