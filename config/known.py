"""What can be known about a table with problems, so that one wrong value hides no other problem.

Such a table is an instance of its model without the wrong values: reading one of those raises `Unknown`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ValidationError, create_model
from pydantic_core import ErrorDetails

from config.frozen_table import FrozenTable
from config.schema import inner_model, options

KeyPath = tuple[int | str, ...]
"""From a table to a value in it: ``("rules", 0, "path")``."""
_Table = TypeVar("_Table", bound=FrozenTable)


def read(
    model: type[_Table],
    values: Mapping[str, Any],
    wrong: Collection[KeyPath],
    *,
    folder: Path | None = None,
    is_whole: bool = True,
) -> tuple[_Table, list[ErrorDetails]]:
    """The table as far as it is known, and what is wrong with it besides `wrong`.

    `folder`: where relative paths begin. `is_whole` false: values may be there that were not read. What is not given is
    unknown then, and no default.
    """
    context = {"folder": folder}
    try:
        table = model.model_validate(values, context=context)
        errors: list[ErrorDetails] = []
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        wrong_keys = {each["loc"][0] for each in errors}
        kept = {key: value for key, value in values.items() if key not in wrong_keys}
        table = cast(_Table, _lenient(model).model_validate(kept, context=context))
    if not is_whole:
        errors = [each for each in errors if each["type"] != "missing"]
    errors = [each for each in errors if not any(each["loc"][: len(path)] == path for path in wrong)]
    every = {*wrong, *(each["loc"] for each in errors)}
    for name, field in model.model_fields.items():
        key = field.alias or name
        within = [path[1:] for path in every if path[0] == key]
        is_left_out = key not in values and (field.is_required() or not is_whole)
        if within or is_left_out:
            inner = None
            if within and all(within):
                inner = _inner(model, key, values.get(key), within, folder, is_whole=is_whole)
            if inner is not None:
                table.__dict__[name] = inner
            else:
                table.__dict__.pop(name, None)
                table.__pydantic_fields_set__.update(() if is_left_out else (name,))
    return table, errors


@cache
def _lenient(model: type[FrozenTable]) -> type[FrozenTable]:
    """The same, but that nothing is required in it."""
    optional: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if field.is_required():
            optional[name] = (field.annotation, copy(field))
            optional[name][1].default = None
    return create_model(model.__name__, __base__=model, **optional)


def _inner(
    model: type[FrozenTable],
    key: str,
    value: object,
    wrong: Collection[KeyPath],
    folder: Path | None,
    *,
    is_whole: bool,
) -> object:
    """The table or tables in a table, each as far as it is known; None where the value is none of such."""
    inner = inner_model(model, key)
    if inner is None:
        return None

    def known(position: int | str, each: Mapping[str, Any]) -> FrozenTable:
        own = [path[1:] for path in wrong if path[0] == position and path[1:]]
        return read(inner, each, own, folder=folder, is_whole=is_whole)[0]

    if isinstance(value, dict) and any(option.key == key and option.is_table for option in options(model)):
        return read(inner, value, wrong, folder=folder, is_whole=is_whole)[0]
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        return tuple(known(position, each) for position, each in enumerate(value))
    if isinstance(value, dict) and all(isinstance(each, dict) for each in value.values()):
        return {name: known(name, each) for name, each in value.items()}
    return None
