"""`gatepost sessions list|end`: who is signed in, from where, and ending it. It shows no cookie and no session id.

A session is named by the beginning of a digest of its id, which opens nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from config.settings import SessionSettings, Settings
from directory.create_directories import create_directories
from proxy.audit.event import AuditedPerson, AuditEvent
from proxy.commands.acting import act, person_of, record_acts
from proxy.commands.table import write_table
from proxy.help_desk.person import NotFound
from proxy.help_desk.sessions import Found, sessions_called, short_name_of
from proxy.mobile_formats.words import instant_text
from proxy.operations.store_errors import StoreError
from proxy.portal.device import describe_device
from proxy.sessions.session import Session
from proxy.sessions.way import TOKEN_HOST
from proxy.sign_in.ending import end_each, end_person
from proxy.store.contract import Store
from proxy.store.open import open_store

_SHORTEST_PREFIX = 6


class CannotEnd(Exception):
    """The text says what is wrong, for the operator."""


def add_arguments(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """The parsers of the two, each of which wants a configuration."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("list", help="who is signed in")
    show.add_argument("--person", metavar="LOGIN", help="only this one's")
    show.add_argument("--json", action="store_true", help="print JSON, for programs")
    end = actions.add_parser("end", help="end sessions, on every host, at once")
    chosen = end.add_mutually_exclusive_group(required=True)
    chosen.add_argument(
        "login",
        nargs="?",
        metavar="LOGIN",
        help="all of this one's, and forget their browsers: alice, alice@corp.example, CORP\\alice",
    )
    chosen.add_argument("--person", metavar="LOGIN", help=argparse.SUPPRESS)  # as it was written before
    chosen.add_argument("--session", metavar="PREFIX", help="the one with this name in gatepost sessions list")
    chosen.add_argument("--all", action="store_true", help="everybody's")
    return [show, end]


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO, *, now: float) -> int:
    """0; 1 if there is no such person or session, or something cannot be reached."""
    store = open_store(settings.store)
    try:
        if arguments.action == "end" and arguments.all:
            ended = await store.sessions.end_all_sessions()
            await record_acts(settings, store, [act("admin.sessions_ended", sessions=ended)])
            return _told(ended, stdout)
        login = _login(arguments)
        found = None if login is None else await _of_person(settings, store, login)
        if arguments.action == "end":
            return await _end(settings, store, found, arguments.session, stdout)
        sessions = await store.sessions.sessions() if found is None else found.sessions
        await record_acts(settings, store, _shown(found, len(sessions)))
        await _list(store, sessions, settings.sessions, now, stdout, as_json=arguments.json)
    except CannotEnd as error:
        print(f"gatepost sessions: {error}", file=sys.stderr)
        return 1
    except StoreError as error:
        print(f"gatepost sessions: the store cannot be read: {error}", file=sys.stderr)
        return 1
    finally:
        await store.close()
    return 0


def _login(arguments: argparse.Namespace) -> str | None:
    """An empty name counts as given: `sessions end "$LOGIN"` must not mean anybody else if the variable is not set."""
    named: str | None = arguments.person
    if named is None and arguments.action == "end":
        named = arguments.login
    return named


async def _of_person(settings: Settings, store: Store, typed: str) -> Found:
    """Raises `CannotEnd` and `StoreError`."""
    realms = create_directories(settings)
    try:
        found = await sessions_called(realms, store.sessions, typed)
    except NotFound as error:
        raise CannotEnd(f"LOGIN: {error}") from None
    finally:
        await realms.close()
    if not found.guids:
        unsure = f" ({found.warning})" if found.warning else ""
        raise CannotEnd(f"LOGIN: nobody of this name is signed in, nor known to the realm {found.realm!r}{unsure}")
    if found.warning:
        print(f"gatepost sessions: warning: {found.warning}: going by the name that sessions keep", file=sys.stderr)
    return found


def _only(sessions: Sequence[Session], prefix: str) -> Session:
    if len(prefix) < _SHORTEST_PREFIX:
        raise CannotEnd(
            f"--session: write {_SHORTEST_PREFIX} characters at least, as gatepost sessions list shows them"
        )
    found = [each for each in sessions if short_name_of(each).startswith(prefix.lower())]
    if not found:
        raise CannotEnd(f"--session: there is no session {prefix!r} (any more): see gatepost sessions list")
    if len(found) > 1:
        raise CannotEnd(f"--session: {prefix!r} is the beginning of {len(found)} sessions: write more of it")
    return found[0]


def _shown(found: Found | None, count: int) -> list[AuditEvent]:
    """Whose were listed, or everybody's."""
    whose = [None] if found is None else [AuditedPerson(realm=found.realm, guid=guid) for guid in found.guids]
    searched_by = "" if found is None else "person"
    return [act("admin.sessions_shown", each, searched_by=searched_by, sessions=count) for each in whose]


async def _end(settings: Settings, store: Store, found: Found | None, prefix: str, stdout: TextIO) -> int:
    """All of a person's, or the one session of this name: only --all means all of them."""
    if found is None:
        session = _only(await store.sessions.sessions(), prefix)
        count = await end_each(store.sessions, [session])
        await record_acts(settings, store, [act("admin.sessions_ended", person_of(session.principal), sessions=count)])
        return _told(count, stdout)
    ended = [await end_person(store.sessions, store.browsers, guid) for guid in found.guids]
    events = []
    for guid, each in zip(found.guids, ended, strict=True):
        person = AuditedPerson(realm=found.realm, guid=guid)
        events.append(act("admin.sessions_ended", person, sessions=each.sessions))
        if each.browsers:
            events.append(act("admin.browsers_forgotten", person, browsers=each.browsers))
    await record_acts(settings, store, events)
    _told(sum(each.sessions for each in ended), stdout)
    browsers = sum(each.browsers for each in ended)
    if browsers:
        print(f"{browsers} remembered {'browser' if browsers == 1 else 'browsers'} forgotten", file=stdout)
    return 0


def _told(ended: int, stdout: TextIO) -> int:
    print(f"{ended} {'session' if ended == 1 else 'sessions'} ended", file=stdout)
    return 0


async def _list(
    store: Store, sessions: Sequence[Session], limits: SessionSettings, now: float, stdout: TextIO, *, as_json: bool
) -> None:
    live = sorted(
        (each for each in sessions if not each.is_over(limits, now)), key=lambda each: each.last_used_at, reverse=True
    )
    hosts = await store.sessions.hosts_of([each.session_id for each in live])
    rows = [_row(each, hosts.get(each.session_id, ())) for each in live]
    if as_json:
        print(json.dumps(rows, indent=2), file=stdout)
        return
    cells = [tuple(", ".join(value) if isinstance(value, list) else value for value in row.values()) for row in rows]
    head = ("SESSION", "PERSON", "REALM", "STATE", "WAY", "SINCE", "LAST USED", "ADDRESS", "HOSTS", "DEVICE")
    write_table(head, cells, stdout)


def _row(session: Session, hosts: Sequence[str]) -> dict[str, Any]:
    return {
        "session": short_name_of(session),
        "person": session.principal.username,
        "realm": session.principal.realm,
        "state": session.level.value,
        "way": session.way.value,
        "since": instant_text(session.created_at),
        "last_used": instant_text(session.last_used_at),
        "address": session.client_address,
        "hosts": [host for host in hosts if host != TOKEN_HOST],
        "device": describe_device(session.user_agent),
    }
