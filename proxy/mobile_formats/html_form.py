"""The report as one web page that loads nothing: style, script and data are in it, and a policy forbids the rest.

The page shows personal data, so nothing may leave it: its Content Security Policy (CSP level 3) names the one style
and the one script by their hashes, and texts from the directory reach the page as data, never as markup or code.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TextIO

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from directory.mobile_report import Finding, Listing, Status, Tally
from proxy.mobile_formats.words import groups, instant_text, percent_text, place, remarks, title_of

_FOLDER = Path(__file__).parent
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_STATUSES = tuple(Status)
_FIRST = 10
"""How many OUs and departments are shown at once; the others on demand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of a bar or ring: `start` and `size` in percent."""

    status: Status
    start: float
    size: float


def write(listing: Listing, out: TextIO) -> None:
    totals = listing.summary
    style, script = ((_FOLDER / name).read_text("utf-8") for name in ("report.css", "report.js"))
    page = _ENVIRONMENT.get_template("report.html").generate(
        style=Markup(style),  # noqa: S704  # our own file
        script=Markup(script),  # noqa: S704  # our own file
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none';"
        " form-action 'none'",
        made_at=instant_text(totals.made_at),
        realms=sorted({realm for realm, _ in totals.by_container}),
        totals=totals,
        tally=totals.all,
        percent=percent_text,
        title_of=title_of,
        slices=_slices,
        statuses=_STATUSES,
        groups=groups(totals),
        first=_FIRST,
        titles=_data([(status.value, title_of(status)) for status in _STATUSES]),
        persons=_persons(listing),
    )
    out.writelines(page)


def _persons(listing: Listing) -> Iterator[Markup]:
    for position, finding in enumerate(listing):
        yield Markup("{}{}").format(",\n" if position else "\n", _data(_row(finding)))


def _row(finding: Finding) -> list[object]:
    """What the script expects: name, user name, place, department, status, value, number, remarks, flags."""
    person, found = finding.person, finding.found
    value = "" if found is None else found.text
    attribute = "" if found is None or found.attribute.lower() == "mobile" else found.attribute
    return [
        person.display_name,
        person.username,
        place(person.realm, person.container),
        person.department,
        _STATUSES.index(finding.status),
        f"{attribute}: {value}" if attribute else value,
        finding.number or finding.proposed or "",
        ", ".join(remarks(finding)),
        finding.is_shared
        + 2 * finding.is_changed_recently
        + 4 * person.is_service
        + 8 * (finding.reported_at is not None),
    ]


def _data(value: object) -> Markup:
    """JSON for a script element: without ``<`` nothing in it ends the element (HTML standard, script data states)."""
    return Markup(json.dumps(value, separators=(",", ":")).replace("<", "\\u003c"))  # noqa: S704  # escaped here


def _slices(tally: Tally) -> list[Slice]:
    slices, seen = [], 0
    for status in _STATUSES:
        count = tally.counts[status]
        if count:
            start = 100 * seen / tally.persons
            slices.append(Slice(status=status, start=round(start, 3), size=round(100 * count / tally.persons, 3)))
        seen += count
    return slices


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
