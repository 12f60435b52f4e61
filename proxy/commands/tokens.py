"""`gatepost tokens create|list|revoke`: tokens of programs that act as an account, and everybody's app passwords.

A token is printed once, when it is made, alone on the standard output. Whose account it is is told of it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TextIO

from config.factors import Factor
from config.frozen_table import named
from config.settings import Settings
from config.values import parse_duration
from directory.errors import DirectoryError
from directory.realms import Realms
from proxy.access.policy import NotInGroups, judge
from proxy.commands.acting import act, by_this_command, own_name, person_of
from proxy.commands.means import CommandMeans, open_means
from proxy.commands.table import write_table
from proxy.help_desk.person import NotFound, find_person
from proxy.mobile_formats.words import instant_text, one_line
from proxy.operations.incidents import new_incident_id
from proxy.operations.store_errors import StoreError
from proxy.portal.factor_notice import credential_notices
from proxy.sign_in.credentials import Credential
from proxy.sign_in.own_credentials import (
    MOST_PER_PERSON,
    OwnCredentials,
    WantedCredential,
    WrongLimits,
    apps_taking,
    read_methods,
    read_networks,
)

_SHORTEST_PREFIX = 6


class CannotDo(Exception):
    """The text says what is wrong, for the operator."""


def add_arguments(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """The parsers of the three, each of which wants a configuration."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a service token, and print it")
    create.add_argument("login", metavar="LOGIN", help="whose account it acts as: alice, CORP\\alice")
    create.add_argument("--app", required=True, metavar="NAME", help="the app that it opens, which takes bearer")
    create.add_argument("--until", required=True, type=_until, metavar="END", help="2027-06-30, or a time such as 90d")
    create.add_argument("--name", default="", metavar="TEXT", help="what it is for, for lists")
    create.add_argument("--methods", default=None, type=_methods, metavar="LIST", help="GET,PROPFIND: only these")
    create.add_argument("--networks", default=None, type=_networks, metavar="LIST", help="10.0.0.0/8: only from there")
    show = actions.add_parser("list", help="service tokens and app passwords")
    show.add_argument("login", nargs="?", metavar="LOGIN", help="only this one's")
    show.add_argument("--json", action="store_true", help="print JSON, for programs")
    revoke = actions.add_parser("revoke", help="remove one, and end its session at once")
    revoke.add_argument("id", metavar="ID", help="as it is listed; its beginning is enough")
    return [create, show, revoke]


def _until(text: str) -> date | timedelta:
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        return timedelta(seconds=parse_duration(text))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r}: write a day, 2027-06-30, or a time, 90d") from None


def _methods(text: str) -> tuple[str, ...] | None:
    try:
        return read_methods(text)
    except WrongLimits as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _networks(text: str) -> tuple[str, ...] | None:
    try:
        return read_networks(text)
    except WrongLimits as error:
        raise argparse.ArgumentTypeError(str(error)) from None


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO, *, now: float) -> int:
    """0; 1 if there is no such person, app or token, or something cannot be reached. Raises `KeyFileError`."""
    async with open_means(settings, now=now) as means:
        own = OwnCredentials(
            store=means.store.credentials,
            sessions=means.store.sessions,
            numbers=means.store.numbers,
            settings=settings,
            keys=means.keys,
            notices=means.notices,
            notice_of=credential_notices(settings),
        )
        incident = new_incident_id()

        def note(event: str, credential: Credential) -> None:
            means.log.info(
                event,
                by=by_this_command(),
                incident=incident,
                realm=credential.realm,
                guid=credential.guid,
                factor=credential.factor.value,
                credential_id=credential.credential_id,
                app=credential.app,
            )

        try:
            match arguments.action:
                case "create":
                    made, secret = await _create(arguments, settings, means.realms, own, incident, now)
                    note("credential.made", made)
                    print(secret, file=stdout)
                case "list":
                    await _list(arguments, means, own, stdout, now)
                case _:
                    removed = await _revoke(arguments.id, means.realms, own, incident, now)
                    note("credential.removed", removed)
                    print(f"removed: {one_line(removed.name)} of {removed.username}, for {removed.app}", file=stdout)
            await means.notices.settled()
        except (CannotDo, NotFound, DirectoryError, StoreError) as error:
            print(f"gatepost tokens: {error}", file=sys.stderr)
            return 1
    return 0


async def _create(
    arguments: argparse.Namespace, settings: Settings, realms: Realms, own: OwnCredentials, incident: str, now: float
) -> tuple[Credential, str]:
    taking = apps_taking(settings.apps, Factor.SERVICE_TOKEN)
    app = named(taking, arguments.app)
    if app is None:
        known = ", ".join(each.name for each in taking) or 'none: write clients = ["browser", "bearer"] in one'
        raise CannotDo(f"no app {one_line(arguments.app)!r} takes bearer (there are: {known})")
    ends_at = _instant(arguments.until, now)
    if ends_at <= now:
        raise CannotDo("--until has passed already")
    _, principal = await find_person(realms, arguments.login)
    refused = judge(principal, app)
    if isinstance(refused, NotInGroups):
        raise CannotDo(f"{principal.username} is in none of the groups that may open {app.name}")
    wanted = WantedCredential(
        factor=Factor.SERVICE_TOKEN,
        app=app.name,
        name=" ".join(one_line(arguments.name).split()) or f"made by {own_name()}",
        ends_at=ends_at,
        methods=arguments.methods,
        networks=arguments.networks,
    )
    made = await own.make(principal, wanted, incident=incident, now=now)
    if made is None:
        raise CannotDo(f"{principal.username} has {MOST_PER_PERSON} already: revoke some")
    print(f"for {principal.username}, {app.name}, until {instant_text(ends_at)}. Shown only now:", file=sys.stderr)
    return made


def _instant(until: date | timedelta, now: float) -> float:
    """The end of a day, UTC, or so long from now."""
    if isinstance(until, timedelta):
        return now + until.total_seconds()
    return datetime.combine(until + timedelta(days=1), time(), UTC).timestamp()


async def _list(
    arguments: argparse.Namespace, means: CommandMeans, own: OwnCredentials, stdout: TextIO, now: float
) -> None:
    guid, whose = None, None
    if arguments.login is not None:
        _, principal = await find_person(means.realms, arguments.login)
        guid, whose = principal.guid, person_of(principal)
    rows = [_row(each) for each in await own.of(guid, now=now)]
    means.recorder.record(act("admin.credentials_shown", whose, credentials=len(rows)))
    if arguments.json:
        print(json.dumps(rows, indent=2), file=stdout)
        return
    head = ("ID", "KIND", "PERSON", "REALM", "APP", "NAME", "METHODS", "NETWORKS", "MADE", "ENDS", "LAST USED")
    write_table(head, [tuple(_cell(value) for value in row.values()) for row in rows], stdout)


def _row(credential: Credential) -> dict[str, Any]:
    return {
        "id": credential.credential_id,
        "kind": credential.factor.value,
        "person": credential.username,
        "realm": credential.realm,
        "app": credential.app,
        "name": credential.name,
        "methods": None if credential.methods is None else list(credential.methods),
        "networks": None if credential.networks is None else list(credential.networks),
        "made": instant_text(credential.made_at),
        "ends": instant_text(credential.ends_at),
        "last_used": instant_text(credential.used_at),
    }


def _cell(value: str | Sequence[str] | None) -> str:
    if value is None:
        return "all"
    return value if isinstance(value, str) else " ".join(value)


async def _revoke(prefix: str, realms: Realms, own: OwnCredentials, incident: str, now: float) -> Credential:
    found = [each for each in await own.of(None, now=now) if each.credential_id.startswith(prefix)]
    if len(prefix) < _SHORTEST_PREFIX or len(found) != 1:
        raise CannotDo(f"there is not exactly one whose id begins with {one_line(prefix)!r}: see gatepost tokens list")
    (credential,) = found
    await own.remove(credential)
    directory = realms.of(credential.realm)
    try:
        principal = await directory.read(credential.guid) if directory is not None else None
    except DirectoryError:
        principal = None  # it is removed: nobody waits for the directory to be told so
    if principal is not None:
        await own.tell_removed(principal, credential.factor, incident=incident)
    return credential
