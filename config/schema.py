"""The tables and keys that a configuration may hold, read off the settings classes so that there is one list."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import SecretStr

from config.frozen_table import FrozenTable
from config.settings import Settings
from config.values import MADE_LATER

FILE_SUFFIX = "_file"
"""``password_file`` names the file that holds ``password``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One key of a table, as the file spells it."""

    key: str
    default: object
    is_secret: bool
    is_path: bool
    is_list: bool
    is_mapping: bool
    is_table: bool
    """One table inside the table, whose keys are known: ``[pages.help]``."""
    is_made_later: bool
    """A file that Gatepost writes itself: it need not be there yet."""
    is_duration: bool
    is_number_or_flag: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A top-level table, or an array of them."""

    key: str
    models: tuple[type[FrozenTable], ...]
    """More than one where the table's ``type`` decides."""
    is_array: bool
    is_required: bool

    @property
    def types(self) -> dict[str, type[FrozenTable]]:
        """The model of each ``type``, where that decides."""
        return {get_args(model.model_fields["type"].annotation)[0]: model for model in self.models}

    def model_for(self, values: dict[str, Any]) -> type[FrozenTable] | None:
        """The model that checks these values; None if their ``type`` is unknown."""
        if len(self.models) == 1:
            return self.models[0]
        chosen = values.get("type")
        return self.types.get(chosen) if isinstance(chosen, str) else None

    def known_keys(self, model: type[FrozenTable] | None = None) -> dict[str, Option]:
        """Every key that may be written, ``_file`` ones included, and the option it is for."""
        found: dict[str, Option] = {}
        for each in (model,) if model else self.models:
            for option in options(each):
                found[option.key] = option
                if option.is_secret:  # unless that is a key of its own, which stands behind it
                    found[option.key + FILE_SUFFIX] = option
        return found


@cache
def options(model: type[FrozenTable]) -> tuple[Option, ...]:
    """The keys of one table, in the order in which the settings declare them."""
    found = []
    for name, field in model.model_fields.items():
        leaves = _leaves(field.annotation)
        found.append(
            Option(
                key=field.alias or name,
                default=None if field.is_required() else field.default,
                is_secret=SecretStr in leaves,
                is_path=Path in leaves,
                is_list=tuple in leaves,
                is_mapping=dict in leaves,
                is_table=leaves.isdisjoint((tuple, dict)) and _table_in(leaves) is not None,
                is_made_later=MADE_LATER in field.metadata,
                is_duration=float in leaves,
                is_number_or_flag=not leaves.isdisjoint((int, bool)),
            )
        )
    return tuple(found)


def inner_model(model: type[FrozenTable], key: str) -> type[FrozenTable] | None:
    """The model of the tables inside a table, such as ``[[apps.rules]]``; None where the key holds plain values."""
    field = next(field for name, field in model.model_fields.items() if key == (field.alias or name))
    return _table_in(_leaves(field.annotation))


def _table_in(leaves: frozenset[Any]) -> type[FrozenTable] | None:
    return next((leaf for leaf in leaves if isinstance(leaf, type) and issubclass(leaf, FrozenTable)), None)


def inner_options(model: type[FrozenTable], key: str) -> tuple[Option, ...]:
    """Their options."""
    inner = inner_model(model, key)
    return () if inner is None else options(inner)


def inner_keys(model: type[FrozenTable], key: str) -> tuple[str, ...]:
    """Their keys."""
    return tuple(option.key for option in inner_options(model, key))


@cache
def tables() -> dict[str, Table]:
    """Every top-level table by its key."""
    found = {}
    for name, field in Settings.model_fields.items():
        leaves = _leaves(field.annotation)
        models = [leaf for leaf in leaves if isinstance(leaf, type) and issubclass(leaf, FrozenTable)]
        found[name] = Table(
            key=name,
            models=tuple(sorted(models, key=lambda model: model.__name__)),
            is_array=tuple in leaves,
            is_required=field.is_required(),
        )
    return found


def _leaves(annotation: Any) -> frozenset[Any]:
    """The classes inside an annotation; `tuple` itself is one where there is a list, `dict` where keys are free."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _leaves(get_args(annotation)[0])
    if origin in (Union, UnionType, tuple):
        inner = frozenset[Any]().union(*(_leaves(each) for each in get_args(annotation) if each is not Ellipsis))
        return inner | {tuple} if origin is tuple else inner
    if origin is dict:
        return _leaves(get_args(annotation)[1]) | {dict}
    return frozenset((annotation,))
