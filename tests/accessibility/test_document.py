"""`docs/accessibility.md` speaks of every criterion of WCAG 2.2 at levels A and AA, and names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import proxy

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = ROOT / "docs" / "accessibility.md"
LEVEL_A = (
    *("1.1.1", "1.2.1", "1.2.2", "1.2.3", "1.3.1", "1.3.2", "1.3.3", "1.4.1", "1.4.2", "2.1.1", "2.1.2", "2.1.4"),
    *("2.2.1", "2.2.2", "2.3.1", "2.4.1", "2.4.2", "2.4.3", "2.4.4", "2.5.1", "2.5.2", "2.5.3", "2.5.4", "3.1.1"),
    *("3.2.1", "3.2.2", "3.2.6", "3.3.1", "3.3.2", "3.3.7", "4.1.2"),
)
LEVEL_AA = (
    *("1.2.4", "1.2.5", "1.3.4", "1.3.5", "1.4.3", "1.4.4", "1.4.5", "1.4.10", "1.4.11", "1.4.12", "1.4.13", "2.4.5"),
    *("2.4.6", "2.4.7", "2.4.11", "2.5.7", "2.5.8", "3.1.2", "3.2.3", "3.2.4", "3.3.3", "3.3.4", "3.3.8", "4.1.3"),
)
"""WCAG 2.2 (W3C Recommendation, 2024-12-12); 4.1.1 is obsolete there."""
ROW = re.compile(r"^\| (\d\.\d\.\d+) [^|]+ \| (AA?) \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([\w/]+\.py)`: (`test_\w+`(?:, `test_\w+`)*)")


def rows() -> list[tuple[str, str, str]]:
    """Criterion, level, and what shows that it is met."""
    return ROW.findall(DOCUMENT.read_text())


def test_every_criterion_is_there_once_and_in_order() -> None:
    expected = [(each, "A") for each in LEVEL_A] + [(each, "AA") for each in LEVEL_AA]
    assert [(number, level) for number, level, _ in rows()] == sorted(expected, key=lambda each: places(each[0]))


def test_each_test_that_is_named_is_there() -> None:
    for number, _, shown in rows():
        found = NAMED.findall(shown)
        assert found or shown == "by hand", f"{number}: {shown}"
        for file, names in found:
            text = (ROOT / "tests" / file).read_text()
            for name in re.findall(r"test_\w+", names):
                assert f"def {name}(" in text, f"{number}: {file} has no {name}"


def test_no_style_sheet_asks_for_an_orientation() -> None:
    sheets = [*Path(proxy.__file__).parent.rglob("*.css")]
    assert sheets
    assert [sheet.name for sheet in sheets if "orientation" in sheet.read_text()] == []


def places(number: str) -> list[int]:
    return [int(each) for each in number.split(".")]
