"""Which persons of a report a page shows, and in which order: read from its query. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from directory.mobile_report import Finding, Status
from proxy.mobile_formats.words import place, proposal_and_remarks
from proxy.portal.admin.report import LISTS

LONGEST_SEARCH = 100
_STATUSES = tuple(Status)


class Column(Enum):
    """By what a list can be sorted; the values stand in the query."""

    NAME = "name"
    USERNAME = "username"
    WHERE = "where"
    DEPARTMENT = "department"
    STATUS = "status"
    VALUE = "value"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One list, filtered and sorted."""

    show: str = ""
    """One of `LISTS`; empty: everybody who needs a look."""
    search: str = ""
    """What a name, a place, a department, a value, a number or a remark has to hold, in any case."""
    column: Column = Column.STATUS
    is_descending: bool = False

    def query(self, **changes: Any) -> dict[str, str]:
        """The query that means this view with `changes`; what is as usual is left out."""
        values = {
            "show": self.show,
            "search": self.search,
            "sort": "" if self.column is Column.STATUS else self.column.value,
            "down": "1" if self.is_descending else "",
            **changes,
        }
        return {name: value for name, value in values.items() if value}

    def of(self, findings: Iterable[Finding]) -> list[Finding]:
        wanted = folded(self.search)
        found = [each for each in findings if not wanted or wanted in folded("\n".join(_searched(each)))]
        # Twice, since sorting is stable: by name among equals, in either direction.
        found.sort(key=lambda each: folded(each.person.display_name))
        found.sort(key=_SORTED[self.column], reverse=self.is_descending)
        return found


def view_of(query: Mapping[str, str]) -> View:
    """The view that a query asks for. What it does not understand is as usual."""
    show, sort = query.get("show", ""), query.get("sort", "")
    return View(
        show=show if show in LISTS else "",
        search=query.get("search", "").strip()[:LONGEST_SEARCH],
        column=Column(sort) if sort in {column.value for column in Column} else Column.STATUS,
        is_descending=query.get("down") == "1",
    )


def folded(text: str) -> str:
    """As names are compared: in any case and width, and without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def value_of(finding: Finding) -> str:
    """The field that the status is about, with its name where it is not `mobile`."""
    if finding.found is None:
        return ""
    if finding.found.attribute.lower() == "mobile":
        return finding.found.text
    return f"{finding.found.attribute}: {finding.found.text}"


def _searched(finding: Finding) -> tuple[str, ...]:
    person = finding.person
    return (
        person.display_name,
        person.username,
        place(person.realm, person.container),
        person.department,
        value_of(finding),
        finding.number or "",
        proposal_and_remarks(finding),
    )


_SORTED: Mapping[Column, Callable[[Finding], Any]] = {
    Column.NAME: lambda each: folded(each.person.display_name),
    Column.USERNAME: lambda each: folded(each.person.username),
    Column.WHERE: lambda each: folded(place(each.person.realm, each.person.container)),
    Column.DEPARTMENT: lambda each: folded(each.person.department),
    # Those who say that it is not theirs come first; what is right, and was only changed recently, last.
    Column.STATUS: lambda each: (each.reported_at is None, each.status is Status.GOOD, _STATUSES.index(each.status)),
    Column.VALUE: lambda each: value_of(each),
}
