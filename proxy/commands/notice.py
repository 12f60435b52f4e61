"""`gatepost notice`: tell everybody something on the pages, on all nodes and without a restart."""

from __future__ import annotations

import argparse
import sys
from typing import TextIO

from config.settings import Settings
from proxy.commands.acting import act, record_acts
from proxy.commands.arguments import duration
from proxy.mobile_formats.words import one_line
from proxy.operations.notice_board import OperatorNotice, one_paragraph
from proxy.operations.store_errors import StoreError
from proxy.pages.local_time import brief_text
from proxy.store.open import open_store

_LONGEST_SECONDS = 366 * 86_400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "text",
        nargs="?",
        metavar="TEXT",
        type=_text,
        help="what to say, in place of what was said before: one plain paragraph; left out: show what is said now",
    )
    what.add_argument("--clear", action="store_true", help="take the notice down")
    parser.add_argument(
        "--for",
        dest="seconds",
        metavar="TIME",
        type=_seconds,
        help="for how long, such as 30m, 2h or 1d; left out: until --clear",
    )


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO, *, now: float) -> int:
    """0; 1 if the store cannot be reached; 2 for a time without a text."""
    if arguments.seconds is not None and arguments.text is None:
        print("gatepost notice: --for: there is no text: write what is to be said for that time", file=sys.stderr)
        return 2
    store = open_store(settings.store)
    notices = store.operator_notices
    try:
        if arguments.clear:
            is_down = await notices.take_down()
            if is_down:
                await record_acts(settings, store, [act("admin.notice_taken_down")])
            print("The notice is taken down." if is_down else "There was no notice.", file=stdout)
            return 0
        if arguments.text is not None:
            ends_at = None if arguments.seconds is None else now + arguments.seconds
            await notices.put_up(OperatorNotice(text=arguments.text, ends_at=ends_at))
            done = act("admin.notice_put_up", ends_at=0 if ends_at is None else int(ends_at))
            await record_acts(settings, store, [done])
        print(_told(await notices.notice(), now), file=stdout)
    except StoreError as error:
        print(f"gatepost notice: the store cannot be reached: {error}", file=sys.stderr)
        return 1
    finally:
        await store.close()
    return 0


def _told(notice: OperatorNotice | None, now: float) -> str:
    if notice is None or notice.is_over(now):
        return "There is no notice."
    until = "gatepost notice --clear" if notice.ends_at is None else brief_text(notice.ends_at, now)
    return f"{one_line(notice.text)}\n(on the sign-in, passcode and start pages, until {until})"


def _text(written: str) -> str:
    try:
        return one_paragraph(written)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"the text {error}") from None


def _seconds(written: str) -> float:
    seconds = duration(written)
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise argparse.ArgumentTypeError("must be more than nothing and at most a year")
    return seconds
