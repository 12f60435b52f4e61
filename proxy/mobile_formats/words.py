"""What the forms of the report share: the words for a finding, and the name of a place. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from directory.mobile_repairs import Repair
from directory.mobile_report import Finding, Status, Summary, Tally
from proxy.languages.current import N_
from proxy.languages.current import gettext as _

STATUS_TITLES: Mapping[Status, str] = MappingProxyType(
    {
        Status.GOOD: N_("good"),
        Status.REPAIRABLE: N_("repairable"),
        Status.ELSEWHERE: N_("only in another field"),
        Status.SEVERAL: N_("several numbers"),
        Status.AMBIGUOUS: N_("national or international"),
        Status.LANDLINE: N_("landline or pager"),
        Status.COUNTRY: N_("country not allowed"),
        Status.IMPOSSIBLE: N_("impossible number"),
        Status.MISSING: N_("missing"),
    }
)
_REPAIRS: Mapping[Repair, str] = MappingProxyType(
    {
        Repair.SPREADSHEET: N_("a decimal point from a spreadsheet"),
        Repair.LETTER_FOR_DIGIT: N_("a letter typed for a digit"),
        Repair.NOTES: N_("a note beside the number"),
        Repair.LOST_ZERO: N_("the leading zero is lost"),
        Repair.ZERO_FOR_PLUS: N_("a zero typed for the plus sign"),
    }
)


def title_of(status: Status) -> str:
    return _(STATUS_TITLES[status])


def repair_of(repair: Repair) -> str:
    return _(_REPAIRS[repair])


def percent_text(tally: Tally) -> str:
    """Such as ``97.4%``; with nobody there is no share."""
    return "nobody found" if tally.percent is None else f"{tally.percent:.1f}%"


def headline(tally: Tally) -> str:
    if tally.percent is None:
        return "Nobody was found."
    return f"{tally.percent:.1f}% can receive a passcode: {tally.good:,} of {tally.persons:,}."


def place(realm: str, container: str) -> str:
    return f"{realm}/{container}" if container else realm


def groups(summary: Summary) -> list[tuple[str, list[tuple[str, Tally]]]]:
    """OUs and departments by name, under a title each: the ones with the most to do first."""
    containers = [(place(*key), tally) for key, tally in summary.by_container.items()]
    departments = [(name or "(none)", tally) for name, tally in summary.by_department.items()]
    for tallies in (containers, departments):
        tallies.sort(key=lambda each: (each[1].good - each[1].persons, each[0]))
    return [("By OU", containers), ("By department", departments)]


def remarks(finding: Finding) -> list[str]:
    """What an admin should know beside the status, in a few words each."""
    either = _("or")
    said = (
        _("says that it is not theirs") if finding.reported_at is not None else "",
        repair_of(finding.repair) if finding.repair is not None else "",
        f" {either} ".join(finding.readings),
        _("shared by several persons") if finding.is_shared else "",
        _("changed recently") if finding.is_changed_recently else "",
        _("service account") if finding.person.is_service else "",
        _("disabled") if finding.person.is_disabled else "",
    )
    return list(filter(None, said))


def proposal_and_remarks(finding: Finding) -> str:
    """In one cell: the proposed number, if there is one, and what an admin should know."""
    return ", ".join([*([finding.proposed] if finding.proposed else []), *remarks(finding)])


def needs_a_look(finding: Finding) -> bool:
    """A recently changed number does not: after a tidy-up in the directory that would be everybody."""
    return not finding.person.is_service and (
        finding.number is None or finding.is_shared or finding.reported_at is not None
    )


def instant_text(epoch_seconds: float | None) -> str:
    """UTC to the second; empty for None and for times outside the calendar."""
    if epoch_seconds is None:
        return ""
    try:
        return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return ""


def width(text: str) -> int:
    """How many columns it takes on a terminal: kana and the like take two."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def one_line(text: str) -> str:
    """`text` with everything that does not print (line ends, terminal escapes, direction overrides) as escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
