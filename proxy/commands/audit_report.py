"""`gatepost audit report`: who signed in, by which factors and from where, and each exception, as evidence."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from typing import TextIO

from config.settings import Settings
from proxy.audit.finding import instant
from proxy.audit.report import (
    EXCEPTIONS_HEAD,
    SIGN_INS_HEAD,
    EvidenceGathering,
    EvidenceReport,
    exception_rows,
    report_as_json,
    sign_in_rows,
)
from proxy.commands.acting import act
from proxy.commands.audit_source import NothingToRead, Since, open_source, since
from proxy.commands.table import write_table
from proxy.mobile_formats.csv_form import cell
from proxy.operations.store_errors import StoreError

_DEFAULT = Since(None, 30 * 86_400.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--since", type=since, default=_DEFAULT, metavar="WHEN", help="2026-11-01 (UTC), or 7d (30d)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print CSV, for a spreadsheet: the sign-ins alone")
    form.add_argument("--json", action="store_true", help="print JSON, for programs")


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO, *, now: float) -> int:
    """0; 1 if something cannot be read. Raises `KeyFileError`."""
    begin = arguments.since.at(now)
    try:
        async with open_source(settings) as source:
            gathering = EvidenceGathering(since=begin, until=now)
            async for entry in source.entries(since=begin):
                gathering.add(entry)
            report = gathering.report()
            await source.record(act("admin.audit_reported", sign_ins=report.total))
    except (NothingToRead, StoreError) as error:
        print(f"gatepost audit report: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        json.dump(report_as_json(report), stdout, indent=2)
        print(file=stdout)
    elif arguments.csv:
        writer = csv.writer(stdout, lineterminator="\r\n")
        writer.writerow(SIGN_INS_HEAD)
        writer.writerows([cell(each) for each in row] for row in sign_in_rows(report))
    else:
        _write(report, stdout)
    return 0


def _write(report: EvidenceReport, stdout: TextIO) -> None:
    period = f"From {instant(report.since)} to {instant(report.until)}"
    print(f"{period}: {report.total} sign-ins, {report.with_two} of them by two factors.", file=stdout)
    for title, head, rows in (
        ("Sign-ins", SIGN_INS_HEAD, sign_in_rows(report)),
        ("Exceptions", EXCEPTIONS_HEAD, exception_rows(report)),
        ("Refused", ("reason", "count"), [(reason, str(count)) for reason, count in report.refused.items()]),
    ):
        print(f"\n{title}:", file=stdout)
        write_table([each.upper() for each in head], rows, stdout) if rows else print("none", file=stdout)
