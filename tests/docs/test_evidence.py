"""The pages of evidence name what there is: each requirement once, tests that exist, pages, tables and keys."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from proxy.secrets.keys import Purpose
from proxy.store.sqlite.schema import migrate
from tests.docs.events_in_code import ROOT

EVIDENCE = ROOT / "docs" / "evidence"
LEVELS = dict(line.split() for line in Path(__file__).with_name("asvs_5_0_0.txt").read_text().splitlines())
"""The numbers of OWASP ASVS 5.0.0 of levels 1 and 2, each with its level."""
REQUIREMENT = re.compile(r"\* \*\*(?P<number>[\d.]+)\*\* \(level (?P<level>\d)\) \S.*")
TESTS = re.compile(r"    \* `(?P<file>[\w/]+\.py)`: `test_\w+`(?:, `test_\w+`)*")
NAMED = re.compile(r"`(?P<file>[\w/]+\.py)`: (?P<names>`test_\w+`(?:,\s`test_\w+`)*)")
PAGE = re.compile(r"    \* \[.+\]\(\S+\)")
REASON = re.compile(r"    \* \*\*(?P<kind>Does not apply|Not met|The operator's)\*\*: \S.*")
ROWS = {
    "test": "shown by tests",
    "page": "shown by a page",
    "The operator's": "the operator's",
    "Does not apply": "does not apply",
    "partly": "partly met",
    "Not met": "not met",
}


def requirements() -> dict[str, list[str]]:
    """What stands below each, by its number."""
    found: dict[str, list[str]] = {}
    for line in (EVIDENCE / "asvs.md").read_text().splitlines():
        if begins := REQUIREMENT.fullmatch(line):
            assert begins["number"] not in found, f"{begins['number']} stands twice"
            assert LEVELS.get(begins["number"]) == begins["level"], line
            found[begins["number"]] = []
        elif line.startswith("    * "):
            found[list(found)[-1]].append(line)
    return found


def standing(below: list[str]) -> str:
    """How a requirement stands: a key of `ROWS`."""
    reasons = {reason["kind"] for reason in map(REASON.fullmatch, below) if reason}
    by_test, by_page = any(map(TESTS.fullmatch, below)), any(map(PAGE.fullmatch, below))
    if "Not met" in reasons:
        return "partly" if by_test or by_page else "Not met"
    if "Does not apply" in reasons:
        return "Does not apply"
    return "test" if by_test else "page" if by_page else reasons.pop()


def test_each_requirement_of_the_levels_stands_there_once() -> None:
    assert len(LEVELS) == 253
    assert list(requirements()) == list(LEVELS)


def test_none_is_without_a_test_a_page_or_a_reason() -> None:
    for number, below in requirements().items():
        assert below, f"{number}: name a test or a page, or say why there is none"
        for line in below:
            assert TESTS.fullmatch(line) or PAGE.fullmatch(line) or REASON.fullmatch(line), line


def test_the_counts_are_right() -> None:
    counts = Counter((standing(below), LEVELS[number]) for number, below in requirements().items())
    text = (EVIDENCE / "asvs.md").read_text()
    for kind, words in ROWS.items():
        assert f"\n| {words} | {counts[kind, '1']} | {counts[kind, '2']} |\n" in text, (words, counts)


@pytest.mark.parametrize("page", sorted(path.name for path in EVIDENCE.glob("*.md")))
def test_each_test_that_is_named_is_there(page: str) -> None:
    text = (EVIDENCE / page).read_text()
    named = [
        (found["file"], name) for found in NAMED.finditer(text) for name in re.findall(r"test_\w+", found["names"])
    ]
    missing = []
    for file, name in named:
        path = ROOT / "tests" / file
        if not path.is_file() or not re.search(rf"\bdef {name}\(", path.read_text()):
            missing.append(f"{file}: {name}")

    assert missing == [], f"docs/evidence/{page} names tests that are gone: name those that show the same now"
    loose = set(re.findall(r"`(test_\w+)`", text)) - {name for _, name in named}
    assert loose == set(), "write the file before it: `portal/test_me.py`: `test_...`"


def test_every_table_of_the_store_is_in_the_data_protection_sheet() -> None:
    database = sqlite3.connect(":memory:", isolation_level=None)
    migrate(database)
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    database.close()
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", (EVIDENCE / "data-protection.md").read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    kept = {name for name in tables if not name.startswith("sqlite_")}
    assert kept - named == set(), "say in docs/evidence/data-protection.md what of a person is kept there, and how long"
    assert {name for name in named - kept if not name.startswith("__Host")} == set(), "these tables are gone"


def test_every_purpose_of_a_key_is_in_the_inventory() -> None:
    text = (EVIDENCE / "inventory.md").read_text()

    assert re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE) == [purpose.name for purpose in Purpose]
