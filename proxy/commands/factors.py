"""`gatepost factors LOGIN`: the second factors that a person has added, and removing one. It shows no secret.

The person is told of what is removed, as when they remove it themselves.
"""

from __future__ import annotations

import argparse
import sys
from typing import TextIO

from config.settings import Settings
from directory.errors import DirectoryError
from directory.principal import Principal
from proxy.commands.acting import act, by_this_command, person_of
from proxy.commands.means import open_means
from proxy.commands.table import write_table
from proxy.help_desk.person import NotFound, find_person
from proxy.mobile_formats.words import instant_text, one_line
from proxy.operations.incidents import new_incident_id
from proxy.operations.store_errors import StoreError
from proxy.portal.factor_notice import factor_notices
from proxy.sign_in.enrolling import Enrolling


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("login", metavar="LOGIN", help="alice, alice@corp.example or CORP\\alice")
    parser.add_argument("--remove", metavar="ID", help="remove this one, as it is listed. The person is told")


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO, *, now: float) -> int:
    """0; 1 if there is no such person or factor, or something cannot be reached. Raises `KeyFileError`."""
    async with open_means(settings, now=now) as means:
        enrolling = Enrolling(
            store=means.store.enrolments,
            numbers=means.store.numbers,
            counters=means.store.counters,
            settings=settings,
            keys=means.keys,
            notices=means.notices,
            notice_of=factor_notices(settings),
        )
        try:
            _, principal = await find_person(means.realms, arguments.login)
            if arguments.remove is None:
                count = await _list(enrolling, principal, stdout)
                means.recorder.record(act("admin.factors_shown", person_of(principal), factors=count))
                return 0
            incident = new_incident_id()
            removed = await enrolling.remove(principal, arguments.remove, incident=incident)
            if removed is None:
                print(f"gatepost factors: they have no {one_line(arguments.remove)!r}: see the list", file=sys.stderr)
                return 1
            means.log.info(
                "admin.factor_removed",
                by=by_this_command(),
                person_realm=principal.realm,
                person_guid=principal.guid,
                factor=removed.factor.value,
                incident=incident,
            )
            await means.notices.settled()
            print(f"{principal.username} ({principal.realm}): removed, and they are told", file=stdout)
        except (NotFound, DirectoryError, StoreError) as error:
            print(f"gatepost factors: {error}", file=sys.stderr)
            return 1
    return 0


async def _list(enrolling: Enrolling, principal: Principal, stdout: TextIO) -> int:
    """How many."""
    rows = [
        (
            each.name_in_forms,
            each.factor.value,
            each.name if each.left is None else f"{each.left} left",
            instant_text(each.made_at),
            instant_text(each.used_at),
        )
        for each in await enrolling.of(principal)
    ]
    if rows:
        write_table(("ID", "KIND", "NAME", "ADDED", "LAST USED"), rows, stdout)
    else:
        print(f"{principal.username} ({principal.realm}) has added none", file=stdout)
    return len(rows)
