"""The files that a table of the configuration names: secrets are read, paths made whole and tried.

No value of a secret is ever part of a problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.frozen_table import FrozenTable
from config.known import KeyPath
from config.schema import FILE_SUFFIX, Option, inner_options, options
from config.system_errors import file_reason

MAX_SECRET_BYTES = 4096


class TableFiles:
    """The values of one table with the files that it names looked at: secrets read, paths made whole."""

    def __init__(self, folder: Path, raw: Mapping[str, Any], model: type[FrozenTable], *, is_whole: bool) -> None:
        self._folder = folder
        self._is_whole = is_whole
        self.values = dict(raw)
        self.problems: list[tuple[KeyPath, str]] = []
        self.wrong: list[KeyPath] = []
        """Of which values that was told: the model need not say it again."""
        self.secret_files: list[Path] = []
        self.secrets_written: list[str] = []
        """Keys under which a secret stands in the configuration itself."""
        self._look_at(self.values, options(model), ())
        for option in options(model):
            inner, value = inner_options(model, option.key), self.values.get(option.key)
            if option.is_table and value is not None:
                self.values[option.key] = self._inside(value, inner, (option.key,))
            elif inner and isinstance(value, list):
                self.values[option.key] = [self._inside(each, inner, (option.key, at)) for at, each in enumerate(value)]
            elif inner and isinstance(value, dict):
                self.values[option.key] = {
                    name: self._inside(each, inner, (option.key, name)) for name, each in value.items()
                }

    def _inside(self, value: object, inner: tuple[Option, ...], path: KeyPath) -> object:
        if not isinstance(value, dict):
            return value  # the model says so
        values = dict(value)
        self._look_at(values, inner, path)
        return values

    def _look_at(self, values: dict[str, Any], keys: tuple[Option, ...], path: KeyPath) -> None:
        files = {option.key for option in keys if option.is_path}
        for option in keys:
            if option.is_secret and option.key + FILE_SUFFIX in files:
                # A file that the program reads and writes itself, `server.key_file`.
                if option.key in values and option.key + FILE_SUFFIX in values:
                    self._refuse((*path, option.key), f"{option.key} is given too: keep one of them", FILE_SUFFIX)
            elif option.is_secret:
                self._read_secret((*path, option.key), values)
            elif option.is_path:
                self._resolve(values, option, (*path, option.key))

    def _refuse(self, path: KeyPath, message: str, suffix: str = "") -> None:
        self.wrong.append(path)
        self.problems.append(((*path[:-1], f"{path[-1]}{suffix}"), message))

    def _read_secret(self, path: KeyPath, values: dict[str, Any]) -> None:
        key = str(path[-1])
        if key + FILE_SUFFIX not in values:
            if key in values:
                self.secrets_written.append(str(path[0]))
            return
        name = values.pop(key + FILE_SUFFIX)
        if key in values:
            self._refuse(path, f"{key} is given too: keep one of them", FILE_SUFFIX)
        elif not isinstance(name, str) or not name or "\0" in name:
            self._refuse(path, "must be the path of a file", FILE_SUFFIX)
        else:
            file = self._folder / name
            self.secret_files.append(file)
            secret, wrong = _secret_in(file)
            if wrong:
                self._refuse(path, f"{name} {wrong}", FILE_SUFFIX)
            else:
                values[key] = secret

    def _resolve(self, values: dict[str, Any], option: Option, path: KeyPath) -> None:
        name = values.get(option.key, option.default if self._is_whole else None)
        if isinstance(name, str) and (not name or "\0" in name):
            self._refuse(path, "must be the path of a file")
        elif isinstance(name, str | Path):  # of another type: the model says so
            file = values[option.key] = self._folder / name
            if not option.is_made_later:
                try:
                    file.open("rb").close()
                except OSError as error:
                    self._refuse(path, f"{name} cannot be read: {file_reason(file, error)}")


def _secret_in(file: Path) -> tuple[str, str]:
    """The secret; or nothing, and what is wrong with the file."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_SECRET_BYTES + 1)
        secret = content.decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        return "", f"cannot be read: {file_reason(file, error)}"
    except UnicodeDecodeError:
        return "", "is not UTF-8 text"
    if not secret:
        return "", "is empty"
    if len(content) > MAX_SECRET_BYTES:
        return "", f"is longer than {MAX_SECRET_BYTES} bytes: is it the right file?"
    if not secret.isprintable():
        return "", "holds more than one line, or control characters"
    return secret, ""
