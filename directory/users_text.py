"""The text of a users file with one user changed or added: comments, order and layout of all the rest stay. Pure.

A library does it, and its result is not taken on trust: read again, it has to say what was asked for, and of everybody
else what was there before.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Array, InlineTable, Table

Value = str | bool | tuple[str, ...]
_BOM = "\ufeff"


class LayoutNotUnderstood(Exception):
    """The file is written in a way in which this cannot be changed without harm to the rest of it."""


def with_values(text: str, position: int, values: Mapping[str, Value | None]) -> str:
    """`text` with these keys of the user at `position` (from 0) set; None takes a key out.

    Raises `LayoutNotUnderstood`.
    """
    wanted = _users_of(text)
    wanted[position] = _plain({**wanted[position], **values})
    return _changed(text, wanted, lambda document: _set(document, position, values))


def with_user(text: str, values: Mapping[str, Value | None]) -> str:
    """`text` with one more user, the last. Raises `LayoutNotUnderstood`."""
    return _changed(text, [*_users_of(text), _plain(values)], lambda document: _append(document, values))


def _changed(text: str, wanted: list[dict[str, Any]], change: Callable[[tomlkit.TOMLDocument], None]) -> str:
    body = text.removeprefix(_BOM)
    ends_in_cr = "\r\n" in body and body.count("\r\n") == body.count("\n")
    if ends_in_cr:
        body = body.replace("\r\n", "\n")
    if body and not body.endswith("\n"):
        body += "\n"
    try:
        document = tomlkit.parse(body)
        change(document)
        body = tomlkit.dumps(document)
        found = _users_of(body)
    except (TOMLKitError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise LayoutNotUnderstood from error
    if found != wanted:
        raise LayoutNotUnderstood
    if ends_in_cr:
        body = body.replace("\n", "\r\n")
    return (_BOM if text.startswith(_BOM) else "") + body


def _users_of(text: str) -> list[dict[str, Any]]:
    users = tomllib.loads(text.removeprefix(_BOM)).get("users", [])
    if not isinstance(users, list):
        raise LayoutNotUnderstood
    return list(users)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As it is read again."""
    given = {key: value for key, value in values.items() if value is not None}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in given.items()}


def _set(document: tomlkit.TOMLDocument, position: int, values: Mapping[str, Value | None]) -> None:
    users = document["users"]
    if not isinstance(users, AoT | Array):
        raise LayoutNotUnderstood
    user = users[position]
    if not isinstance(user, Table | InlineTable):
        raise LayoutNotUnderstood
    for key, value in values.items():
        if value is None:
            user.pop(key, None)
        elif key in user or isinstance(user, InlineTable):
            user[key] = _item(value)
        else:
            _add_key(user, key, value)


def _add_key(user: Table, key: str, value: Value) -> None:
    """Behind the last key: comments and blank lines below that belong to what follows."""
    body = user.value.body
    below = []
    while body and body[-1][0] is None:
        below.append(body.pop())
    indent = next((item.trivia.indent for name, item in reversed(body) if name is not None), "")
    user.add(key, _item(value))
    body[-1][1].trivia.indent = indent
    body.extend(reversed(below))


def _append(document: tomlkit.TOMLDocument, values: Mapping[str, Value | None]) -> None:
    given = {key: _item(value) for key, value in values.items() if value is not None}
    users = document.get("users")
    if isinstance(users, Array):
        inline = tomlkit.inline_table()
        inline.update(given)
        users.append(inline)
        return
    if users is None:
        if len(document):
            raise LayoutNotUnderstood
        text = tomlkit.dumps(document)
        users = tomlkit.aot()
        if text and not text.endswith("\n\n"):
            document.add(tomlkit.nl())
        document.add("users", users)
    elif isinstance(users, AoT):
        if users and not tomlkit.dumps(document).endswith("\n\n"):
            users[-1].add(tomlkit.nl())
    else:
        raise LayoutNotUnderstood
    table = tomlkit.table()
    for key, value in given.items():
        table.add(key, value)
    users.append(table)


def _item(value: Value) -> Any:
    return tomlkit.item(list(value) if isinstance(value, tuple) else value)
