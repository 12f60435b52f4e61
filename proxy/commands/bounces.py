"""`gatepost bounces`: which passcode messages did not arrive, whose they were, and what to do about it.

Names and masked destinations only. Of a report, only the one cleaned line that was kept is shown.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from config.settings import Settings
from proxy.commands.acting import act, record_acts
from proxy.commands.arguments import duration
from proxy.commands.table import write_table
from proxy.delivery.delivery_store import REMEMBERED_SECONDS, DeliveryFailure
from proxy.mobile_formats.words import instant_text
from proxy.operations.store_errors import StoreError
from proxy.store.open import open_store

_HEAD = ("read at", "person", "channel", "destination", "reason", "what to do", "said")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since", type=_duration, default="24h", metavar="24h", help="how far back, at most 3d (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO, *, now: float) -> int:
    """0, even if there are some; 1 if the store cannot be read."""
    store = open_store(settings.store)
    try:
        found = await store.deliveries.failures(since=now - arguments.since)
        await record_acts(settings, store, [act("admin.undelivered_shown", failures=len(found))])
    except StoreError as error:
        print(f"gatepost bounces: the store cannot be read: {error}", file=sys.stderr)
        return 1
    finally:
        await store.close()
    if arguments.json:
        print(json.dumps([_fields(each) for each in found], indent=2), file=stdout)
    elif found:
        write_table(_HEAD, _rows(found), stdout)
    else:
        print("There are no failed deliveries.", file=stdout)
    if not settings.bounces.is_on:
        print(
            "gatepost bounces: no reports are read, only what was refused at once is listed: see [bounces]",
            file=sys.stderr,
        )
    return 0


def _fields(failure: DeliveryFailure) -> dict[str, Any]:
    return {
        "failed_at": instant_text(failure.failed_at),
        "sent_at": instant_text(failure.sent_at),
        "realm": failure.realm,
        "username": failure.username,
        "guid": failure.guid,
        "channel": failure.channel,
        "destination": failure.destination,
        "reason": failure.reason.value,
        "advice": failure.reason.advice,
        "detail": failure.detail,
        "message_id": failure.message_id,
    }


def _rows(failures: Iterable[DeliveryFailure]) -> list[tuple[str, ...]]:
    return [
        (
            instant_text(each.failed_at),
            f"{each.realm}\\{each.username}",
            each.channel,
            each.destination,
            each.reason.value.replace("_", " "),
            each.reason.advice,
            each.detail,
        )
        for each in failures
    ]


def _duration(text: str) -> float:
    seconds = duration(text)
    if seconds > REMEMBERED_SECONDS:
        raise argparse.ArgumentTypeError("failures are remembered for 3d")
    return seconds
