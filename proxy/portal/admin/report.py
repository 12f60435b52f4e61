"""The report on mobile fields as it is kept for the admin pages: totals, and the persons who need a look.

Compressed JSON lines, the totals first. Each further line begins with the lists that the person is in, so that one list
is read without taking every line apart. Those whose field is right are counted and not kept. Pure.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from directory.mobile_report import Finding, Status, Tally
from directory.mobile_sweep import Findings, finding_of, line_of
from proxy.mobile_formats.words import needs_a_look, place

MOST_KEPT = 10_000
"""Persons who need a look. Where there are more, `gatepost mobiles` is the better tool."""
MOST_GROUPS = 20
"""OUs and departments, those with the most to do."""
MOST_BYTES = 64 * 1024 * 1024
"""Of what is taken out of a compressed report."""
SHARED, CHANGED = "shared", "changed"
"""Lists beside those of each status."""
LISTS = (*(status.value for status in Status if status is not Status.GOOD), SHARED, CHANGED)


class Unreadable(Exception):
    """This is no report of this version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An OU or a department: how many of its persons can receive a passcode."""

    name: str
    good: int
    persons: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    made_at: float
    persons: int
    percent: float | None
    """Who can receive a passcode, in tenths rounded down; None of nobody."""
    counts: Mapping[str, int]
    """By the value of `Status`."""
    shared: int
    changed: int
    disabled_left_out: int
    to_look_at: int
    containers: Sequence[Group]
    departments: Sequence[Group]
    lines: tuple[str, ...] = ()
    """Of persons, as they are kept: at most `MOST_KEPT`."""

    def listed(self, name: str) -> list[str]:
        """The lines of one list; empty: of all."""
        return [line for line in self.lines if not name or name in line.partition("\t")[0].split(",")]


def finding_in(line: str) -> Finding:
    return finding_of(line.partition("\t")[2])


def pack(findings: Findings) -> bytes:
    """What `unpack` reads. Memory stays flat."""
    packer = zlib.compressobj()
    return b"".join(
        [*(packer.compress(f"{line}\n".encode("utf-8", "surrogatepass")) for line in _lines(findings)), packer.flush()]
    )


def unpack(packed: bytes) -> Report:
    """Raises `Unreadable`."""
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(packed, MOST_BYTES)
        if unpacker.unconsumed_tail or not unpacker.eof:
            raise Unreadable
        head, *lines = text.decode("utf-8", "surrogatepass").removesuffix("\n").split("\n")
        values = json.loads(head)
        for key in ("containers", "departments"):
            values[key] = [Group(**each) for each in values[key]]
        return Report(**values, lines=tuple(lines))
    except (zlib.error, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Unreadable from error


def _lines(findings: Findings) -> Iterator[str]:
    to_look_at = sum(needs_a_look(finding) for finding in findings)
    yield json.dumps(_head(findings, to_look_at))
    kept = 0
    for finding in findings:
        if needs_a_look(finding) and kept < MOST_KEPT:
            kept += 1
            yield f"{','.join(_lists(finding))}\t{line_of(finding)}"


def _head(findings: Findings, to_look_at: int) -> dict[str, Any]:
    totals = findings.totals
    return {
        "made_at": findings.rules.now,
        "persons": totals.all.persons,
        "percent": totals.all.percent,
        "counts": {status.value: totals.all.counts[status] for status in Status},
        "shared": totals.shared,
        "changed": totals.changed_lately,
        "disabled_left_out": totals.disabled_left_out,
        "to_look_at": to_look_at,
        "containers": _groups((place(*key), tally) for key, tally in totals.by_container.items()),
        "departments": _groups(totals.by_department.items()),
    }


def _groups(tallies: Iterable[tuple[str, Tally]]) -> list[dict[str, Any]]:
    """Those with the most to do first."""
    ordered = sorted(tallies, key=lambda each: (each[1].good - each[1].persons, each[0]))[:MOST_GROUPS]
    return [asdict(Group(name=name, good=tally.good, persons=tally.persons)) for name, tally in ordered]


def _lists(finding: Finding) -> Iterator[str]:
    yield finding.status.value
    if finding.is_shared:
        yield SHARED
    if finding.is_changed_lately:
        yield CHANGED
