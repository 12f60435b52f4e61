"""`gatepost degrade`: put a rung of the configuration in force for some hours, on all nodes and without a restart."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from typing import TextIO

from config.frozen_table import named
from config.problems import nearest
from config.settings import DegradeSettings, RungKind, Settings
from config.system_errors import user_name
from directory.directory import CheckResult
from proxy.commands.arguments import duration
from proxy.degrade.in_force import RungInForce, degraded, unconfigured
from proxy.degrade.rung import MOST_REASON_CHARACTERS, BegunRung, DegradeStore
from proxy.mobile_formats.words import one_line
from proxy.operations.store_errors import StoreError
from proxy.pages.amounts import duration as amount
from proxy.pages.local_time import brief_text
from proxy.store.open import open_store

_WHAT = {
    RungKind.CHANNELS: "text messages go by {channels}",
    RungKind.MAIL: "codes come by mail instead of by text message",
    RungKind.REMEMBERED: "no text messages: remembered browsers and other second factors only",
    RungKind.CLOSED: "nobody new signs in",
}
_WEAK = {RungKind.MAIL: ". It is a weak one: who reads the mailbox passes for the phone"}
_TRIES = 5
_DECIDED_BY_OTHERS = "gatepost degrade: others decide about it just now: look at it, and try again"


class _Unusable(Exception):
    """What was asked for makes no sense. Says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="the rung, as [[degrade]] calls it; left out: show all, and which are in force",
    )
    parser.add_argument(
        "--for",
        dest="seconds",
        metavar="TIME",
        type=_seconds,
        help="for how long, such as 30m or 2h: it ends by itself",
    )
    parser.add_argument("--reason", metavar="TEXT", type=_reason, help="why, for log and audit: one plain paragraph")
    parser.add_argument(
        "--again", action="store_true", help="give one that is in force another end, counted from now, and a new reason"
    )
    parser.add_argument("--end", action="store_true", help="end NAME, or all that are in force, now")
    # Before the command takes on the user that the store belongs to.
    parser.set_defaults(by=_own_name())


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO, *, now: float) -> int:
    """0; 1 if it is in force already, was not in force, or the store cannot be reached; 2 for what makes no sense."""
    try:
        configured = _configured(arguments, settings)
    except _Unusable as error:
        print(f"gatepost degrade: {error}", file=sys.stderr)
        return 2
    store = open_store(settings.store)
    try:
        if arguments.end:
            return await _end(arguments, settings, store.rungs, stdout, now=now)
        if configured is None:
            for line in _listed(settings.degrade, await store.rungs.rungs(), now):
                print(line, file=stdout)
            return 0
        return await _begin(arguments, configured, settings, store.rungs, stdout, now=now)
    except StoreError as error:
        print(f"gatepost degrade: the store cannot be reached: {error}", file=sys.stderr)
        return 1
    finally:
        await store.close()


def _configured(arguments: argparse.Namespace, settings: Settings) -> DegradeSettings | None:
    """The rung that is to begin; None: none is. Raises `_Unusable`."""
    given = [key for key in ("for", "reason", "again") if getattr(arguments, "seconds" if key == "for" else key)]
    if arguments.end or arguments.name is None:
        if given:
            what = "a rung that begins" if arguments.end else "a rung: name one"
            raise _Unusable(f"--{given[0]} belongs to {what}")
        return None
    found = named(settings.degrade, arguments.name)
    if found is None:
        names = [each.name for each in settings.degrade]
        there_is = "the configuration has no [[degrade]]" if not names else f'there is no rung "{arguments.name}"'
        raise _Unusable(f"{one_line(there_is)}{nearest(arguments.name, names)}")
    if arguments.reason is None:
        raise _Unusable("--reason is missing: say why, for log and audit")
    longest = amount(int(found.longest))
    if arguments.seconds is None:
        raise _Unusable(f"--for is missing: say for how long, at most {longest}")
    if arguments.seconds > found.longest:
        raise _Unusable(f'--for: "{found.name}" may be in force for at most {longest} (longest in [[degrade]])')
    return found


async def _begin(
    arguments: argparse.Namespace,
    configured: DegradeSettings,
    settings: Settings,
    store: DegradeStore,
    stdout: TextIO,
    *,
    now: float,
) -> int:
    for _ in range(_TRIES):
        kept = await store.rungs()
        seen = next((each for each in kept if each.name == configured.name), None)
        standing = _in_force(configured.name, kept, settings, now)
        if standing is not None and not arguments.again:
            print(
                f"gatepost degrade: {_since(standing, now)}. Nothing was changed: --again gives it another end",
                file=sys.stderr,
            )
            return 1
        if standing is None and arguments.again:
            print(f'gatepost degrade: --again: "{configured.name}" is not in force', file=sys.stderr)
            return 1
        begun = BegunRung(
            name=configured.name,
            what=configured.what.value,
            begun_at=now if standing is None else standing.begun.begun_at,
            decided_at=now,
            ends_at=now + arguments.seconds,
            reason=arguments.reason,
            by=arguments.by,
        )
        if await store.put_rung(begun, seen=seen):
            there = _in_force(begun.name, [begun], settings, now)
            if there is not None:
                print(_since(there, now), file=stdout)
                print("All workers and nodes go by it within a second.", file=stdout)
            return 0
    print(_DECIDED_BY_OTHERS, file=sys.stderr)
    return 1


async def _end(
    arguments: argparse.Namespace, settings: Settings, store: DegradeStore, stdout: TextIO, *, now: float
) -> int:
    kept = await store.rungs()
    # One that the configuration lost would be in force again where it comes back.
    lost = unconfigured(kept, settings.degrade, now)
    names = {each.settings.name for each in degraded(kept, settings.degrade, now).rungs} | {each.name for each in lost}
    if arguments.name is not None:
        if arguments.name not in names:
            known = nearest(arguments.name, names)
            print(f'gatepost degrade: "{one_line(arguments.name)}" is not in force{known}', file=sys.stderr)
            return 1
        names = {arguments.name}
    for name in sorted(names):
        ended = await _ended(name, arguments.by, store, now=now)
        if ended is None:
            print(_DECIDED_BY_OTHERS, file=sys.stderr)
            return 1
        if ended:
            print(f'"{one_line(name)}" has ended.', file=stdout)
    if not names:
        print("Nothing was in force.", file=stdout)
    return 0


async def _ended(name: str, by: str, store: DegradeStore, *, now: float) -> bool | None:
    """False: somebody else ended it meanwhile. A worker may just be telling of it, so it is tried again.
    None: it stands in a form that this version does not write, or others decide about it all the time."""
    for _ in range(_TRIES):
        seen = next((each for each in await store.rungs() if each.name == name), None)
        if seen is None or seen.is_over:
            return False
        if await store.put_rung(seen.ended(by=by, now=now), seen=seen):
            return True
    return None


def _in_force(name: str, kept: Iterable[BegunRung], settings: Settings, now: float) -> RungInForce | None:
    return next((each for each in degraded(kept, settings.degrade, now).rungs if each.settings.name == name), None)


def _since(rung: RungInForce, now: float) -> str:
    since, until = brief_text(rung.begun.begun_at, now), brief_text(rung.ends_at, now)
    said = f'"{rung.settings.name}" has been in force since {since} and ends at {until}'
    return f"{said}, by {one_line(rung.begun.by)}: {one_line(rung.begun.reason)}"


def _listed(configured: Iterable[DegradeSettings], kept: tuple[BegunRung, ...], now: float) -> Iterator[str]:
    configured = tuple(configured)
    if not configured:
        yield "The configuration has no rungs: docs/degrade.md says how to agree on some."
    in_force = {each.settings.name: each for each in degraded(kept, configured, now).rungs}
    for each in configured:
        yield f"{each.name}: {_what(each)}; for at most {amount(int(each.longest))}"
        yield "  " + (_since(in_force[each.name], now) if each.name in in_force else "not in force")
    for rung in unconfigured(kept, configured, now):
        yield f'{one_line(rung.name)}: is not in force: the configuration has no such rung (what = "{rung.what}")'


def check_rungs(settings: Settings) -> list[CheckResult]:
    """What `gatepost check` says of each rung. Pure: none of it is a failure."""
    return [
        CheckResult(
            subject=f'rung "{each.name}"',
            ok=True,
            detail=f"{_what(each)}; for at most {amount(int(each.longest))}" + _WEAK.get(each.what, ""),
        )
        for each in settings.degrade
    ]


def _what(rung: DegradeSettings) -> str:
    return _WHAT[rung.what].format(channels=", then ".join(rung.channels or ()))


def _own_name() -> str:
    """The user of the operating system who runs this."""
    name = user_name(os.getuid())
    through = os.environ.get("SUDO_USER")
    return f"{through} (as {name})" if through and through != name else name


def _seconds(written: str) -> float:
    seconds = duration(written)
    if seconds < 60:
        raise argparse.ArgumentTypeError("must be at least a minute")
    return seconds


def _reason(written: str) -> str:
    words = " ".join(written.split())
    if not words:
        raise argparse.ArgumentTypeError("is empty: say why, for log and audit")
    if len(words) > MOST_REASON_CHARACTERS:
        raise argparse.ArgumentTypeError(f"is {len(words)} characters long: {MOST_REASON_CHARACTERS} is the most")
    if not words.isprintable():
        raise argparse.ArgumentTypeError("holds control characters: write plain text")
    return words
