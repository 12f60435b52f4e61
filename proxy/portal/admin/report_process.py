"""`python -m proxy.portal.admin.report_process`: one sweep of the directories, in a process of its own.

Judging a hundred thousand numbers keeps a processor busy for half a minute. In a separate process no request waits for
it, and time and memory have their own limits, whatever a directory answers. The order comes, pickled, on stdin, so that
the service account's password is in no argument. The packed report leaves on stdout, a sentence about a failure on
stderr.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from config.problems import ConfigurationError
from config.settings import DirectorySettings, MobileSettings
from config.system_errors import file_reason
from directory.errors import DirectoryError
from directory.mobile_sweep import Findings, Rules, sweep
from proxy.portal.admin.report import pack
from proxy.sign_in.reported_numbers import NumberReports

SECONDS = 300
"""A domain of 10,000 persons takes two."""
_MEMORY_BYTES = 1 << 30
_NICENESS = 10
FAILED = 3
"""The exit code where stderr says why in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    directories: tuple[DirectorySettings, ...]
    mobile: MobileSettings
    now: float
    changed_within_seconds: float
    reported: NumberReports


def main() -> int:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS)
    _, hardest = resource.getrlimit(resource.RLIMIT_AS)  # the machine may allow less
    most = _MEMORY_BYTES if hardest == resource.RLIM_INFINITY else min(_MEMORY_BYTES, hardest)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    os.nice(_NICENESS)
    order = pickle.load(sys.stdin.buffer)  # noqa: S301  # from the process that started this one
    rules = Rules(
        mobile=order.mobile,
        now=order.now,
        changed_within_seconds=order.changed_within_seconds,
        reported_at=order.reported.reported_at,
    )
    try:
        with Findings(rules) as findings:
            for directory in order.directories:
                for person in sweep(directory, service_accounts=order.mobile.service_accounts):
                    findings.add(person)
            packed = pack(findings)
    except (DirectoryError, ConfigurationError) as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(
            f"persons cannot be put aside in {tempfile.gettempdir()}: {file_reason(Path(tempfile.gettempdir()), error)}"
        )
    except MemoryError:
        return _failed("it takes more memory than it may")
    sys.stdout.buffer.write(packed)
    return 0


def _failed(reason: str) -> int:
    print(reason.replace("\n", " "), file=sys.stderr)
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
