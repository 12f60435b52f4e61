"""`[audit]`: where what happened is written to be proved later, how long it is kept, and what has to agree there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from config.addresses import SyslogURL
from config.frozen_table import FrozenTable
from config.problems import told
from config.values import MADE_LATER, Flag, LongSeconds, SecondsOrNone

_DAY = 86_400


class AuditSettings(FrozenTable):
    """The audit: what happened, chained and signed. Off until `file`, `stdout` or `syslog` is set."""

    file: Annotated[Path | None, MADE_LATER] = None
    """Where it is written, such as `audit/gatepost.jsonl`: one file for each day and writer, with the day in its name.
    On a local disk. Not set: no file."""
    stdout: Flag = False
    """Whether each line goes to the standard output too."""
    syslog: SyslogURL | None = None
    """A syslog server that gets each line too (RFC 5424 over TLS, RFC 5425), such as `tls://log.corp.example:6514`."""
    syslog_ca_file: Path | None = None
    """The certificate authority that signed the syslog server's certificate, a PEM file. Not set: those that the
    operating system trusts."""
    keep: Annotated[LongSeconds, Field(ge=_DAY, le=3660 * _DAY)] = 400.0 * _DAY
    """How long files are kept, and the keys that open the personal fields in them."""
    required: Flag = False
    """Whether nobody signs in while the file cannot be written. Needs `file`. Sessions go on."""

    decisions: SecondsOrNone = 30.0 * _DAY
    """For how long it is kept who was let into which app, sealed, once a day each: what `gatepost rehearse` replays.
    Whole days; `"0s"`: nothing is kept, whether or not the audit is on."""

    @property
    def is_on(self) -> bool:
        return self.file is not None or self.stdout or self.syslog is not None


def audit_problems(audit: AuditSettings) -> Iterator[tuple[str, str]]:
    """Key and sentence of everything that keeps the audit from working as it is written."""
    yield from told(_required(audit), _authority(audit), _name(audit))


def _required(audit: AuditSettings) -> Iterator[tuple[str, str]]:
    if audit.required and audit.file is None:
        yield "file", "is missing: required = true needs it"


def _authority(audit: AuditSettings) -> Iterator[tuple[str, str]]:
    if audit.syslog_ca_file is not None and audit.syslog is None:
        yield "syslog", "is missing: syslog_ca_file is given, and means nothing without it"


def _name(audit: AuditSettings) -> Iterator[tuple[str, str]]:
    if audit.file is not None and not audit.file.suffix:
        yield "file", 'must name a file with an ending, such as "audit/gatepost.jsonl"'
