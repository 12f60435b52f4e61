"""`gatepost audit find`: what happened, to whom, in an app, since a day. Who looked is recorded."""

from __future__ import annotations

import argparse
import json
import sys
from collections import deque
from typing import TextIO

from config.settings import Settings
from directory.errors import DirectoryError
from proxy.audit.events import EVENT_NAMES
from proxy.audit.finding import HEAD, AuditQuestion, as_json, is_wanted, row_of
from proxy.commands.acting import act
from proxy.commands.audit_source import NothingToRead, Since, add_person, open_source, since
from proxy.commands.table import write_table
from proxy.help_desk.person import NotFound
from proxy.operations.store_errors import StoreError

MOST_ROWS = 1000
"""Of the table, the newest ones; the JSON form has all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_person(parser, required=False, help_text="what this one did, and what was done to them")
    parser.add_argument("--app", default="", metavar="NAME", help="what happened with this app")
    parser.add_argument("--event", type=_event, metavar="EVENT", help="sign_in.refused, or all of sign_in")
    parser.add_argument("--since", type=since, metavar="WHEN", help="2026-11-01 (UTC), or 7d; left out: all")
    parser.add_argument("--json", action="store_true", help="print JSON, one entry a line, for programs")


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO, *, now: float) -> int:
    """0, even if there is nothing; 1 if there is no such person, or something cannot be read. Raises `KeyFileError`."""
    try:
        async with open_source(settings) as source:
            asked = {"searched": arguments.event or "", "app": arguments.app}
            try:
                person = await source.person(arguments.person, arguments.guid)
            except NotFound:  # a name that nobody has was looked up too
                await source.record(act("admin.audit_searched", **asked, found=0))
                raise
            question = AuditQuestion(
                guids=None if person is None else frozenset({person.guid}),
                app=arguments.app,
                since=(arguments.since or Since(None, now)).at(now),
                event=arguments.event or "",
            )
            count, rows = 0, deque[tuple[str, ...]](maxlen=MOST_ROWS)
            try:
                async for entry in source.entries(guid=person.guid if person is not None else "", since=question.since):
                    if not is_wanted(entry, question):
                        continue
                    count += 1
                    if arguments.json:
                        print(json.dumps(as_json(entry)), file=stdout)
                    else:
                        rows.append(row_of(entry))
            finally:  # who stops reading has read what came before
                await source.record(act("admin.audit_searched", person, **asked, found=count))
    except (NothingToRead, NotFound, DirectoryError, StoreError) as error:
        print(f"gatepost audit find: {error}", file=sys.stderr)
        return 1
    if rows:
        write_table(HEAD, list(rows), stdout)
    elif not count:
        print("gatepost audit find: nothing", file=sys.stderr)
    if not arguments.json and count > MOST_ROWS:
        print(f"gatepost audit find: the newest {MOST_ROWS} of {count}: --json has all", file=sys.stderr)
    return 0


def _event(text: str) -> str:
    if text not in EVENT_NAMES:
        raise argparse.ArgumentTypeError(f"{text!r} is none: see docs/audit.md")
    return text
