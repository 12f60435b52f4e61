"""`gatepost hash-password`: the argon2id hash (RFC 9106) that `users.toml` keeps instead of a password."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from getpass import getpass
from pathlib import Path
from typing import TextIO

from argon2 import PasswordHasher

from config.password_lists import COMMONEST_PASSWORDS, is_listed
from config.system_errors import file_reason
from directory.password import MAX_BYTES, is_usable_password

LEAST_CHARACTERS = 8
"""Of a password beside which a second factor is asked for (NIST SP 800-63B-4; OWASP ASVS 5.0.0, 6.2.1)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Asks twice on a terminal; reads one line when piped."


def run(arguments: argparse.Namespace, stdin: TextIO, stdout: TextIO) -> int:
    """Print the hash of a password that is asked for or read; 2 if there is no usable one."""
    try:
        print(new_hash(stdin), file=stdout)
    except NoPassword as error:
        print(f"gatepost hash-password: {error}", file=sys.stderr)
        return 2
    return 0


class NoPassword(Exception):
    """There is no usable one; says why."""


def new_hash(stdin: TextIO, refused_lists: Sequence[Path] = (COMMONEST_PASSWORDS,)) -> str:
    """The hash of a password that is asked for, or read where it is piped. Raises `NoPassword`."""
    try:
        return PasswordHasher().hash(_ask(refused_lists) if stdin.isatty() else _checked(_read(stdin), refused_lists))
    except (ValueError, EOFError) as error:
        raise NoPassword(str(error) or "no password was given") from None
    except OSError as error:
        path = Path(error.filename or "its file")
        raise NoPassword(f"a list of refused passwords, {path}, cannot be read: {file_reason(path, error)}") from None


def _ask(refused_lists: Sequence[Path]) -> str:
    password = _checked(getpass("Password: "), refused_lists)
    if getpass("Again: ") != password:
        raise ValueError("the two passwords differ, so nothing was done: try again")
    return password


def _read(stdin: TextIO) -> str:
    try:
        line = stdin.readline()
    except UnicodeDecodeError:
        raise ValueError("the password is not UTF-8 text") from None
    return line.removesuffix("\n").removesuffix("\r")


def _checked(password: str, refused_lists: Sequence[Path]) -> str:
    if not password:
        raise ValueError("the password is empty")
    if not is_usable_password(password):
        raise ValueError(f"the password holds NUL or is no text, or is longer than {MAX_BYTES} bytes")
    if len(password) < LEAST_CHARACTERS:
        raise ValueError(f"the password is too short: choose one of {LEAST_CHARACTERS} characters or more")
    if any(is_listed(password, path) for path in refused_lists):
        raise ValueError("the password is one that too many people use: choose another")
    return password
