"""`gatepost mobiles`: the state of the `mobile` field, person by person, for those who keep it right.

Of the directories it reads only; in the store it counts its sweep. The report goes to stdout or a file, progress to a
terminal's stderr, and nothing about a person to any log.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO, TypeVar

from config.settings import ActiveDirectorySettings, DirectorySettings, Settings
from config.system_errors import file_reason
from directory.errors import DirectoryMisconfigured, DirectoryUnavailable
from directory.mobile_report import Summary
from directory.mobile_sweep import Findings, Rules, nobody, sweep
from proxy.commands.acting import act, record_acts
from proxy.commands.arguments import duration
from proxy.help_desk.number_sweeps import MOST_SWEEPS, counted
from proxy.mobile_formats.report_forms import ReportForm, write_as
from proxy.mobile_formats.words import headline
from proxy.operations.own_user import as_owner_of
from proxy.operations.store_errors import StoreError
from proxy.secrets.key_file import KeyFileError, existing_keys
from proxy.secrets.keys import Keys, Purpose
from proxy.sign_in.reported_numbers import NumberReports
from proxy.store.open import open_store

T = TypeVar("T")
_PROGRESS_SECONDS = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        choices=[form.value for form in ReportForm],
        default="table",
        help="table (default), csv for a spreadsheet, json for programs, html: one page to look at,"
        " powershell: proposals for an AD admin to review",
    )
    parser.add_argument("--directory", metavar="NAME", help="only this one of [[directories]]")
    parser.add_argument("--base", metavar="DN", help="only persons at or below this DN (Active Directory)")
    parser.add_argument("--include-disabled", action="store_true", help="disabled accounts too")
    parser.add_argument(
        "--changed-within",
        type=duration,
        default="7d",
        metavar="7d",
        help='what counts as "changed recently" (default: %(default)s)',
    )
    parser.add_argument(
        "--at-least", type=_percent, metavar="PERCENT", help="exit code 1 if fewer can receive a passcode"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there instead of to stdout; readable by you")


def run(
    arguments: argparse.Namespace,
    settings: Settings,
    stdout: TextIO,
    stderr: TextIO,
    *,
    clock: Callable[[], float] = time.time,
) -> int:
    """Sweep, then write the report. 0; 1 under `--at-least` or where a directory can't be read; 2 for wrong usage."""
    try:
        directories = _chosen(arguments, settings.directories)
    except ValueError as error:
        print(f"gatepost mobiles: {error}", file=stderr)
        return 2
    form, now = ReportForm(arguments.format), clock()
    reports = _from_store(
        settings, stderr, _reports(settings, now), lacks="who said that their number is not theirs is not known"
    )
    rules = Rules(
        mobile=settings.mobile,
        now=now,
        changed_within_seconds=arguments.changed_within,
        include_disabled=arguments.include_disabled,
        reported_at=nobody if reports is None else reports.reported_at,
    )
    with Findings(rules) as findings:
        try:
            for directory in directories:
                for person in _with_progress(
                    sweep(directory, service_accounts=settings.mobile.service_accounts, base_dn=arguments.base),
                    directory.name,
                    stderr,
                ):
                    findings.add(person)
            _record(settings, stderr)
            if _is_whole(arguments):
                _from_store(settings, stderr, _count(settings, findings.summary), lacks="this sweep is not counted")
            domains = {each.name: each.domain for each in directories if isinstance(each, ActiveDirectorySettings)}
            with _output(arguments.output, stdout, with_mark=form.begins_with_mark) as out:
                write_as(form, findings, out, domains=domains)
        except DirectoryUnavailable as error:
            print(f"gatepost mobiles: {error}", file=stderr)
            return 1
        except DirectoryMisconfigured as error:
            print(f"gatepost mobiles: {error}", file=stderr)
            return 2
        except BrokenPipeError:
            # `| head` has closed the pipe. Python would complain when it flushes stdout at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        except OSError as error:
            why = file_reason(arguments.output or Path("stdout"), error)
            print(f"gatepost mobiles: cannot write {arguments.output or 'the report'}: {why}", file=stderr)
            return 1
        if arguments.at_least is not None and not findings.totals.all.reaches(arguments.at_least):
            print(f"gatepost mobiles: {headline(findings.totals.all)} Wanted: {arguments.at_least:g}%.", file=stderr)
            return 1
    return 0


def _is_whole(arguments: argparse.Namespace) -> bool:
    """Whether this sweep counts beside those of the admin pages: of everybody, and nobody more."""
    return arguments.directory is None and arguments.base is None and not arguments.include_disabled


async def _reports(settings: Settings, now: float) -> NumberReports:
    """Who said that their number is not theirs. Raises `StoreError` and `KeyFileError`."""
    store = open_store(settings.store, clock=lambda: now)
    try:
        reported = {each.guid: each for each in await store.reported_numbers.reported_numbers()}
    finally:
        await store.close()
    key = b"" if not reported else Keys(existing_keys(settings.server), clock=lambda: now).derive(Purpose.THROTTLE)
    return NumberReports(reported=reported, key=key, now=now)


def _record(settings: Settings, stderr: TextIO) -> None:
    """That somebody had everybody's numbers put together."""
    if not settings.audit.is_on:
        return
    own = None if settings.audit.file is None else settings.audit.file.parent.parent
    # The service has to be able to go on in what is written here.
    with as_owner_of(own, loads_code=True) if own is not None and own.exists() else contextlib.nullcontext():
        _from_store(settings, stderr, _recorded(settings), lacks="that this report was made is not in the audit")


async def _recorded(settings: Settings) -> None:
    store = open_store(settings.store)
    try:
        await record_acts(settings, store, [act("admin.mobiles", done="by_command")])
    finally:
        await store.close()


async def _count(settings: Settings, summary: Summary) -> None:
    store = open_store(settings.store)
    try:
        await store.sweeps.put_sweep(counted(summary), most=MOST_SWEEPS)
    finally:
        await store.close()


def _from_store(settings: Settings, stderr: TextIO, work: Coroutine[None, None, T], *, lacks: str) -> T | None:
    """What comes of it; None where there is no store yet, or it cannot be used: the report is made all the same."""
    file = settings.store.file
    if file is not None and not file.exists():  # it is for the service to make: it would be ours
        work.close()
        return None
    try:
        # In the service's folder a link may lead root elsewhere. The report itself may be for a folder of root's.
        with contextlib.nullcontext() if file is None else as_owner_of(file.parent, loads_code=True):
            return asyncio.run(work)
    except (StoreError, KeyFileError) as error:
        print(f"gatepost mobiles: {lacks}: {error}", file=stderr)
        return None


def _chosen(arguments: argparse.Namespace, directories: Sequence[DirectorySettings]) -> list[DirectorySettings]:
    """Raises `ValueError` with a sentence on what is wrong with the arguments."""
    chosen = [each for each in directories if arguments.directory in (None, each.name)]
    if not chosen:
        names = ", ".join(each.name for each in directories)
        raise ValueError(f"there is no directory {arguments.directory!r}; there are: {names}")
    if arguments.base is not None:
        chosen = [each for each in chosen if isinstance(each, ActiveDirectorySettings)]
        if len(chosen) != 1:
            raise ValueError("--base needs one Active Directory: name it with --directory")
    return chosen


@contextlib.contextmanager
def _output(path: Path | None, stdout: TextIO, *, with_mark: bool) -> Iterator[TextIO]:
    """`stdout`, or a file that only its owner may read. It gets its name when it is complete."""
    if path is None:
        if hasattr(stdout, "reconfigure"):
            # Names may hold what a terminal's encoding cannot show; the forms write their own line ends.
            stdout.reconfigure(errors="backslashreplace", newline="")
        yield stdout
        stdout.flush()
        return
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    encoding = "utf-8-sig" if with_mark else "utf-8"
    try:
        with open(
            unfinished,
            "x",
            encoding=encoding,
            errors="backslashreplace",
            newline="",
            opener=lambda name, flags: os.open(name, flags, 0o600),
        ) as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _with_progress(items: Iterable[T], name: str, stderr: TextIO) -> Iterator[T]:
    """The items, counted on a terminal as they come. A directory does not say how many there will be."""
    if not stderr.isatty():
        yield from items
        return
    shown_at = 0.0
    try:
        for count, item in enumerate(items, start=1):
            if count % 64 == 1 and (now := time.monotonic()) - shown_at > _PROGRESS_SECONDS:
                shown_at = now
                stderr.write(f"\r{name}: {count:,} persons ")
                stderr.flush()
            yield item
    finally:
        stderr.write("\r\x1b[K")
        stderr.flush()


def _percent(text: str) -> float:
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage from 0 to 100")
    return value
