"""The report as text for a terminal: totals, OUs, departments, and everybody whose field needs attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from directory.mobile_report import Listing, Status, Tally
from proxy.mobile_formats.words import (
    groups,
    headline,
    needs_a_look,
    one_line,
    percent_text,
    place,
    proposal_and_remarks,
    title_of,
    width,
)

_WIDTHS = (26, 20, 30, 22, 26)
"""Columns of the list of persons, the last one apart."""
_BAR = 24


def write(listing: Listing, out: TextIO) -> None:
    totals = listing.summary
    out.write(f"{headline(totals.all)}\n\n")
    for status in Status:
        count = totals.all.counts[status]
        share = count / totals.all.persons if totals.all.persons else 0
        out.write(f"  {_padded(title_of(status), 24)}{count:>9,}  {_bar(share)}\n")
    if totals.reported:
        out.write(f"\n  {_padded('say it is not theirs', 24)}{totals.reported:>9,}")
    out.write(f"\n  {_padded('shared by several', 24)}{totals.shared:>9,}\n")
    out.write(f"  {_padded('changed recently', 24)}{totals.changed_recently:>9,}\n")
    if totals.service_accounts:
        out.write(f"  {_padded('service accounts, apart', 24)}{totals.service_accounts:>9,}\n")
    if totals.disabled_left_out:
        out.write(f"  {_padded('disabled, left out', 24)}{totals.disabled_left_out:>9,}\n")
    for title, tallies in groups(totals):
        out.writelines(_group(title.upper(), tallies))
    head = _row(("NAME", "USER NAME", "OU", "STATUS", "VALUE"), "PROPOSED, REMARKS")
    for finding in listing:
        if not needs_a_look(finding):
            continue
        if head:
            out.write(f"\n{head}\n")
            head = ""
        person = finding.person
        where = place(person.realm, person.container)
        value = f"{finding.found.attribute}: {finding.found.text}" if finding.found else ""
        cells = (person.display_name, person.username, where, title_of(finding.status), value)
        out.write(_row(cells, proposal_and_remarks(finding)) + "\n")


def _group(title: str, tallies: list[tuple[str, Tally]]) -> Iterator[str]:
    yield f"\n{title}\n"
    for name, tally in tallies:
        share = tally.good / tally.persons
        counts = f"{tally.good:,} of {tally.persons:,}"
        yield f"  {_padded(one_line(name), 36)} {percent_text(tally):>7}  {_bar(share)}  {counts}\n"


def _row(cells: Sequence[str], last: str) -> str:
    padded = (_padded(one_line(cell), wide) for cell, wide in zip(cells, _WIDTHS, strict=True))
    return f"{' '.join(padded)} {one_line(last)}".rstrip()


def _bar(share: float) -> str:
    filled = int(share * _BAR)
    return "█" * filled + "░" * (_BAR - filled)


def _padded(text: str, wide: int) -> str:
    """This many columns wide on a terminal; cut if necessary."""
    used, kept = 0, ""
    for char in text:
        size = width(char)
        if used + size > wide - 1:
            return f"{kept}…{' ' * (wide - 1 - used)}"
        used, kept = used + size, kept + char
    return kept + " " * (wide - used)
