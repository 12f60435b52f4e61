"""`gatepost canary list|arrived`: whether the passcodes that Gatepost sends to the operator arrive; and that one has.

No code, number or text is shown.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from config.problems import nearest
from config.settings import CanarySettings, Settings
from proxy.canary.canaries import note_arrival
from proxy.canary.canary_message import CanaryRecord, CanaryStore
from proxy.canary.judging import CanaryJudgement, flaws_said, judge, message_of
from proxy.canary.recipients import canary_of
from proxy.commands.table import write_table
from proxy.mobile_formats.words import instant_text
from proxy.operations.store_errors import StoreError
from proxy.store.open import open_store

_HEAD = ("name", "channel", "state", "last arrival", "took", "what is wrong")


def add_arguments(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """The parsers of the two, each of which wants a configuration."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("list", help="each canary, and whether it arrives")
    show.add_argument("--json", action="store_true", help="print JSON, for programs")
    arrived = actions.add_parser("arrived", help="a canary's message is there: for phones and scripts")
    arrived.add_argument("name", metavar="NAME", help="which canary")
    given = arrived.add_mutually_exclusive_group(required=True)
    given.add_argument("code", nargs="?", metavar="CODE", help="the digits of the message")
    given.add_argument(
        "--text", metavar="TEXT", help='the whole message, which is then judged; "-": read from standard input'
    )
    return [show, arrived]


async def run(arguments: argparse.Namespace, settings: Settings, stdin: TextIO, stdout: TextIO, *, now: float) -> int:
    """0; 1 if one does not arrive as it should, there is no such message, or the store cannot be reached; 2 if there is
    no such canary."""
    store = open_store(settings.store)
    try:
        if arguments.action == "list":
            return await _list(arguments, settings, store.canaries, stdout, now)
        return await _arrived(arguments, settings, store.canaries, stdin, stdout, now)
    except StoreError as error:
        print(f"gatepost canary: the store cannot be reached: {error}", file=sys.stderr)
        return 1
    finally:
        await store.close()


async def _list(
    arguments: argparse.Namespace, settings: Settings, store: CanaryStore, stdout: TextIO, now: float
) -> int:
    found = []
    for each in settings.canaries:
        record = await store.canary(each.name)
        timing = canary_of(each, settings).timing
        found.append((each, record, judge(record, timing, watched_since=0.0, now=now)))
    if arguments.json:
        print(json.dumps([_fields(*each) for each in found], indent=2), file=stdout)
    elif found:
        write_table(_HEAD, [_row(*each) for each in found], stdout)
    else:
        print("There are no [[canaries]].", file=stdout)
    return 0 if all(judgement.state.is_well for _, _, judgement in found) else 1


def _fields(canary: CanarySettings, record: CanaryRecord, judgement: CanaryJudgement) -> dict[str, Any]:
    return {
        "name": canary.name,
        "channel": canary.channel,
        "state": judgement.state.value,
        "reason": judgement.sentence,
        "last_arrival_at": instant_text(record.last_arrival_at) or None,
        "arrival_seconds": record.arrival_seconds,
    }


def _row(canary: CanarySettings, record: CanaryRecord, judgement: CanaryJudgement) -> Sequence[str]:
    took = "" if record.arrival_seconds is None else f"{record.arrival_seconds:.0f} s"
    state = judgement.state.value.replace("_", " ")
    return (canary.name, canary.channel, state, instant_text(record.last_arrival_at), took, judgement.sentence)


async def _arrived(
    arguments: argparse.Namespace,
    settings: Settings,
    store: CanaryStore,
    stdin: TextIO,
    stdout: TextIO,
    now: float,
) -> int:
    names = [each.name for each in settings.canaries]
    if arguments.name not in names:
        hint = nearest(arguments.name, names)
        print(f"gatepost canary: there is no canary {arguments.name!r}{hint}", file=sys.stderr)
        return 2
    text = stdin.read() if arguments.text == "-" else arguments.text
    found = message_of([await store.canary(arguments.name)], text if text is not None else arguments.code)
    if found is None:
        print("gatepost canary: no message of this canary has that code", file=sys.stderr)
        return 1
    name, message = found
    changed = await note_arrival(store, name, message, text=text, now=now)
    if changed is None:
        print("It had arrived before.", file=stdout)
        return 0
    noted = changed.message(message.message_id) or message
    wrong = flaws_said(noted)
    print(f"It took {now - message.sent_at:.0f} s{': ' + wrong if wrong else ''}.", file=stdout)
    return 1 if wrong else 0
