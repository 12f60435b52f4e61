"""Overrides from the environment: ``GATEPOST_SMTP__HOST``, ``GATEPOST_APPS__0__UPSTREAM``.

Values are TOML where the option is a list, a table, a number or a flag, or where they are quoted; else plain strings.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from config.problems import ConfigurationProblem, Place, nearest
from config.schema import FILE_SUFFIX, Option, Table, tables

PREFIX = "GATEPOST_"
NO_SETTINGS = frozenset(("GATEPOST_CONFIG",))
"""Variables for the command line: where the configuration is."""


def apply_overrides(
    tree: dict[str, Any], environ: Mapping[str, str]
) -> tuple[dict[Place, str], list[ConfigurationProblem]]:
    """Write the overrides into `tree`; the variable that each overridden place came from, and what is wrong.

    An index may stand for the next table that is not there yet; without an index, the first one is meant.
    """
    wrong: list[tuple[str, str]] = []
    found: list[tuple[Place, str]] = []
    for name in environ:
        if name.startswith(PREFIX) and name not in NO_SETTINGS:
            place = _place(name)
            if isinstance(place, Place):
                found.append((place, name))
            else:
                wrong.append((name, place))
    origins: dict[Place, str] = {}
    for place, name in sorted(found, key=lambda each: (each[0].table, each[0].position or 0, each[0].key)):
        if place in origins:
            wrong.append((name, f"says the same as {origins[place]}: keep one of them"))
            continue
        target = _target(tree, place)
        if target is None:
            wrong.append((name, f"there is no {place.table}[{place.position}], nor is it the next one"))
            continue
        option = tables()[place.table].known_keys()[place.key]
        if option.is_secret:  # this one counts, however the file gave it
            secret = place.key if place.key == option.key else place.key.removesuffix(FILE_SUFFIX)
            for key in (secret, secret + FILE_SUFFIX):
                if place._replace(key=key) not in origins:
                    target.pop(key, None)
        target[place.key] = _value(environ[name], option)
        origins[place] = name
    return origins, [ConfigurationProblem(name, "", "", message) for name, message in wrong]


def _place(name: str) -> Place | str:
    """Where a variable points; a sentence if nowhere."""
    parts = name.removeprefix(PREFIX).lower().split("__")
    table = tables().get(parts[0])
    if table is None:
        return "unknown setting" + nearest(name, _names())
    index: int | None = None
    rest = parts[1:]
    if table.is_array:
        index = 0
        if rest and rest[0].isascii() and rest[0].isdigit() and len(rest[0]) < 5:
            index, rest = int(rest[0]), rest[1:]
    if len(rest) != 1 or rest[0] not in table.known_keys():
        return "unknown setting" + nearest(name, _names(index))
    return Place(table.key, index, rest[0])


def _names(index: int | None = None) -> Iterator[str]:
    for table in tables().values():
        for key in table.known_keys():
            yield f"{PREFIX}{table.key}__{key}".upper()
            if table.is_array:
                yield f"{PREFIX}{table.key}__{index or 0}__{key}".upper()


def _target(tree: dict[str, Any], place: Place) -> dict[str, Any] | None:
    """The table to write into, made if it is the next one; None if there is no such table."""
    table: Table = tables()[place.table]
    if not table.is_array:
        inner = tree.setdefault(place.table, {})
    else:
        array = tree.setdefault(place.table, [])
        if not isinstance(array, list) or place.position is None or place.position > len(array):
            return None
        if place.position == len(array):
            array.append({})
        inner = array[place.position]
    # Anything else is a table of the wrong kind, and reported as that.
    return inner if isinstance(inner, dict) else {}


def _value(text: str, option: Option) -> object:
    quoted = text[:1] in ("'", '"')
    if not (quoted or option.is_list or option.is_mapping or option.is_table or option.is_number_or_flag):
        return text
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if parsed.keys() == {"value"} else text
