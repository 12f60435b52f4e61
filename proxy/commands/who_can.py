"""`gatepost who-can APP`: by group, who can open an app, for the access review. Reads the directories only."""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from config.frozen_table import named
from config.settings import AppSettings, Settings
from directory.directory import RefusalReason
from directory.errors import DirectoryMisconfigured, DirectoryUnavailable
from directory.known_person import KnownPerson
from proxy.commands.acting import act, record_afterwards
from proxy.commands.table import write_table
from proxy.mobile_formats.csv_form import cell
from proxy.rehearsal.everybody import read_everybody
from proxy.rehearsal.review import Opening, who_can

_HEAD = ("part", "group", "person", "name", "account")
_STATES = {RefusalReason.DISABLED: "disabled", RefusalReason.ACCOUNT_EXPIRED: "expired"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("app", metavar="APP", help="the name of the app")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON, for programs")
    form.add_argument("--csv", action="store_true", help="print CSV, for a spreadsheet")


def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO) -> int:
    """0; 1 where a directory cannot be read, 2 for an app that is not there."""
    app = named(settings.apps, arguments.app)
    if app is None:
        there = ", ".join(each.name for each in settings.apps)
        print(f"gatepost who-can: there is no app {arguments.app!r}; there are: {there}", file=sys.stderr)
        return 2
    groups = {name for groups in (app.groups, *(each.groups for each in app.rules)) for name in groups or ()}
    try:
        everybody = read_everybody(settings, groups, now=time.time())
    except (DirectoryUnavailable, DirectoryMisconfigured) as error:
        print(f"gatepost who-can: {error}", file=sys.stderr)
        return 1
    for name, why in everybody.missing_groups(groups).items():
        print(f"gatepost who-can: {name}: {why}", file=sys.stderr)
    found = list(who_can(app, settings.schemes, everybody.people))
    people = len({each.person.principal.guid for each in found})
    shown = [act("admin.access_shown", app=app.name, people=people)]
    asyncio.run(record_afterwards(settings, shown, command="who-can"))
    if arguments.json:
        _write_json(app, found, stdout)
    elif arguments.csv:
        writer = csv.writer(stdout)
        writer.writerows([_HEAD, *(map(cell, row) for row in map(_row, found))])
    else:
        _write_table(app, found, stdout)
    return 0


def _write_table(app: AppSettings, found: Sequence[Opening], stdout: TextIO) -> None:
    people = {each.person.principal.guid: each.person for each in found if not each.part}
    stopped = sum(bool(each.refusals) for each in people.values())
    of_them = f", {stopped} of them with an account that is disabled or has expired" if stopped else ""
    print(f"{app.name}: {len(people)} {'person' if len(people) == 1 else 'people'} can open it{of_them}.", file=stdout)
    open_to_all = [each.path or each.pattern or "" for each in app.rules if each.public]
    if open_to_all:
        print(f"Open to everybody, without a sign-in: {', '.join(open_to_all)}", file=stdout)
    if found:
        write_table(_HEAD, [_row(each) for each in found], stdout)


def _row(found: Opening) -> tuple[str, ...]:
    principal = found.person.principal
    person = f"{principal.realm}\\{principal.username}"
    return (found.part or "all else", found.group, person, principal.display_name, _state(found.person))


def _state(person: KnownPerson) -> str:
    return next((_STATES[each] for each in person.refusals if each in _STATES), "")


def _write_json(app: AppSettings, found: Sequence[Opening], stdout: TextIO) -> None:
    told = [
        {
            "part": each.part,
            "group": each.group,
            "realm": each.person.principal.realm,
            "username": each.person.principal.username,
            "guid": each.person.principal.guid,
            "name": each.person.principal.display_name,
            "account": _state(each.person),
        }
        for each in found
    ]
    public = [each.path or each.pattern for each in app.rules if each.public]
    print(json.dumps({"app": app.name, "people": told, "public": public}, indent=2), file=stdout)
