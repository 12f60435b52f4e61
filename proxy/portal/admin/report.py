"""The report on mobile fields as it is kept for the admin pages: totals, and the persons who need a look.

Compressed JSON lines, the totals first. Each further line begins with the lists that the person is in, so that one list
is read without taking every line apart. Those whose field is right are counted and not kept, unless it changed recently
and there is room. Pure.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from directory.mobile_report import Finding, Listing, Status, Summary, Tally
from directory.mobile_sweep import finding_of, line_of
from proxy.mobile_formats.words import needs_a_look

MOST_KEPT = 10_000
"""Persons. Where more need a look, `gatepost mobiles` is the better tool."""
MOST_GROUPS = 500
"""OUs and departments, those with the most to do."""
MOST_BYTES = 64 * 1024 * 1024
"""Of what is taken out of a compressed report."""
REPORTED, SHARED, CHANGED, SERVICE = "reported", "shared", "changed", "service"
"""Lists beside those of each status."""
LISTS = (REPORTED, *(status.value for status in Status if status is not Status.GOOD), SHARED, CHANGED, SERVICE)
TO_LOOK_AT = "to_look_at"
"""The list of everybody who needs a look."""


class Unreadable(Exception):
    """This is no report of this version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    summary: Summary
    to_look_at: int
    """How many need a look, kept or not."""
    lines: tuple[str, ...] = ()
    """Of persons, as they are kept: at most `MOST_KEPT`."""

    def listed(self, name: str) -> Iterator[Finding]:
        """The persons of one list that are kept; empty: of all who need a look."""
        wanted = name or TO_LOOK_AT
        return (_finding_in(line) for line in self.lines if wanted in line.partition("\t")[0].split(","))

    def count(self, name: str) -> int:
        """How many there are in a list, kept or not."""
        others = {
            "": self.to_look_at,
            REPORTED: self.summary.reported,
            SHARED: self.summary.shared,
            CHANGED: self.summary.changed_recently,
            SERVICE: self.summary.service_accounts,
        }
        return others[name] if name in others else self.summary.all.counts[Status(name)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """Some persons of a report, for the forms that it can be downloaded in: a `Listing`."""

    summary: Summary
    findings: Sequence[Finding]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)


def pack(listing: Listing, *, most: int = MOST_KEPT) -> bytes:
    """What `unpack` reads, with so many persons at most. Memory stays flat."""
    packer = zlib.compressobj()
    return b"".join(
        [
            *(packer.compress(f"{line}\n".encode("utf-8", "surrogatepass")) for line in _lines(listing, most)),
            packer.flush(),
        ]
    )


def unpack(packed: bytes, *, most_bytes: int = MOST_BYTES) -> Report:
    """Raises `Unreadable`."""
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(packed, most_bytes)
        if unpacker.unconsumed_tail or not unpacker.eof:
            raise Unreadable
        head, *lines = text.decode("utf-8", "surrogatepass").removesuffix("\n").split("\n")
        values = json.loads(head)
        return Report(summary=_summary(values["summary"]), to_look_at=values[TO_LOOK_AT], lines=tuple(lines))
    except (zlib.error, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Unreadable from error


def _lines(listing: Listing, most: int) -> Iterator[str]:
    to_look_at = sum(needs_a_look(finding) for finding in listing)
    yield json.dumps({"summary": _summary_values(listing.summary), TO_LOOK_AT: to_look_at})
    kept = 0
    # Those who need a look come first: recent changes are shown only where there is room.
    for is_needed in (True, False):
        for finding in listing:
            lists = tuple(_lists(finding))
            if kept < most and lists and (TO_LOOK_AT in lists) is is_needed:
                kept += 1
                yield f"{','.join(lists)}\t{line_of(finding)}"


def _lists(finding: Finding) -> Iterator[str]:
    """Those that the person is in; none for somebody whose field is right."""
    if finding.person.is_service:
        yield SERVICE
        return
    if needs_a_look(finding):
        yield TO_LOOK_AT
    if finding.reported_at is not None:
        yield REPORTED
    if finding.status is not Status.GOOD:
        yield finding.status.value
    if finding.is_shared:
        yield SHARED
    if finding.is_changed_recently:
        yield CHANGED


def _finding_in(line: str) -> Finding:
    return finding_of(line.partition("\t")[2])


def _summary_values(summary: Summary) -> dict[str, Any]:
    return {
        "made_at": summary.made_at,
        "changed_within_seconds": summary.changed_within_seconds,
        "all": _counts(summary.all),
        "by_container": [[*key, _counts(tally)] for key, tally in _with_most_to_do(summary.by_container.items())],
        "by_department": [[key, _counts(tally)] for key, tally in _with_most_to_do(summary.by_department.items())],
        "shared": summary.shared,
        "changed_recently": summary.changed_recently,
        "service_accounts": summary.service_accounts,
        "disabled_left_out": summary.disabled_left_out,
        "reported": summary.reported,
    }


def _summary(values: dict[str, Any]) -> Summary:
    containers, departments = values.pop("by_container"), values.pop("by_department")
    return Summary(
        all=_tally(values.pop("all")),
        by_container={(realm, container): _tally(counts) for realm, container, counts in containers},
        by_department={name: _tally(counts) for name, counts in departments},
        reported=values.pop("reported"),
        **values,
    )


def _counts(tally: Tally) -> dict[str, int]:
    return {status.value: count for status, count in tally.counts.items()}


def _tally(counts: dict[str, int]) -> Tally:
    return Tally(counts=Counter({Status(value): count for value, count in counts.items()}))


def _with_most_to_do(tallies: Iterable[tuple[Any, Tally]]) -> list[tuple[Any, Tally]]:
    return sorted(tallies, key=lambda each: (each[1].good - each[1].persons, each[0]))[:MOST_GROUPS]
