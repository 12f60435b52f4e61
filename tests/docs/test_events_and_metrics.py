"""Every log event and every metric stands in its page, and nothing stands there that the code does not have."""

from __future__ import annotations

import re

import pytest

from tests.docs.events_in_code import ROOT, Event, events, events_of
from tests.docs.metrics_in_code import metrics_in_code

EVERYWHERE = {"incident", "realm", "guid", "person_realm", "person_guid", "client_address", "exc_info"}
"""What the page says of all events at once."""


def rows(page: str, columns: int) -> dict[str, list[str]]:
    """The cells of each row that begins with a name in backticks, and of tables with so many columns."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "docs" / page).read_text().splitlines():
        cells = [each.strip() for each in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == columns:
            name = cells[0].strip("`")
            assert name not in found, f"{page}: {name} stands there twice"
            found[name] = cells
    return found


@pytest.fixture(scope="module")
def written() -> dict[str, Event]:
    return events()


def test_every_event_has_a_row_and_every_row_an_event(written: dict[str, Event]) -> None:
    documented = rows("events.md", 5)

    assert sorted(written.keys() - documented.keys()) == [], "add rows to docs/events.md"
    assert sorted(documented.keys() - written.keys()) == [], (
        "no code writes these: remove their rows from docs/events.md"
    )


def test_each_row_has_the_levels_and_fields_of_its_event(written: dict[str, Event]) -> None:
    wrong = []
    for name, (_, levels, when, fields, remedy) in rows("events.md", 5).items():
        event = written.get(name, Event())
        if not event.levels <= set(levels.split(", ")) <= {"info", "warning", "error"}:
            wrong.append(f"{name}: its level is {' or '.join(sorted(event.levels))}")
        if fields != "the same" and not fields.startswith("the same, and"):
            named = set(re.findall(r"`(\w+)`", fields))
            wrong += [f"{name}: the field {each} is missing" for each in sorted(event.fields - named - EVERYWHERE)]
        if not when or not remedy:
            wrong.append(f"{name}: say when it is written, and what to do")
    assert wrong == [], "correct docs/events.md"


def test_events_are_found_however_they_are_written() -> None:
    source = """
def one(self, event, **facts):
    self._log.error(f"shop.{event}", **facts)

def two(log, event):
    self.one(event)

def three(log, is_fine):
    log.info("till.opened", till=1)
    (log.info if is_fine else log.warning)("till.closed" if is_fine else "till.robbed", by=2)
    two(log, "burns")
    name = "shop.opened"
    log.exception(name)
    lookup("server.listen")
"""
    assert events_of([source]) == {
        "till.opened": Event(levels={"info"}, fields={"till"}),
        "till.closed": Event(levels={"info", "warning"}, fields={"by"}),
        "till.robbed": Event(levels={"info", "warning"}, fields={"by"}),
        "shop.burns": Event(levels={"error"}),
        "shop.opened": Event(levels={"error"}),
    }


def test_every_metric_has_a_row_and_every_row_a_metric() -> None:
    documented = {
        name: (kind, set(re.findall(r"`(\w+)`", labels)))
        for name, (_, kind, labels, _) in rows("metrics.md", 4).items()
    }

    assert documented == metrics_in_code(), "correct docs/metrics.md"
