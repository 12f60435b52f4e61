"""Each line of the page of threats names tests that there are."""

from __future__ import annotations

import re

from tests.docs.events_in_code import ROOT

TESTS = ROOT / "tests"
TEST = re.compile(r"    \* `(?P<file>[\w/]+\.py)`: (?P<names>`test_\w+`(?:, `test_\w+`)*)")
EXCUSE = "    * **No test yet**: "


def lines() -> dict[str, list[str]]:
    """What must never be possible, each with the items below it."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in (ROOT / "docs" / "threats.md").read_text().splitlines():
        section = line.removeprefix("## ") if line.startswith("## ") else section
        if section and line.startswith("* "):
            found[line] = []
        elif section and line.startswith("    * "):
            found[list(found)[-1]].append(line)
    return found


def test_each_threat_has_a_test_or_says_that_it_has_none() -> None:
    for threat, items in lines().items():
        assert items, f"no test for {threat!r}: name one, or say **No test yet** and why"
        for item in items:
            assert item.startswith(EXCUSE) or TEST.fullmatch(item), item


def test_each_test_that_is_named_is_there() -> None:
    missing = []
    for items in lines().values():
        for found in filter(None, map(TEST.fullmatch, items)):
            file = TESTS / found["file"]
            text = file.read_text() if file.is_file() else ""
            names = re.findall(r"`(test_\w+)`", found["names"])
            missing += [f"{found['file']}: {name}" for name in names if not re.search(rf"\bdef {name}\(", text)]

    assert missing == [], "docs/threats.md names tests that are gone: name those that show the same now"
