"""`gatepost hash-password`: the argon2id hash (RFC 9106) that `users.toml` keeps instead of a password."""

from __future__ import annotations

import argparse
import sys
from getpass import getpass
from typing import TextIO

from argon2 import PasswordHasher

from directory.password import MAX_BYTES, is_usable_password


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


def new_hash(stdin: TextIO) -> str:
    """The hash of a password that is asked for, or read where it is piped. Raises `NoPassword`."""
    try:
        return PasswordHasher().hash(_ask() if stdin.isatty() else _read(stdin))
    except (ValueError, EOFError) as error:
        raise NoPassword(str(error) or "no password was given") from None


def _ask() -> str:
    password = _checked(getpass("Password: "))
    if getpass("Again: ") != password:
        raise ValueError("the two passwords differ, so nothing was done: try again")
    return password


def _read(stdin: TextIO) -> str:
    try:
        line = stdin.readline()
    except UnicodeDecodeError:
        raise ValueError("the password is not UTF-8 text") from None
    return _checked(line.removesuffix("\n").removesuffix("\r"))


def _checked(password: str) -> str:
    if not password:
        raise ValueError("the password is empty")
    if not is_usable_password(password):
        raise ValueError(f"the password holds NUL or is no text, or is longer than {MAX_BYTES} bytes")
    return password
