"""``users.toml``: one ``[[users]]`` table per person, read strictly, every problem at once.

A file that is wrong in one place counts as wrong altogether: a rule that is silently ignored is an open door.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid5

from argon2 import Parameters, extract_parameters
from pydantic import AfterValidator, BeforeValidator, SecretStr

from config.frozen_table import FrozenTable
from config.known import read
from config.load import explain
from config.problems import ConfigurationError, ConfigurationProblem, nearest
from config.tables.texts import Language
from config.toml_file import TOMLFile, read_toml, understand_toml
from config.values import Flag, PlainAddress, Text
from directory.login_name import fold, parse_login_name

_NAMESPACE = UUID("5a0b7d0c-4c49-4ad5-9a2c-5d1a6f0f4b5e")
"""Gatepost's own namespace for the guids of local users (RFC 9562 section 5.5)."""

_LISTS = ("users",)
MAX_MEMORY_KIB = 1024 * 1024
_HASH = re.compile(
    r"\$argon2(?:id|i|d)\$v=19\$m=([0-9]{1,9}),t=([0-9]{1,9}),p=([0-9]{1,9})\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{16,}",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalUser:
    guid: str
    username: str = field(repr=False)
    folded: str = field(repr=False)
    password_hash: str = field(repr=False)
    display_name: str = field(repr=False)
    mail: str | None = field(repr=False)
    language: str = field(repr=False)
    mobiles: tuple[str, ...] = field(repr=False)
    groups: tuple[str, ...] = field(repr=False)
    disabled: bool = field(repr=False)
    manager: str = field(repr=False)
    """The folded name of another one in the file; empty: they have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersFile:
    by_folded: Mapping[str, LocalUser]
    by_guid: Mapping[str, LocalUser]
    usual_parameters: Parameters | None
    """Those of most hashes; None without users."""


def _check_username(value: str) -> str:
    login_name = parse_login_name(value)
    if login_name is None or login_name.name != value or set("\\@") & set(fold(value)):
        raise ValueError('must be a plain name, without "@", "\\" and spaces around it')
    return value


def _check_hash(value: SecretStr) -> SecretStr:
    match = _HASH.fullmatch(value.get_secret_value())
    if match is None:
        raise ValueError("not an argon2 hash: make one with gatepost hash-password")
    memory, passes, lanes = map(int, match.groups())
    if not (8 * lanes <= memory <= MAX_MEMORY_KIB and 1 <= passes <= 64 and 1 <= lanes <= 64):
        raise ValueError(f"must take between 8 KiB a lane and {MAX_MEMORY_KIB} KiB of memory, 1 to 64 passes and lanes")
    return value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class _UserTable(FrozenTable):
    username: Annotated[str, AfterValidator(_check_username)]
    password_hash: Annotated[SecretStr, AfterValidator(_check_hash)]
    display_name: Text | None = None
    mail: PlainAddress | None = None
    language: Language | None = None
    """What they are written in. Not set: what their browser asks for, or the default."""
    mobile: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = ()
    groups: tuple[Text, ...] = ()
    disabled: Flag = False
    manager: str | None = None
    """The user name of who may vouch for them."""


def read_users(path: Path, realm: str) -> UsersFile:
    """The people of a file; `ConfigurationError` with everything that is wrong in it."""
    return _users_in(read_toml(path, _LISTS), path, realm)


def parse_users(content: bytes, path: Path, realm: str) -> UsersFile:
    """The people of what a file holds, or is about to hold; `path` is where problems are said to be."""
    return _users_in(understand_toml(path, content, _LISTS), path, realm)


def _users_in(file: TOMLFile, path: Path, realm: str) -> UsersFile:
    problems = list(file.problems)
    for key in file.tree.keys() - {"users"}:
        problems.append(ConfigurationProblem(str(path), key, "", "unknown table" + nearest(key, ("users",))))
    tables = file.tree.get("users", [])
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        problems.append(ConfigurationProblem(str(path), "users", "", "must be a list of tables: write [[users]]"))
        tables = []
    names: set[str] = set()
    by_folded: dict[str, LocalUser] = {}
    for position, raw in enumerate(tables):
        place = _place(position, raw)
        table, errors = read(_UserTable, raw, (), is_whole=file.is_whole)
        for each in errors:
            message = explain(each, _UserTable.model_fields, None)
            problems.append(ConfigurationProblem(str(path), place, str(each["loc"][0]), message))
        folded = fold(getattr(table, "username", ""))
        if folded and folded in names:
            problems.append(ConfigurationProblem(str(path), place, "username", "is the same name as another user's"))
        names.add(folded)
        if not problems:
            by_folded[folded] = _user(table, realm)
    for position, user in enumerate(by_folded.values()):
        if user.manager and user.manager not in by_folded:
            place = _place(position, {"username": user.username})
            problems.append(ConfigurationProblem(str(path), place, "manager", "is no user of this file"))
    if problems:
        raise ConfigurationError(problems)
    return UsersFile(
        by_folded=by_folded,
        by_guid={user.guid: user for user in by_folded.values()},
        usual_parameters=_usual_parameters([user.password_hash for user in by_folded.values()]),
    )


def _user(table: _UserTable, realm: str) -> LocalUser:
    folded = fold(table.username)
    return LocalUser(
        guid=str(uuid5(_NAMESPACE, f"{realm.casefold()}\\{folded}")),
        username=table.username,
        folded=folded,
        password_hash=table.password_hash.get_secret_value(),
        display_name=table.display_name or table.username,
        mail=table.mail,
        language=table.language or "",
        mobiles=tuple(mobile for mobile in table.mobile if mobile.strip()),
        groups=table.groups,
        disabled=table.disabled,
        manager=fold(table.manager or ""),
    )


def _usual_parameters(hashes: list[str]) -> Parameters | None:
    settings = Counter(each.rsplit("$", 2)[0] for each in hashes)
    if not settings:
        return None
    usual = settings.most_common(1)[0][0]
    return extract_parameters(next(each for each in hashes if each.startswith(f"{usual}$")))


def _place(position: int, raw: dict[str, Any]) -> str:
    name = raw.get("username")
    return f"users[{position}]" + (f" ({json.dumps(name, ensure_ascii=False)})" if isinstance(name, str) else "")
