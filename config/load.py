"""`gatepost.toml` and the environment to `Settings`, or every problem of theirs in one go.

Relative paths are relative to the folder of the file. No value of a secret is ever part of a problem.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import ErrorDetails

from config.checks import problems
from config.environment import PREFIX, apply_overrides
from config.frozen_table import FrozenTable
from config.known import KeyPath, read
from config.problems import ConfigurationError, ConfigurationProblem, Finding, Place, nearest, told
from config.schema import FILE_SUFFIX, Option, Table, inner_keys, tables
from config.settings import MobileSettings, Settings
from config.table_files import TableFiles
from config.toml_file import read_toml
from config.values import duration_text

_NAME_KEYS = ("name", "host")
LISTS = frozenset(
    (
        *(key for key, table in tables().items() if table.is_array),
        *(
            "apps.rules",
            "server.certificates",
            "radius.clients",
            "radius.attributes",
            "ssh.targets",
            "admin.roles",
            "users",
        ),
    )
)
"""Tables that are written in two brackets."""


_WRONG = {
    "value_error": "{error!s}",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be a string",
    "path_type": "must be a string",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "string_too_long": "must be at most {max_length} characters long",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "greater_than": "must be more than {gt}",
}
"""What to do about each kind of finding of pydantic that says all by itself."""

Check = Callable[[Settings], Iterable[Finding | ConfigurationProblem]]
"""Checks besides the values. They get the settings as far as they are known."""


def load_settings(path: Path, environ: Mapping[str, str], *checks: Check) -> Settings:
    """Read and check everything; `ConfigurationError` lists all that is wrong."""
    return _Loading(path, environ).settings(checks)


def load_with_files(path: Path, environ: Mapping[str, str], *checks: Check) -> tuple[Settings, tuple[Path, ...]]:
    """The same, and the files that secrets were read from: those of ``_file`` keys, and this one if it holds some."""
    loading = _Loading(path, environ)
    return loading.settings(checks), tuple(loading.secret_files)


def load_known(path: Path, environ: Mapping[str, str]) -> Settings:
    """What is known of the settings, despite any problems: reading anything else raises `Unknown`."""
    return _Loading(path, environ).known()


def load_mobile(path: Path, environ: Mapping[str, str]) -> MobileSettings:
    """`[mobile]` alone, whatever is wrong with the rest; `ConfigurationError` lists what is wrong with it."""
    return _Loading(path, environ).mobile()


def explain(error: ErrorDetails, known: Iterable[str], option: Option | None, table: str = "") -> str:
    """What to do about one finding of pydantic, without the value that it found; `table`: the one that it is in."""
    context = error.get("ctx", {})
    is_duration = option is not None and option.is_duration
    limits = {
        name: f'"{duration_text(limit)}"' if is_duration else f"{limit:g}"
        for name, limit in context.items()
        if name in ("ge", "le", "gt")
    }
    match error["type"]:
        case "missing":
            secret = option is not None and option.is_secret
            return f"is missing (or give {error['loc'][-1]}{FILE_SUFFIX})" if secret else "is missing"
        case "extra_forbidden":
            return "unknown key" + nearest(str(error["loc"][-1]), known)
        case "tuple_type" if (name := f"{table}.{error['loc'][0]}") in LISTS:
            return f"must be a list of tables: write [[{name}]]"
        case kind:
            return _WRONG.get(kind, f"is not right ({kind})").format(**context | limits)


class _Loading:
    """One pass over one file; collects problems on its way."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        file = read_toml(path, LISTS)
        tree = file.tree
        self._path = path
        self._in_toml, self._is_whole = file.problems, file.is_whole
        self._folder = path.resolve().parent
        self.secret_files: list[Path] = []
        self._tree = copy.deepcopy(tree)
        self._single = {key for key in ("smtp",) if isinstance(tree.get(key), dict)}
        for key in self._single:
            self._tree[key] = [self._tree[key]]
        self._origins, self._problems = apply_overrides(self._tree, environ)
        self._problems[:0] = self._in_toml

    def settings(self, checks: Iterable[Check]) -> Settings:
        for key in self._tree.keys() - tables().keys():
            self._problems.append(
                ConfigurationProblem(str(self._path), key, "", "unknown table" + nearest(key, tables()))
            )
        known = self.known()
        for each in told(problems(known), *(check(known) for check in checks)):
            if isinstance(each, ConfigurationProblem):
                self._problems.append(each)
            else:
                self._add(*each)
        if self._problems:
            raise ConfigurationError(self._problems)
        return Settings.model_validate(dict(known))

    def known(self) -> Settings:
        """The settings as far as they are known: whole if nothing is wrong with them."""
        pieces = {key: self._piece(table) for key, table in tables().items() if self._is_asked_for(table)}
        known = Settings.model_construct(None, **pieces)
        for key in [key for key, piece in pieces.items() if piece is None]:
            del known.__dict__[key]
        return known

    def mobile(self) -> MobileSettings:
        of_variables = [problem for problem in self._problems if problem.file.startswith(f"{PREFIX}MOBILE")]
        self._problems = [*self._in_toml, *of_variables]
        piece = self._piece(tables()["mobile"])
        if self._problems or not isinstance(piece, MobileSettings):
            raise ConfigurationError(self._problems)
        return piece

    def _is_asked_for(self, table: Table) -> bool:
        """Where no [[schemes]] are written, there are the settings' own."""
        return not table.is_array or table.is_required or table.key in self._tree or not self._is_whole

    def _piece(self, table: Table) -> FrozenTable | tuple[FrozenTable, ...] | None:
        """None: nothing is known of an array."""
        place = Place(table.key, None, "")
        value = self._tree.get(table.key, [] if table.is_array else {})
        if not table.is_array:
            if isinstance(value, dict):
                return self._table(table, None, value)
            self._add(place, f"must be a table: write [{table.key}]")
            return read(table.models[0], {}, (), is_whole=False)[0]
        if not value and not self._is_whole:
            return None
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            self._add(place, f"must be a list of tables: write [[{table.key}]]")
        elif not value:
            self._add(place, f"at least one [[{table.key}]] is needed")
        else:
            return tuple(self._table(table, position, each) for position, each in enumerate(value))
        return None

    def _table(self, table: Table, position: int | None, raw: dict[str, Any]) -> FrozenTable:
        model = table.model_for(raw)
        if model is None:
            types = " or ".join(f'"{name}"' for name in table.types)
            place = Place(table.key, position, "type")
            if "type" in raw or self._is_whole:
                self._add(place, f"must be {types}" if "type" in raw else f"is missing: {types}")
            # Of any type, it has a name, and `default`, which only one table may set.
            shared: dict[str, Any] = {key: raw[key] for key in ("name", "default") if key in raw}
            return read(table.models[0], shared, [("type",)], is_whole=False)[0]
        reading = TableFiles(self._folder, raw, model, is_whole=self._is_whole)
        for path, message in reading.problems:
            self._add_at(table.key, position, path, message)
        self.secret_files += reading.secret_files
        if any(Place(table.key, position, key) not in self._origins for key in reading.secrets_written):
            self.secret_files.append(self._path)
        if table.key == "store" and self._is_whole:
            reading.values.setdefault("url", "sqlite:state.db")  # begins at the folder, as one that is written does
        piece, errors = read(model, reading.values, reading.wrong, folder=self._folder, is_whole=self._is_whole)
        known = table.known_keys(model)
        for error in errors:
            loc = error["loc"]
            option = known.get(str(loc[0]))
            depth = 1 if option is not None and option.is_table else 2
            keys = known if len(loc) <= depth else inner_keys(model, str(loc[0]))
            message = explain(error, keys, option, table.key)
            self._add_at(table.key, position, loc, message)
        return piece

    def _add_at(self, table: str, position: int | None, path: KeyPath, message: str) -> None:
        self._add(Place(table, position, _key_of(path)), message)

    def _add(self, place: Place, message: str) -> None:
        variable = self._origins.get(place._replace(key=re.split(r"[.\[]", place.key, maxsplit=1)[0]))
        self._problems.append(
            ConfigurationProblem(variable or str(self._path), self._table_name(place), place.key, message)
        )

    def _table_name(self, place: Place) -> str:
        """``server``, ``smtp``, or ``apps[0] ("Wiki")`` with the index that the environment uses."""
        if place.position is None or place.table in self._single:
            return place.table
        table = self._tree[place.table][place.position]
        name = next((table[key] for key in _NAME_KEYS if isinstance(table.get(key), str)), None)
        return f"{place.table}[{place.position}]" + (f" ({json.dumps(name, ensure_ascii=False)})" if name else "")


def _key_of(path: KeyPath) -> str:
    """``rules[0].path``"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
