"""`docs/configuration.md`, made from the settings: their types, defaults and limits, and what their docstrings say."""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import Any

from annotated_types import Ge, Le, MaxLen
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from config import values
from config.frozen_table import FrozenTable
from config.schema import FILE_SUFFIX, Option, Table, inner_model, options, tables
from config.tables import rules, sms_gateways, ssh
from config.tables.store import SQLiteFile
from config.tables.texts import Template

HEAD = """\
# Every configuration key

<!-- Made by `python -m scripts.reference` from the settings in config/tables/: change their docstrings. -->

Gatepost reads one TOML file. [`config/example.toml`](../config/example.toml) shows every key in its place.

* **Durations** are strings: `"30s"`, `"5m"`, `"12h"`, `"1d"`. Where no limits are given, a duration is more than
  nothing and at most 366 days. One that may be `"0s"` is at most two years.
* **Files** are paths, relative to the folder of the configuration.
* **Secrets** can be in a file of their own instead: `password_file = "smtp-password"` for `password`.
* **The environment** overrides any key: `GATEPOST_SMTP__HOST`, `GATEPOST_APPS__0__UPSTREAM` (counted from 0),
  `GATEPOST_SERVER__LISTEN='["0.0.0.0:8443"]'`.
* An unknown key stops the start, and so does every other problem. All of them are reported at once.
* **not set** is the default of a key that has no value unless you give it one.
"""

KINDS = {
    "AdminRight": ("right", "rights"),
    "AppName": ("text", "texts"),
    "AttributeName": ("LDAP attribute", "LDAP attributes"),
    "BodyTemplate": ("text", "texts"),
    "CanaryName": ("small letters, digits, dashes, underscores", ""),
    "ChannelName": ("channel", "channels"),
    "ClientKind": ('`"browser"`, `"bearer"` or `"app_password"`', '`"browser"`, `"bearer"`, `"app_password"`'),
    "Countries": ("list of countries (ISO 3166)", ""),
    "Factors": ("list of factors, or of lists of factors", ""),
    "FieldName": ("name of a field", "names of fields"),
    "Flag": ("true or false", ""),
    "GatewayAddress": ("mail address", "mail addresses"),
    "GatewayName": ("name", "names"),
    "GatewayURL": ("URL", "URLs"),
    "HeaderTemplate": ("text", "texts"),
    "HostName": ("host name", "host names"),
    "Integer": ("whole number", "whole numbers"),
    "LDAPServer": ("`ldaps://` or `ldap://` URL", "`ldaps://` or `ldap://` URLs"),
    "Language": ("language", "languages"),
    "ListenAddress": ("address and port", "addresses and ports"),
    "LongSeconds": ("duration", "durations"),
    "LongText": ("text with placeholders", ""),
    "Logo": ("file", "files"),
    "Machine": ("host name or IP address", "host names or IP addresses"),
    "MailBodyTemplate": ("text with placeholders", ""),
    "MailSubject": ("line with placeholders", ""),
    "Method": ("method", "methods"),
    "OwnCatalogues": ("folder", "folders"),
    "NamePattern": ("name with wildcards", "names with wildcards"),
    "NetBIOSName": ("NetBIOS name", "NetBIOS names"),
    "Network": ("address or network", "addresses or networks"),
    "NumberRange": ("`+` and 4 to 15 digits", "`+` and 4 to 15 digits"),
    "Path": ("file", "files"),
    "Pattern": ("regular expression", "regular expressions"),
    "PlainAddress": ("mail address", "mail addresses"),
    "PublicURL": ("URL without a path", "URLs without a path"),
    "RealmName": ("letters, digits, dots, dashes, underscores", ""),
    "Region": ("country (ISO 3166)", "countries (ISO 3166)"),
    "ReplyAttribute": ("attribute", "attributes"),
    "ResolverAddress": ("address, with or without a port", "addresses, with or without a port"),
    "RulePath": ("path", "paths"),
    "RulePattern": ("path with `*`", ""),
    "RungKind": ('`"channels"`, `"mail"`, `"remembered"` or `"closed"`', ""),
    "SMSText": ("line with placeholders", ""),
    "Seconds": ("duration", "durations"),
    "SecondsOrNone": ('duration or `"0s"`', ""),
    "Secret": ("secret", "secrets"),
    "ServicePrincipal": ("Kerberos service", "Kerberos services"),
    "SiteName": ("site", "sites"),
    "StorePrefix": ("letters, digits, dots, dashes, underscores", ""),
    "StoreURL": ("URL", "URLs"),
    "SubjectTemplate": ("line with placeholders", ""),
    "SyslogURL": ("`tls://` URL", "`tls://` URLs"),
    "TargetHost": ("host, pattern, address or network", ""),
    "TargetPath": ("path", "paths"),
    "Terminator": ("text", "texts"),
    "Text": ("text", "names"),
    "UpstreamURL": ("URL or socket", "URLs or sockets"),
    "bool": ("true or false", ""),
    "str": ("text", "texts"),
}
"""The names that the settings give to kinds of value, in words: of one, and of several in a list."""

ALIASES = {"Clients": rules, "IdentityEncoding": values, "NumberFormat": sms_gateways, "Port": ssh}
"""Names that stand for something in these words or for a list of choices, and the modules that define them."""


class NotDescribed(Exception):
    """A setting that the page cannot describe; says which and what to do."""


def page() -> str:
    """The whole page. Raises `NotDescribed` for a key without a docstring, or of a kind without words."""
    parts = [HEAD]
    for table in tables().values():
        parts += _top_level(table)
    return "\n".join(parts)


def _top_level(table: Table) -> Iterator[str]:
    name = f"[[{table.key}]]" if table.is_array else f"[{table.key}]"
    needed = f" At least one `{name}` is needed." if table.is_array else " This table is needed."
    needed = needed if table.is_required else ""
    if len(table.models) == 1:
        yield from section(f"`{name}`", 2, table.key, table.models[0], needed)
        return
    yield f"## `{name}`\n"
    yield f"The key `type` says which keys there are.{needed}\n"
    for type_name, model in table.types.items():
        yield from section(f'type = "{type_name}"', 3, table.key, model)


def section(title: str, level: int, place: str, model: type[FrozenTable], more: str = "") -> Iterator[str]:
    """A heading, the table of keys, and the tables inside it."""
    if not model.__doc__:
        raise NotDescribed(f"{model.__module__}: {model.__name__} has no docstring: say what the table is for")
    yield f"{'#' * level} {title}\n"
    yield f"{_in_markdown(model.__doc__)}{more}\n"
    yield "| key | value | default | meaning |\n|---|---|---|---|"
    inner = []
    for name, option in zip(model.model_fields, options(model), strict=True):
        yield _row(place, model, name, option)
        model_inside = inner_model(model, option.key)
        if model_inside is not None:
            inner.append((f"{place}.{option.key}", option, model_inside))
    yield ""
    for path, option, model_inside in inner:
        yield from section(f"`{_header(path, option)}`", 3, path, model_inside)


def _header(path: str, option: Option) -> str:
    """What begins a table inside another."""
    return f"[{path}.NAME]" if option.is_mapping else f"[[{path}]]" if option.is_list else f"[{path}]"


def _row(place: str, model: type[FrozenTable], name: str, option: Option) -> str:
    annotation, meaning = _in_source(model)[name]
    if not meaning:
        raise NotDescribed(f"{model.__module__}: {model.__name__}.{name} has no docstring: say what the key means")
    key = f"`{option.key}`"
    if option.is_secret and option.key + FILE_SUFFIX not in model.model_fields:
        key += f" or `{option.key}{FILE_SUFFIX}`"
    if inner_model(model, option.key) is not None:
        kind = f"`{_header(f'{place}.{option.key}', option)}`"
        default = "none"
    else:
        kind = _kind(annotation, model)
        default = _default(model.model_fields[name], is_duration=option.is_duration)
    cells = [each.replace("|", "\\|") for each in (key, kind, default, _in_markdown(meaning))]
    return f"| {' | '.join(cells)} |"


@cache
def _in_source(model: type[FrozenTable]) -> dict[str, tuple[ast.expr, str]]:
    """The annotation of each field as written, which has names that are gone from the model, and its docstring."""
    found = {}
    for each in reversed(model.__mro__[: model.__mro__.index(FrozenTable)]):
        (written,) = (node for node in ast.parse(inspect.getsource(each)).body if isinstance(node, ast.ClassDef))
        for field, after in zip(written.body, [*written.body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                is_docstring = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                found[field.target.id] = (field.annotation, str(after.value.value) if is_docstring else "")
    return found


def _kind(annotation: ast.expr, model: type[FrozenTable], *, several: bool = False) -> str:
    match annotation:
        case ast.Name(id=alias) if alias in ALIASES:
            return _kind(_alias(alias), model, several=several)
        case ast.Name(id=name):
            words = KINDS.get(name)
            if words is None:
                raise NotDescribed(f"scripts/reference/configuration.py: KINDS has no words for {name}: add them")
            return words[several]
        case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
            return _kind(left, model, several=several)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=choices):
            names = choices.elts if isinstance(choices, ast.Tuple) else [choices]
            *others, last = (f"`{json.dumps(ast.literal_eval(each))}`" for each in names)
            return f"{', '.join(others)} or {last}" if others else last
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=[item, ast.Constant()])):
            return f"list of {_kind(item, model, several=True)}"
        case ast.Subscript(value=ast.Name(id="dict")):
            return "table of texts"
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, *constraints])):
            is_duration = "Seconds" in ast.unparse(inner)
            limits = [_limits(each, model, is_duration=is_duration) for each in constraints]
            return ", ".join(filter(None, [_kind(inner, model, several=several), *limits]))
    raise NotDescribed(f"{model.__module__}: no words for the annotation {ast.unparse(annotation)}")


def _alias(name: str) -> ast.expr:
    """What the name stands for, as written where it is defined."""
    for node in ast.parse(inspect.getsource(ALIASES[name])).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return node.value
    raise NotDescribed(f"{ALIASES[name].__name__} does not define {name}")


def _limits(constraint: ast.expr, model: type[FrozenTable], *, is_duration: bool) -> str:
    """In words, of a `Field(...)`; of everything else nothing."""
    if not (isinstance(constraint, ast.Call) and ast.unparse(constraint.func) == "Field"):
        return "not empty" if ast.unparse(constraint) == "NotEmpty" else ""
    value = eval(ast.unparse(constraint), vars(sys.modules[model.__module__]))  # noqa: S307  # our own source
    low = high = None
    for each in value.metadata:
        if isinstance(each, Ge):
            low = _number(each.ge, is_duration=is_duration)
        elif isinstance(each, Le):
            high = _number(each.le, is_duration=is_duration)
        elif isinstance(each, MaxLen):
            return f"at most {each.max_length} characters"
        else:
            raise NotDescribed(f"scripts/reference/configuration.py: no words for the limit {each!r}: add them")
    if low and high:
        return f"{low} to {high}"
    return f"at least {low}" if low else f"at most {high}" if high else ""


def _number(value: Any, *, is_duration: bool) -> str:
    return _duration(value) if is_duration else f"{value:,}"


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:g}s"


def _default(field: FieldInfo, *, is_duration: bool) -> str:
    if field.is_required():
        return "**needed**"
    if field.default is None:
        return "not set"
    if field.default is PydanticUndefined or field.default == ():
        return "none"
    return f"`{_toml(field.default, is_duration=is_duration)}`"


def _toml(value: Any, *, is_duration: bool) -> str:
    """As one writes it in the file."""
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return f"[{', '.join(_toml(each, is_duration=is_duration) for each in value)}]"
    if isinstance(value, bool | int) and not is_duration:
        return json.dumps(value)
    if isinstance(value, Template):
        names = [f"{{{name}}}" for name in value.names]
        value = "".join(text for pair in zip(value.pieces, [*names, ""], strict=True) for text in pair)
    elif isinstance(value, SQLiteFile):
        value = f"sqlite:{value.path}"
    elif isinstance(value, Enum):
        value = value.value
    elif hasattr(value, "_fields"):
        value = ":".join(map(str, value))
    elif is_duration:
        value = _duration(value)
    return json.dumps(str(value), ensure_ascii=False)


def _in_markdown(docstring: str) -> str:
    """One line, in which "None" is what an operator calls it."""
    text = " ".join(docstring.split()).replace("``", "`")
    return re.sub(r"(^|[.;] )None: ", lambda match: f"{match[1]}{'not' if match[1] == '; ' else 'Not'} set: ", text)
