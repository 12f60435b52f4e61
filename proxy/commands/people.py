"""`gatepost people`: the people of a directory of type "local", and changing them without an editor.

What it writes is in force within seconds, without a restart. Numbers are masked unless asked for; a password is asked
for, or read from standard input, and never an argument.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from config.settings import LocalDirectorySettings, MobileSettings, Settings
from directory.create_directories import create_directories
from directory.errors import DirectoryError
from directory.login_name import fold
from directory.mobile import UnusableNumber, UnusableReason, UsableNumber, first_usable, mask
from directory.users_file import LocalUser
from directory.users_writing import ChangedUser, NameTaken, UsersFileError, add_user, change_user
from proxy.audit.audited_log import audited
from proxy.commands.acting import RecordedLater, act, by_this_command, record_afterwards
from proxy.commands.hash_password import NoPassword, new_hash
from proxy.commands.means import open_means
from proxy.commands.table import write_table
from proxy.help_desk.number_steps import wrong_with_number
from proxy.help_desk.people import (
    local_realms,
    name_in,
    number_in_file,
    people_of,
    realms_that_know,
    set_disabled,
    set_number,
    tell_number_set,
)
from proxy.mobile_formats.words import one_line
from proxy.operations.incidents import new_incident_id
from proxy.operations.log import configure_log
from proxy.operations.own_user import WrongUser, become_owner_of
from proxy.operations.store_errors import StoreError
from proxy.secrets.key_file import KeyFileError

_SEE = {
    UnusableReason.AMBIGUOUS: ": write it with + and its country code",
    UnusableReason.COUNTRY: ": mobile.allowed_countries names those that are",
    UnusableReason.INVALID: ": mobile.home_region says whose may begin with 0, mobile.extra_ranges lets more through",
}


class NothingDone(Exception):
    """Nothing was done. The text says why, for the operator."""


def add_arguments(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """The parsers of the actions, each of which wants a configuration."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("list", help="who there is")
    show.add_argument("--json", action="store_true", help="for programs")
    show.add_argument("--numbers", action="store_true", help="mobile numbers in full")
    add = actions.add_parser("add", help="add somebody; the password is asked for, or read from standard input")
    number = actions.add_parser("set-mobile", help="set a mobile number. The previous one and their mail are told")
    password = actions.add_parser("set-password", help="set a password, asked for or read from standard input")
    disable = actions.add_parser("disable", help="let somebody no longer sign in, and end their sessions")
    enable = actions.add_parser("enable", help="let somebody sign in again")
    for each in (add, number, password, disable, enable):
        each.add_argument("login", metavar="LOGIN", help="the user name")
    number.add_argument("number", metavar="NUMBER", help="as gatepost number takes it")
    add.add_argument("--name", metavar="NAME", help="the name that apps and pages show (default: the user name)")
    add.add_argument("--mail", metavar="ADDRESS", help="the mail address")
    add.add_argument("--mobile", metavar="NUMBER", help="the mobile number, as gatepost number takes it")
    add.add_argument("--group", metavar="NAME", action="append", default=[], help="a group; may be repeated")
    add.add_argument("--same-name", action="store_true", help="although another realm has somebody of this name")
    every = [show, add, number, password, disable, enable]
    for each in every:
        each.add_argument("--realm", metavar="REALM", help="whose people (default: the only directory of type local)")
    return every


def users_file(arguments: argparse.Namespace, settings: Settings) -> Path | None:
    """The file that is about to be changed; None: none, or nobody knows which."""
    try:
        return None if arguments.action == "list" else _directory(arguments, settings).file
    except NothingDone:
        return None  # it is said when the command runs


async def run(arguments: argparse.Namespace, settings: Settings, stdin: TextIO, stdout: TextIO, *, now: float) -> int:
    """0; 1 if nothing was done, or somebody could not be told; 2 without a usable password.

    Raises `ConfigurationError` for a users file that is wrong.
    """
    try:
        directory = _directory(arguments, settings)
        if arguments.action == "list":
            people = people_of(directory)
            shown = [act("admin.people_shown", people=len(people))]
            await record_afterwards(settings, shown, command="people")
            _list(people, settings.mobile, stdout, as_json=arguments.json, in_full=arguments.numbers)
            return 0
        username = name_in(directory, arguments.login)
        if username is None:
            raise NothingDone(
                f"LOGIN: {one_line(arguments.login)!r} can be no user name of the realm {directory.name!r}"
            )
        asked = _AskedChange(arguments, settings, directory, username, stdin, stdout, now)
        try:
            return await _ACTIONS[arguments.action](asked)
        finally:
            await record_afterwards(settings, asked.done.events, command="people")
    except (NothingDone, UsersFileError) as error:
        print(f"gatepost people: {error}", file=sys.stderr)
        return 1
    except NoPassword as error:
        print(f"gatepost people: {error}", file=sys.stderr)
        return 2


class _AskedChange:
    """One change, as it was asked for."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        settings: Settings,
        directory: LocalDirectorySettings,
        username: str,
        stdin: TextIO,
        stdout: TextIO,
        now: float,
    ) -> None:
        self.arguments = arguments
        self.settings = settings
        self.directory = directory
        self.username = username
        self.stdin = stdin
        self.stdout = stdout
        self.now = now
        self.incident = new_incident_id()
        self.done = RecordedLater()
        self.log = audited(configure_log(), self.done)

    def known(self) -> LocalUser:
        """Whom the file has now: asked before a password is. Raises `UsersFileError`, `ConfigurationError`."""
        return change_user(self.directory.file, self.directory.name, self.username, {}).after

    def record(self, user: LocalUser, event: str, **facts: str) -> None:
        self.log.info(
            f"admin.{event}",
            by=by_this_command(),
            person_realm=self.directory.name,
            person_guid=user.guid,
            incident=self.incident,
            **facts,
        )

    def say(self, user: LocalUser, text: str) -> int:
        print(f"{one_line(user.username)} ({self.directory.name}): {text}", file=self.stdout)
        return 0


async def _add(asked: _AskedChange) -> int:
    arguments, directory = asked.arguments, asked.directory
    number = None if arguments.mobile is None else _usable(arguments.mobile, asked.settings.mobile)
    if any(user.folded == fold(asked.username) for user in people_of(directory)):
        raise NameTaken(directory.file, asked.username)
    await _look_elsewhere(asked)
    user = add_user(
        directory.file,
        directory.name,
        asked.username,
        {
            "password_hash": new_hash(asked.stdin, asked.settings.password.refused_lists),
            "display_name": arguments.name,
            "mail": arguments.mail,
            "mobile": None if number is None else number.e164,
            "groups": tuple(arguments.group) or None,
        },
    )
    said = "added" if number is None else f"added, codes go to {number.e164} ({number.region})"
    asked.record(user, "person_added")
    return asked.say(user, said)


async def _look_elsewhere(asked: _AskedChange) -> None:
    """Raises `NothingDone`."""
    realms = create_directories(asked.settings)
    try:
        known, silent = await realms_that_know(realms, asked.username, but=asked.directory.name)
    finally:
        await realms.close()
    for error in silent:
        print(f"gatepost people: warning: nobody knows whether it has the same name: {error}", file=sys.stderr)
    if known and not asked.arguments.same_name:
        raise NothingDone(
            f"LOGIN: {', '.join(known)} has somebody named {one_line(asked.username)!r} too, and an app that goes by"
            " Remote-User alone takes them for one person: choose another name, or say --same-name"
        )


async def _set_mobile(asked: _AskedChange) -> int:
    number = _usable(asked.arguments.number, asked.settings.mobile)
    changed = await asyncio.to_thread(set_number, asked.directory, asked.username, number)
    asked.record(changed.after, "number_set", destination=mask(number.e164))
    asked.say(changed.after, f"codes go to {number.e164} ({number.region})")
    try:
        return await _tell(asked, changed)
    except (KeyFileError, StoreError, DirectoryError, WrongUser) as error:
        before = changed.before
        if isinstance(error, KeyFileError) and before is not None and not before.mobiles and not before.mail:
            return 0  # before the first start, and there is nobody to tell
        print(f"gatepost people: the number is set, but nobody was told of it: {error}", file=sys.stderr)
        return 1


async def _tell(asked: _AskedChange, changed: ChangedUser) -> int:
    written = asked.settings.store.file
    if written is not None:
        become_owner_of(written)  # only now: the users file may be in a folder of somebody else's
    async with open_means(asked.settings, now=asked.now) as means:
        is_told = await tell_number_set(
            changed,
            means.realms,
            asked.directory.name,
            asked.settings.mobile,
            means.store.numbers,
            means.keys,
            means.notices,
            incident=asked.incident,
        )
        await means.notices.settled()
    if is_told:
        print(
            "a notice went to the previous number and the mail address: the log says whether it was taken",
            file=asked.stdout,
        )
    return 0


async def _set_password(asked: _AskedChange) -> int:
    asked.known()
    values = {"password_hash": new_hash(asked.stdin, asked.settings.password.refused_lists)}
    user = change_user(asked.directory.file, asked.directory.name, asked.username, values).after
    asked.record(user, "password_set")
    return asked.say(user, "the password is set; sessions that began with the old one end within seconds")


async def _disable(asked: _AskedChange) -> int:
    user = set_disabled(asked.directory, asked.username, True).after
    asked.record(user, "person_disabled")
    return asked.say(user, "disabled; their sessions end within seconds")


async def _enable(asked: _AskedChange) -> int:
    user = set_disabled(asked.directory, asked.username, False).after
    asked.record(user, "person_enabled")
    return asked.say(user, "enabled")


_ACTIONS: dict[str, Callable[[_AskedChange], Awaitable[int]]] = {
    "add": _add,
    "set-mobile": _set_mobile,
    "set-password": _set_password,
    "disable": _disable,
    "enable": _enable,
}


def _directory(arguments: argparse.Namespace, settings: Settings) -> LocalDirectorySettings:
    """Raises `NothingDone`."""
    local = local_realms(settings)
    names = ", ".join(each.name for each in local)
    if arguments.realm is None:
        if len(local) == 1:
            return local[0]
        raise NothingDone(f"--realm: say which: {names}" if local else _NO_LOCAL)
    found = next((each for each in local if each.name.casefold() == arguments.realm.casefold()), None)
    if found is not None:
        return found
    if any(each.name.casefold() == arguments.realm.casefold() for each in settings.directories):
        raise NothingDone(f"--realm: {arguments.realm!r} is Active Directory: change its people there")
    known = f"there is {names}" if local else _NO_LOCAL
    raise NothingDone(f"--realm: there is no realm {one_line(arguments.realm)!r}: {known}")


_NO_LOCAL = 'no [[directories]] has type = "local"'


def _usable(text: str, settings: MobileSettings) -> UsableNumber:
    """As a sign-in judges the field. Raises `NothingDone`."""
    number = first_usable([text], settings)
    if isinstance(number, UsableNumber):
        return number
    readings = f" ({' or '.join(number.readings)})" if number.readings else ""
    wrong = wrong_with_number(repr(one_line(text)), number.reason)
    raise NothingDone(f"NUMBER: {wrong}{readings}{_SEE.get(number.reason, '')}; nothing was changed")


def _list(
    people: Sequence[LocalUser], settings: MobileSettings, stdout: TextIO, *, as_json: bool, in_full: bool
) -> None:
    if as_json:
        print(json.dumps([_object(each, settings, in_full) for each in people], indent=2), file=stdout)
        return
    rows = []
    for each in people:
        number = number_in_file(each, settings)
        state = "disabled" if each.disabled else ""
        rows.append(
            (each.username, each.display_name, each.mail or "", _cell(number, in_full), ", ".join(each.groups), state)
        )
    write_table(("USER NAME", "NAME", "MAIL", "MOBILE", "GROUPS", "STATE"), rows, stdout)


def _cell(number: UsableNumber | UnusableNumber, in_full: bool) -> str:
    if isinstance(number, UsableNumber):
        return number.e164 if in_full else mask(number.e164)
    return "" if number.reason is UnusableReason.EMPTY else f"!{number.reason.value}"


def _object(user: LocalUser, settings: MobileSettings, in_full: bool) -> dict[str, Any]:
    number = number_in_file(user, settings)
    return {
        "username": user.username,
        "display_name": user.display_name,
        "mail": user.mail,
        "mobile": (number.e164 if in_full else mask(number.e164)) if isinstance(number, UsableNumber) else None,
        "wrong_with_mobile": None if isinstance(number, UsableNumber) else number.reason.value,
        "groups": list(user.groups),
        "disabled": user.disabled,
    }
