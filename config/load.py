"""`gatepost.toml` and the environment to `Settings`, or every problem of theirs in one go.

Relative paths are relative to the folder of the file. No value of a secret is ever part of a problem.
"""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config import checks
from config.environment import PREFIX, apply_overrides
from config.errors import ConfigurationError, Place, Problem, nearest
from config.schema import FILE_SUFFIX, Option, Table, inner_keys, inner_options, options, tables
from config.settings import MobileSettings, Settings
from config.system_errors import file_reason
from config.tables.store import SQLITE
from config.toml_errors import toml_reason

MAX_SECRET_BYTES = 4096
_MAY_BE_MADE_LATER = frozenset({"key_file"})
_NAME_KEYS = ("name", "host")
_LISTS = frozenset(
    (
        *(key for key, table in tables().items() if table.is_array),
        *("apps.rules", "server.certificates", "users"),
    )
)
"""Tables that are written in two brackets."""


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read and check everything; `ConfigurationError` lists all that is wrong."""
    loading = _Loading(path, read_toml(path), environ)
    return loading.settings()


def load_with_files(path: Path, environ: Mapping[str, str]) -> tuple[Settings, tuple[Path, ...]]:
    """The same, and the files that secrets were read from: those of ``_file`` keys, and this one if it holds some."""
    loading = _Loading(path, read_toml(path), environ)
    return loading.settings(), tuple(loading.secret_files)


def load_mobile(path: Path, environ: Mapping[str, str]) -> MobileSettings:
    """`[mobile]` alone, whatever is wrong with the rest; `ConfigurationError` lists what is wrong with it."""
    return _Loading(path, read_toml(path), environ).mobile()


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as it stands; `ConfigurationError` if it cannot be read or is none."""
    text = ""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return tomllib.loads(text)
    except OSError as error:
        message = f"cannot be read: {file_reason(path, error)}"
    except UnicodeDecodeError:
        message = "is not UTF-8 text"
    except tomllib.TOMLDecodeError as error:
        message = toml_reason(text, str(error), _LISTS)
    except (ValueError, RecursionError):  # NUL in the path; thousands of nested brackets
        message = "cannot be read"
    raise ConfigurationError([Problem(str(path), "", "", message)])


def explain(error: ErrorDetails, known: Iterable[str], option: Option | None, table: str = "") -> str:
    """What to do about one finding of pydantic, without the value that it found; `table`: the one that it is in."""
    context = error.get("ctx", {})
    unit = " seconds" if option is not None and option.is_duration else ""
    match error["type"]:
        case "missing":
            secret = option is not None and option.is_secret
            return f"is missing (or give {error['loc'][-1]}{FILE_SUFFIX})" if secret else "is missing"
        case "extra_forbidden":
            return "unknown key" + nearest(str(error["loc"][-1]), known)
        case "value_error":
            return str(context["error"])
        case "int_type" | "int_from_float":
            return "must be a whole number"
        case "bool_type":
            return "must be true or false"
        case "string_type" | "path_type":
            return "must be a string"
        case "tuple_type":
            name = f"{table}.{error['loc'][0]}"
            return f"must be a list of tables: write [[{name}]]" if name in _LISTS else "must be a list"
        case "dict_type" | "model_type":
            return "must be a table"
        case "string_too_long":
            return f"must be at most {context['max_length']} characters long"
        case "literal_error":
            return f"must be {context['expected']}"
        case "greater_than_equal":
            return f"must be at least {context['ge']:g}{unit}"
        case "less_than_equal":
            return f"must be at most {context['le']:g}{unit}"
        case "greater_than":
            return f"must be more than {context['gt']:g}{unit}"
        case other:
            return f"is not right ({other})"


class _Loading:
    """One pass over one file; collects problems on its way."""

    def __init__(self, path: Path, tree: dict[str, Any], environ: Mapping[str, str]) -> None:
        self._path = path
        self._folder = path.resolve().parent
        self.secret_files: list[Path] = []
        self._tree = copy.deepcopy(tree)
        self._single = {key for key in ("smtp",) if isinstance(tree.get(key), dict)}
        for key in self._single:
            self._tree[key] = [self._tree[key]]
        self._origins, self._problems = apply_overrides(self._tree, environ)

    def settings(self) -> Settings:
        for key in self._tree.keys() - tables().keys():
            self._problems.append(Problem(str(self._path), key, "", "unknown table" + nearest(key, tables())))
        pieces = {key: self._piece(table) for key, table in tables().items()}
        self._check_together(pieces)
        if self._problems:
            raise ConfigurationError(self._problems)
        values = {
            key: tuple(piece.values()) if isinstance(piece, dict) else piece
            for key, piece in pieces.items()
            if piece != {}  # no [[schemes]]: the default
        }
        return Settings.model_validate(values)

    def mobile(self) -> MobileSettings:
        self._problems = [problem for problem in self._problems if problem.file.startswith(f"{PREFIX}MOBILE")]
        piece = self._piece(tables()["mobile"])
        if self._problems or not isinstance(piece, MobileSettings):
            raise ConfigurationError(self._problems)
        return piece

    def _piece(self, table: Table) -> BaseModel | dict[int, BaseModel] | None:
        value = self._tree.get(table.key, [] if table.is_array else {})
        if not table.is_array:
            if isinstance(value, dict):
                return self._table(table, None, value)
            self._add(Place(table.key, None, ""), f"must be a table: write [{table.key}]")
            return None
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            self._add(Place(table.key, None, ""), f"must be a list of tables: write [[{table.key}]]")
            return {}
        if not value and (table.is_required or table.key in self._tree):
            self._add(Place(table.key, None, ""), f"at least one [[{table.key}]] is needed")
        found = {position: self._table(table, position, each) for position, each in enumerate(value)}
        return {position: piece for position, piece in found.items() if piece is not None}

    def _table(self, table: Table, position: int | None, raw: dict[str, Any]) -> BaseModel | None:
        model = table.model_for(raw)
        if model is None:
            types = " or ".join(f'"{name}"' for name in table.types)
            self._add(
                Place(table.key, position, "type"), f"must be {types}" if "type" in raw else f"is missing: {types}"
            )
            return None
        before = len(self._problems)
        values = dict(raw)
        for option in options(model):
            place = Place(table.key, position, option.key)
            if option.is_secret and option.key + FILE_SUFFIX in model.model_fields:
                # A file that the program reads and writes itself, `server.key_file`.
                if option.key in raw and option.key + FILE_SUFFIX in raw:
                    self._add(
                        place._replace(key=option.key + FILE_SUFFIX), f"{option.key} is given too: keep one of them"
                    )
            elif option.is_secret:
                self._read_secret(place, values)
            elif option.is_path:
                self._resolve_path(place, values, option)
            elif option.is_list and isinstance(values.get(option.key), list):
                self._resolve_inner_paths(place, values, inner_options(model, option.key))
            elif option.is_mapping and isinstance(values.get(option.key), dict):
                self._resolve_named_tables(place, values, inner_options(model, option.key))
        if table.key == "store":
            values["url"] = self._resolve_store(values.get("url", model.model_fields["url"].default))
        try:
            piece = model.model_validate(values, context={"source": "file"})
        except ValidationError as error:
            self._explain(table, position, model, error)
            return None
        return piece if len(self._problems) == before else None

    def _explain(self, table: Table, position: int | None, model: type[BaseModel], error: ValidationError) -> None:
        known = table.known_keys(model)
        for each in error.errors(include_url=False, include_input=False):
            name, *inner = each["loc"]
            key = str(name) + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in inner)
            keys = known if len(inner) < 2 else inner_keys(model, str(name))
            self._add(Place(table.key, position, str(name)), explain(each, keys, known.get(str(name)), table.key), key)

    def _read_secret(self, place: Place, values: dict[str, Any], prefix: str = "") -> None:
        """`prefix` stands before the key in problems: the table inside a table that holds it."""
        key = place.key + FILE_SUFFIX
        if key not in values:
            if place.key in values and place not in self._origins:
                self.secret_files.append(self._path)
            return
        name = values.pop(key)
        at = place._replace(key=key)
        shown = prefix + key
        # The problem is reported here; a stand-in keeps the value from being reported as missing too.
        stand_in = "unreadable"
        if place.key in values:
            self._add(at, f"{place.key} is given too: keep one of them", shown)
            return
        values[place.key] = stand_in
        if not isinstance(name, str) or not name or "\0" in name:
            self._add(at, "must be the path of a file", shown)
            return
        try:
            self.secret_files.append(self._folder / name)
            with (self._folder / name).open("rb") as file:
                content = file.read(MAX_SECRET_BYTES + 1)
            secret = content.decode().removesuffix("\n").removesuffix("\r")
        except OSError as error:
            self._add(at, f"{name} cannot be read: {file_reason(self._folder / name, error)}", shown)
        except UnicodeDecodeError:
            self._add(at, f"{name} is not UTF-8 text", shown)
        else:
            if not secret:
                self._add(at, f"{name} is empty", shown)
            elif len(content) > MAX_SECRET_BYTES:
                self._add(at, f"{name} is longer than {MAX_SECRET_BYTES} bytes: is it the right file?", shown)
            elif not secret.isprintable():
                self._add(at, f"{name} holds more than one line, or control characters", shown)
            else:
                values[place.key] = secret

    def _resolve_path(self, place: Place, values: dict[str, Any], option: Option, key: str = "") -> None:
        name = values.get(place.key, option.default)
        if name is None:
            return
        if not isinstance(name, (str, Path)) or not str(name) or "\0" in str(name):
            if isinstance(name, str):
                self._add(place, "must be the path of a file", key)
                values.pop(place.key)
            return  # of another type: the model says so
        path = self._folder / name
        values[place.key] = path
        if place.key not in _MAY_BE_MADE_LATER:
            try:
                path.open("rb").close()
            except OSError as error:
                self._add(place, f"{name} cannot be read: {file_reason(path, error)}", key)

    def _resolve_inner_paths(self, place: Place, values: dict[str, Any], inner: tuple[Option, ...]) -> None:
        """Of the tables in a list, such as ``[[server.certificates]]``."""
        paths = [option for option in inner if option.is_path]
        if not paths:
            return
        tables = values[place.key] = [dict(each) if isinstance(each, dict) else each for each in values[place.key]]
        for position, each in enumerate(tables):
            if isinstance(each, dict):
                for option in paths:
                    key = f"{place.key}[{position}].{option.key}"
                    self._resolve_path(Place(place.table, place.position, option.key), each, option, key)

    def _resolve_named_tables(self, place: Place, values: dict[str, Any], inner: tuple[Option, ...]) -> None:
        """Of tables that are named by the operator, such as ``[sms.http.NAME]``."""
        named = values[place.key] = {
            name: dict(each) if isinstance(each, dict) else each for name, each in values[place.key].items()
        }
        for name, each in named.items():
            if isinstance(each, dict):
                prefix = f"{place.key}.{name}."
                for option in inner:
                    if option.is_secret:
                        self._read_secret(Place(place.table, place.position, option.key), each, prefix)
                    elif option.is_path:
                        self._resolve_path(place._replace(key=option.key), each, option, prefix + option.key)

    def _resolve_store(self, url: object) -> object:
        if not isinstance(url, str) or not url.startswith(SQLITE):
            return url
        name = url.removeprefix(SQLITE)
        # Blank or "//...": left as it is, for the check to refuse.
        return SQLITE + str(self._folder / name) if name.strip() and not name.startswith("//") else url

    def _check_together(self, pieces: dict[str, Any]) -> None:
        given = {name: pieces[name] for name in checks.Pieces.__dataclass_fields__ if pieces[name] is not None}
        for place, message in checks.problems(checks.Pieces(**given)):
            self._add(place, message)

    def _add(self, place: Place, message: str, key: str = "") -> None:
        file = self._origins.get(place, str(self._path))
        self._problems.append(Problem(file, self._table_name(place), key or place.key, message))

    def _table_name(self, place: Place) -> str:
        """``server``, ``smtp``, or ``apps[0] ("Wiki")`` with the index that the environment uses."""
        if place.position is None or place.table in self._single:
            return place.table
        table = self._tree[place.table][place.position]
        name = next((table[key] for key in _NAME_KEYS if isinstance(table.get(key), str)), None)
        return f"{place.table}[{place.position}]" + (f" ({json.dumps(name, ensure_ascii=False)})" if name else "")
