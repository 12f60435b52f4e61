"""`gatepost rehearse NEW.toml`: whose access a new configuration would change, before it is in force.

What was decided in the last weeks is replayed under the configuration in force and under the new one, with the groups
that people have now. It changes nothing, but remembers that this configuration was rehearsed (`server.reload`).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from structlog.typing import FilteringBoundLogger

from config.checks import warnings
from config.factors import Factor
from config.problems import ConfigurationError
from config.settings import Settings
from directory.errors import DirectoryMisconfigured, DirectoryUnavailable
from directory.principal import Principal
from proxy.audit.audited_log import audited
from proxy.audit.lifetime import sha256_of
from proxy.audit.person_keys import PersonKeys
from proxy.commands.acting import acting, by_this_command
from proxy.commands.file_checks import load_checked
from proxy.commands.table import write_table
from proxy.operations.log import configure_log
from proxy.operations.store_errors import StoreError
from proxy.rehearsal.changes import AccessChange, Effect, Rehearsed
from proxy.rehearsal.counterparts import counterparts
from proxy.rehearsal.decisions import days_until
from proxy.rehearsal.everybody import Everybody, everybody_after, everybody_without, read_everybody
from proxy.rehearsal.opening import OpenedDecisions, opened
from proxy.rehearsal.rehearse import rehearse
from proxy.rehearsal.rehearsed import REHEARSED_SECONDS, digest_of, rehearsal_key
from proxy.rehearsal.standings import Standings
from proxy.secrets.key_file import existing_keys
from proxy.secrets.keys import Keys
from proxy.sessions.decided import DecidedAccess
from proxy.store.contract import Store
from proxy.store.open import open_store

_HEAD = ("what happens", "app", "part", "people", "why", "who")
_SHOWN = 5
"""Names in a row of the table; JSON has all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("new", metavar="NEW.toml", type=Path, nargs="?", help="the configuration to rehearse")
    parser.add_argument(
        "--without-group",
        metavar="NAME",
        action="append",
        default=[],
        help="as if the directory did not have this group, in place of a new configuration; several times for several",
    )
    parser.add_argument(
        "--everybody",
        action="store_true",
        help="each person and each app, whether or not they use it, in place of what was decided",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO, stderr: TextIO, *, now: float) -> int:
    """0 if nobody loses access or is asked for more or for something else; 1 if somebody does; 2 where nothing could be
    rehearsed. Raises `KeyFileError`."""

    def fail(why: object) -> int:
        print(f"gatepost rehearse: {why}", file=stderr)
        return 2

    if arguments.new is None and not arguments.without_group:
        return fail("name a new configuration, or give --without-group NAME")
    if arguments.new is not None and arguments.without_group:
        return fail("a new configuration and --without-group are two questions: ask one at a time")
    new = settings
    if arguments.new is not None:
        try:
            new, _ = load_checked(arguments.new, os.environ)
        except ConfigurationError as error:
            for problem in error.problems:
                print(problem.of_file(arguments.new), file=stderr)
            return 2
        for warning in warnings(new):
            print(f"{arguments.new}: warning: {warning}", file=stderr)
    keys = Keys(existing_keys(settings.server), clock=lambda: now)
    store = open_store(settings.store)
    try:
        names = settings.group_names | new.group_names
        before = read_everybody(settings, names, without=arguments.without_group, now=now)
        for name, why in before.missing_groups(arguments.without_group).items():
            return fail(f"--without-group {name}: {why}")
        if arguments.new is None:
            after = everybody_without(before)
        else:
            after = everybody_after(settings, new, before, counterparts(settings, new).realms, names, now=now)
        with _all_kept():
            found = await _decisions(arguments, settings, store, keys, before, stderr, now)
            standings = Standings(store, keys, passkeys_of=settings.server.public_url.host)
            theirs = {each.guid for each in found.decisions}
            rehearsed = rehearse(
                settings,
                new,
                found.decisions,
                before=await standings.of(settings, (each for each in before.people if each.principal.guid in theirs)),
                after=await standings.of(new, (each for each in after.people if each.principal.guid in theirs)),
            )
        digest = digest_of(new, key=rehearsal_key(keys)) if arguments.new is not None else b""
        if digest:
            await _remember(digest, settings, new, store, now)
        async with acting(settings, store, keys) as recorder:
            sha256 = sha256_of(new) if digest else ""
            _log_done(audited(configure_log(), recorder), rehearsed, sha256)
    except (DirectoryUnavailable, DirectoryMisconfigured, StoreError) as error:
        return fail(error)
    finally:
        await store.close()
    missing = after.missing_groups(new.group_names)
    if arguments.json:
        print(json.dumps(_as_json(rehearsed, found, missing), indent=2), file=stdout)
    else:
        _write(rehearsed, found, missing, stdout)
    return 1 if rehearsed.harms else 0


@contextmanager
def _all_kept() -> Iterator[None]:
    """A hundred thousand decisions stay to the end: to look through them for garbage takes longer than to open them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


async def _remember(digest: bytes, settings: Settings, new: Settings, store: Store, now: float) -> None:
    """Where the plan of the new configuration looks: in its own store, if that is another one."""
    is_same = new.store == settings.store
    there = store if is_same else open_store(new.store)
    try:
        await there.decisions.put_rehearsed(digest, forgotten_at=now + REHEARSED_SECONDS)
    finally:
        if not is_same:
            await there.close()


async def _decisions(
    arguments: argparse.Namespace,
    settings: Settings,
    store: Store,
    keys: Keys,
    before: Everybody,
    stderr: TextIO,
    now: float,
) -> OpenedDecisions:
    """What is kept; or each person and app, where that is asked for or nothing is kept."""
    if not arguments.everybody:
        days = days_until(now, settings.audit.decisions)
        found = await opened(store.decisions, PersonKeys(store.person_keys, keys), days)
        if found.decisions:
            return found
        print(
            "gatepost rehearse: no decisions are kept: everybody is tried with each app, as by a browser", file=stderr
        )
    return OpenedDecisions(decisions=tuple(_all_possible(settings, before)), first_day="", unreadable=0)


def _all_possible(settings: Settings, everybody: Everybody) -> Iterator[DecidedAccess]:
    """From an address that is in no network, for nobody knows where they would come from."""
    for person in everybody.people:
        who = person.principal
        for app in () if person.refusals else ("", *(each.name for each in settings.apps)):
            yield DecidedAccess(
                realm=who.realm, guid=who.guid, username=who.username, app=app, factors=(Factor.PASSWORD,), address=""
            )


def _log_done(log: FilteringBoundLogger, rehearsed: Rehearsed, sha256: str) -> None:
    log.info(
        "rehearsal.done",
        by=by_this_command(),
        sha256=sha256,
        decisions=rehearsed.decisions,
        lose=rehearsed.count(Effect.LOSES),
        gain=rehearsed.count(Effect.GAINS),
        more=rehearsed.count(Effect.MORE),
        less=rehearsed.count(Effect.LESS),
        other=rehearsed.count(Effect.OTHER),
    )


def _write(rehearsed: Rehearsed, found: OpenedDecisions, missing: dict[str, str], stdout: TextIO) -> None:
    since = f" since {found.first_day}" if found.first_day else ""
    print(f"{rehearsed.decisions:,} decisions about {rehearsed.people:,} people{since}.", file=stdout)
    for effect in Effect:
        if count := rehearsed.count(effect):
            print(f"{count:,} {'person' if count == 1 else 'people'}: {effect.value}", file=stdout)
    if not rehearsed.changes:
        print("Nothing changes for them.", file=stdout)
    else:
        print(file=stdout)
        write_table(_HEAD, [_row(each) for each in rehearsed.changes], stdout)
    notes = [*rehearsed.notes, *(f'no realm has the group "{name}": {why}' for name, why in missing.items())]
    if rehearsed.gone:
        notes.append(f"{len(rehearsed.gone)} people are in no directory any more: {_names(rehearsed.gone)}")
    if found.unreadable:
        notes.append(f"{found.unreadable:,} decisions cannot be read: their keys were erased")
    if notes:
        print("\nBesides:", file=stdout)
    for note in notes:
        print(f"  {note}", file=stdout)


def _row(change: AccessChange) -> tuple[str, ...]:
    who = _names([_named(each) for each in change.people])
    return change.effect.value, change.app or "(sign-in)", change.part, f"{len(change.people):,}", change.why, who


def _names(names: tuple[str, ...] | list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _named(principal: Principal) -> str:
    return f"{principal.realm}\\{principal.username}"


def _as_json(rehearsed: Rehearsed, found: OpenedDecisions, missing: dict[str, str]) -> dict[str, Any]:
    return {
        "harms": rehearsed.harms,
        "decisions": rehearsed.decisions,
        "people": rehearsed.people,
        "since": found.first_day or None,
        "unreadable": found.unreadable,
        "changes": [
            {
                "effect": each.effect.name.lower(),
                "app": each.app,
                "part": each.part,
                "why": each.why,
                "people": [
                    {"realm": one.realm, "username": one.username, "guid": one.guid, "name": one.display_name}
                    for one in each.people
                ],
            }
            for each in rehearsed.changes
        ],
        "gone": list(rehearsed.gone),
        "notes": list(rehearsed.notes),
        "missing_groups": missing,
    }
