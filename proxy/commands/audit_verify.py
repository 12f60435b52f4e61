"""`gatepost audit verify`: whether the lines are those that were written, and which is the first that is not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from config.settings import Settings
from config.system_errors import file_reason
from proxy.audit.anchors import by_name, public_key_from, public_keys
from proxy.audit.judging import AuditJudge, WrongLine
from proxy.audit.reading import files_of
from proxy.audit.verifying import judged
from proxy.commands.table import write_table
from proxy.secrets.key_file import existing_keys
from proxy.secrets.keys import Keys

_MOST_TOLD = 20
_DAY = 86_400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="files of other nodes, or their folders, besides those of the configuration",
    )
    parser.add_argument(
        "--anchors",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="what the syslog server has written: shows a tail that was cut off, and a chain that was removed",
    )
    parser.add_argument(
        "--public-key",
        dest="public_keys",
        action="append",
        default=[],
        type=_public_key,
        metavar="KEY",
        help="as gatepost audit key prints it: then neither the configuration nor the master keys are needed",
    )


async def run(arguments: argparse.Namespace, settings: Settings | None, stdout: TextIO, *, now: float) -> int:
    """0 if everything is as it was written; else 1. Raises `KeyFileError`."""
    signers, own, since = list(arguments.public_keys), [], 0.0
    try:
        if settings is not None:
            signers += public_keys(Keys(existing_keys(settings.server), clock=lambda: now))
            if settings.audit.file is not None:
                own = files_of(settings.audit.file)
                since = now - settings.audit.keep - _DAY
        files = [*own, *(each for path in arguments.files for each in _files(path))]
        judge = judged(files, by_name(signers), outside=arguments.anchors, since=since)
    except OSError as error:
        path = Path(error.filename or "the files")
        print(f"gatepost audit verify: {path}: {file_reason(path, error)}", file=sys.stderr)
        return 1
    if not files:
        print("gatepost audit verify: there is no file: set [audit] file, or name some", file=sys.stderr)
        return 1
    if arguments.anchors and not judge.holds_outside:
        named = ", ".join(str(path) for path in arguments.anchors)
        print(
            f"gatepost audit verify: {named}: has no anchor of this installation: name the file in which the syslog"
            " server keeps these lines",
            file=sys.stderr,
        )
        return 1
    wrong = judge.wrong()
    for each in wrong[:_MOST_TOLD]:
        print(_told(each), file=stdout)
    if wrong:
        more = f", of which {_MOST_TOLD} are shown" if len(wrong) > _MOST_TOLD else ""
        are = "place is not as it was" if len(wrong) == 1 else "places are not as they were"
        print(f"{len(wrong)} {are} written{more}. The first is named first.", file=stdout)
        return 1
    _write_chains(judge, len(files), stdout, with_outside=bool(arguments.anchors))
    return 0


def _told(wrong: WrongLine) -> str:
    line = f", line {wrong.place.number}" if wrong.place.number else ""
    return f"{wrong.place.file}{line}: {wrong.what}"


def _write_chains(judge: AuditJudge, files: int, stdout: TextIO, *, with_outside: bool) -> None:
    chains = sorted(judge.chains.values(), key=lambda each: each.chain)
    rows = [
        (
            each.chain,
            str(each.first.seq),
            str(each.last.seq),
            str(each.signed_until),
            str(each.last.seq - each.signed_until),
            *([str(each.held_outside)] if with_outside else []),
        )
        for each in chains
    ]
    head = ("CHAIN", "FROM", "TO", "SIGNED UP TO", "SINCE THEN", *(["AT SYSLOG"] if with_outside else []))
    write_table(head, rows, stdout)
    lines, of, within = _many(judge.lines, "line"), _many(len(chains), "chain"), _many(files, "file")
    print(f"{lines} of {of} in {within}: all as they were written.", file=stdout)


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _files(path: Path) -> Iterator[Path]:
    """Of a folder, those in it that are not hidden. Raises `OSError`."""
    if path.is_dir():
        yield from (each for each in path.iterdir() if each.is_file() and not each.name.startswith("."))
    else:
        yield path


def _public_key(text: str) -> object:
    try:
        return public_key_from(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
