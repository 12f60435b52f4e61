"""The names of the audit's files, and which of them are old. Pure.

``gatepost.jsonl`` stands for ``gatepost-2026-11-30-02-0001.jsonl`` and so on: the day (UTC), the writer's slot, and a
number. So names sort by day, and those of one slot in the order in which they were written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

MOST_BYTES = 64 * 1024 * 1024
"""Beyond that a file is followed by another one of the same day."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class AuditFile:
    """What the name of a file says."""

    day: str
    """``2026-11-30``."""
    slot: int
    number: int

    def path(self, base: Path) -> Path:
        return base.with_name(f"{base.stem}-{self.day}-{self.slot:02}-{self.number:04}{base.suffix}")


def audit_file(base: Path, name: str) -> AuditFile | None:
    """None for the name of something else."""
    found = re.fullmatch(
        rf"{re.escape(base.stem)}-([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})-([0-9]{{2,}})-([0-9]{{4,}}){re.escape(base.suffix)}",
        name,
        re.ASCII,
    )
    return None if found is None else AuditFile(day=found[1], slot=int(found[2]), number=int(found[3]))


def audit_files(base: Path, names: Iterable[str]) -> list[AuditFile]:
    """Those among `names`, in their order."""
    return sorted(each for each in (audit_file(base, name) for name in names) if each is not None)


def day_of(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%d")


def next_file(known: Iterable[AuditFile], *, day: str, slot: int) -> AuditFile:
    """The one to go on with, after all of this slot that are known. A clock that went back does not go before them."""
    newest = max((each for each in known if each.slot == slot), default=None)
    if newest is None or newest.day < day:
        return AuditFile(day=day, slot=slot, number=1)
    return AuditFile(day=newest.day, slot=slot, number=newest.number + 1)


def old_files(known: Iterable[AuditFile], *, now: float, keep_seconds: float) -> list[AuditFile]:
    """Those whose day has been over for so long, in their order."""
    return sorted(each for each in known if _end_of(each.day) + keep_seconds <= now)


def old_months(known: Iterable[str], *, now: float, keep_seconds: float) -> list[str]:
    """Those months that have been over for so long."""
    return sorted(month for month in known if _end_of_month(month) + keep_seconds <= now)


def _end_of(day: str) -> float:
    try:
        return (datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)).timestamp()
    except ValueError:  # such as a 31st of November: somebody else's file
        return float("inf")


def _end_of_month(month: str) -> float:
    year, number = map(int, month.split("-"))
    return datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC).timestamp()
