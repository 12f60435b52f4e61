"""The configuration as it was loaded, for people to read: no secret is in it. Pure.

What is hidden is known by its type, or by its declaration: `SecretStr`, wherever it was read from, and every field that
shows no `repr`, such as a gateway's request, in which an operator may have written a login. A value of a type that this
page does not know is hidden too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from pydantic import SecretStr

from config.addresses import ListenAddress, PublicURL, ResolverAddress, SyslogURL, UpstreamURL
from config.frozen_table import FrozenTable
from config.logos import Logo
from config.own_catalogues import OwnCatalogues
from config.schema import Option, options, tables
from config.settings import Settings
from config.tables.store import RedisURL, SQLiteFile
from config.tables.texts import Template
from config.values import duration_text

_WRITTEN = (Path, IPv4Network, IPv6Network, Logo, OwnCatalogues)
"""What is written as `str` has it."""


class Hidden(Enum):
    """There is a value, and nobody is shown it."""

    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownKey:
    key: str
    value: str | Hidden | None
    """As one writes it in the file; None: not set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTable:
    header: str
    """What begins the table in the file, such as ``[[apps.rules]]``."""
    name: str
    """Which one of an array it is; empty where it has no name."""
    keys: tuple[ShownKey, ...]


def shown_tables(settings: Settings) -> tuple[ShownTable, ...]:
    """All tables, those inside others after them."""
    found: list[ShownTable] = []
    for key, table in tables().items():
        found += _inner(key, getattr(settings, key), is_array=table.is_array)
    return tuple(found)


def _inner(path: str, value: object, *, is_array: bool) -> Iterator[ShownTable]:
    """The tables of one key."""
    if isinstance(value, FrozenTable):
        yield from _table(path, f"[[{path}]]" if is_array else f"[{path}]", value)
    elif isinstance(value, tuple):
        for each in value:
            yield from _inner(path, each, is_array=True)
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _inner(f"{path}.{name}", each, is_array=False)


def _table(path: str, header: str, table: FrozenTable) -> Iterator[ShownTable]:
    keys: list[ShownKey] = []
    inner: list[tuple[str, object]] = []
    for (name, field), option in zip(type(table).model_fields.items(), options(type(table)), strict=True):
        value = getattr(table, name)
        if _holds_tables(value):
            inner.append((f"{path}.{option.key}", value))
        else:
            is_hidden = option.is_secret or field.repr is False
            keys.append(ShownKey(key=option.key, value=_shown(value, option, is_hidden=is_hidden)))
    named = getattr(table, "name", None) or getattr(table, "host", None) or ""
    is_of_several = header.startswith("[[")
    yield ShownTable(header=header, name=named if is_of_several and isinstance(named, str) else "", keys=tuple(keys))
    for each, value in inner:
        yield from _inner(each, value, is_array=isinstance(value, tuple))


def _holds_tables(value: object) -> bool:
    held = value.values() if isinstance(value, Mapping) else value if type(value) is tuple else (value,)
    return any(isinstance(each, FrozenTable) for each in held)


def _shown(value: object, option: Option, *, is_hidden: bool) -> str | Hidden | None:
    if value is None or (is_hidden and value in ((), {}, "")):
        return None
    if is_hidden:
        return Hidden.HIDDEN
    written = _written(value, is_duration=option.is_duration)
    return Hidden.HIDDEN if written is None else written


def _written(value: object, *, is_duration: bool) -> str | None:
    """As one writes it in the file; None: this is no value to show."""
    match value:
        case SecretStr():
            return None
        case bool() | int():
            return json.dumps(value)
        case float():
            return f'"{duration_text(value)}"' if is_duration else f"{value:g}"
        case Enum():
            return _written(value.value, is_duration=False)
    text = _text(value)
    if text is not None:
        return json.dumps(text, ensure_ascii=False)
    if isinstance(value, Mapping):
        pairs = {name: _written(each, is_duration=False) for name, each in value.items()}
        if None in pairs.values():
            return None
        return f"{{ {', '.join(f'{name} = {each}' for name, each in pairs.items())} }}" if pairs else "{}"
    if type(value) is tuple:
        items = [_written(each, is_duration=is_duration) for each in value]
        return None if None in items else f"[{', '.join(filter(None, items))}]"
    return None


def _text(value: object) -> str | None:
    """Of what is a string in the file."""
    match value:
        case str():
            return value
        case _ if isinstance(value, _WRITTEN):
            return str(value)
        case ListenAddress() | ResolverAddress():
            return _host_and_port(value.host, value.port)
        case UpstreamURL(scheme="unix"):
            return f"unix:{value.path}"
        case PublicURL():
            return value.origin
        case UpstreamURL():
            return f"{value.scheme}://{_host_and_port(value.host, value.port)}"
        case SyslogURL():
            return f"tls://{_host_and_port(value.host, value.port)}"
        case Template():
            names = [f"{{{name}}}" for name in value.names]
            return "".join(text for pair in zip(value.pieces, [*names, ""], strict=True) for text in pair)
        case SQLiteFile():
            return f"sqlite:{value.path}"
        case RedisURL(path=Path()):
            return f"{value.kind}:{value.path}"
        case RedisURL():
            hosts = ",".join(_host_and_port(*each) for each in value.addresses)
            parts = [value.service, str(value.database) if value.database else None]
            return f"{value.kind}://" + "/".join([hosts, *filter(None, parts)])
    return None


def _host_and_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
