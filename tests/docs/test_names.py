"""Files that the documentation names, and pages that the code names, are there. Links are `test_site.py`'s."""

from __future__ import annotations

import re

from tests.docs.events_in_code import ROOT

FOLDERS = ("benchmarks", "config", "deploy", "directory", "proxy", "scripts", "tests")
FILE = re.compile(r"`((?:[\w-]+/)*[a-z_]+\.py)`")
PAGE = re.compile(r"\bdocs/[a-z/-]+\.md\b")


def test_each_python_file_that_a_page_names_is_there() -> None:
    """A page may leave out the beginning of a path: `sign_in/flow.py`."""
    paths = [path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    ends = {path.split("/", count)[-1] for path in paths for count in range(path.count("/") + 1)}
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    named = {(page.name, name) for page in pages for name in FILE.findall(page.read_text())}

    assert len(named) > 100
    assert sorted((page, name) for page, name in named if name not in ends) == []


def test_each_page_that_the_code_names_is_there() -> None:
    missing = set()
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".toml", ".yaml", ".html", ".service", ".sh", ".conf"}:
                missing |= {(path.name, page) for page in PAGE.findall(path.read_text()) if not (ROOT / page).exists()}

    assert missing == set()
