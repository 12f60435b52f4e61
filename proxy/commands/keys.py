"""`gatepost keys list|rotate|drop`: the master keys and their ages, by names that reveal nothing of them."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from typing import TextIO

from config.settings import Settings
from proxy.audit.event import AuditEvent
from proxy.commands.acting import act, record_afterwards
from proxy.commands.arguments import duration
from proxy.commands.table import write_table
from proxy.secrets.key_file import (
    SHORTEST_LEAD_SECONDS,
    KeyFileError,
    StillNeeded,
    drop,
    existing_keys,
    needed_because,
    rotate,
)
from proxy.secrets.key_text import instant_text
from proxy.secrets.keys import ALWAYS, KeyRing

_NO_FILE = "is in the configuration, not in a file: change it where it is kept (see server.key in the example)"


def add_arguments(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """The parsers of the three, each of which wants a configuration."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("list", help="the keys and their ages")
    show.add_argument("--json", action="store_true", help="print JSON, for programs")
    turn = actions.add_parser("rotate", help="make a new key, which comes into use once every node knows it")
    turn.add_argument(
        "--after",
        type=_lead,
        default="1h",
        metavar="1h",
        help="by then every node must have the new file and be reloaded; apps learn about the new key in that time"
        f" (default: %(default)s, at least {SHORTEST_LEAD_SECONDS / 60:g}m)",
    )
    remove = actions.add_parser("drop", help="remove a key, or all that are no longer needed")
    remove.add_argument("key", nargs="?", metavar="KEY", help="its name in gatepost keys list")
    return [show, turn, remove]


def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO, *, now: float) -> int:
    """0; 1 for a key that is still needed. Raises `KeyFileError`."""
    if arguments.action == "list":
        ring = existing_keys(settings.server)
        if arguments.json:
            print(json.dumps(_rows(ring, now), indent=2), file=stdout)
        else:
            _write_table(ring, now, stdout)
        return 0
    if settings.server.key is not None:
        raise KeyFileError("server.key", _NO_FILE)
    path = settings.server.key_file
    if arguments.action == "rotate":
        new = rotate(path, now=now, lead_seconds=arguments.after).keys[-1]
        _record(settings, [act("keys.rotated", key_id=new.key_id)])
        print(
            f"{path}: the new key {new.key_id} comes into use at {instant_text(new.use_after)}.\n"
            "Until then, copy the file to every node and reload each (SIGHUP). The key before it is still accepted.",
            file=stdout,
        )
        return 0
    try:
        dropped = drop(path, now=now, key_id=arguments.key)
    except StillNeeded as error:
        print(error, file=sys.stderr)
        return 1
    _record(settings, [act("keys.dropped", key_id=key.key_id) for key in dropped])
    for key in dropped:
        print(f"{path}: dropped {key.key_id}", file=stdout)
    if not dropped:
        print(f"{path}: every key is still needed (see gatepost keys list)", file=stdout)
    return 0


def _record(settings: Settings, events: Sequence[AuditEvent]) -> None:
    asyncio.run(record_afterwards(settings, events, command="keys"))


def _rows(ring: KeyRing, now: float) -> list[dict[str, str]]:
    current = ring.index_at(now)
    rows = []
    for index, key in enumerate(ring.keys):
        retired_at = ring.retired_at(index)
        rows.append(
            {
                "key": key.key_id,
                "state": "in use" if index == current else "waits" if index > current else "accepted",
                "made": "" if key.made_at is None else instant_text(key.made_at),
                "used_from": "" if key.use_after == ALWAYS else instant_text(key.use_after),
                "used_until": "" if retired_at is None else instant_text(retired_at),
                "note": needed_because(ring, index, now) or "is not needed any more: gatepost keys drop",
            }
        )
    return rows


def _write_table(ring: KeyRing, now: float, stdout: TextIO) -> None:
    ages = ["" if key.made_at is None else f"{max(0.0, now - key.made_at) / 86_400:.0f} days" for key in ring.keys]
    rows = [
        (row["key"], row["state"], age or "unknown", row["used_from"] or "always", row["used_until"], row["note"])
        for row, age in zip(_rows(ring, now), ages, strict=True)
    ]
    write_table(("KEY", "STATE", "AGE", "USED FROM", "USED UNTIL", "IT"), rows, stdout)


def _lead(text: str) -> float:
    seconds = duration(text)
    if seconds < SHORTEST_LEAD_SECONDS:
        raise argparse.ArgumentTypeError(f"every node and app needs {SHORTEST_LEAD_SECONDS / 60:g}m at least")
    return seconds
