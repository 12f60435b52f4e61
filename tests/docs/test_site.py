"""The documentation is a site without dead links, and the same links work on a forge."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

ROOT = Path(__file__).parents[2]


def build_site(target: Path, **changed: Any) -> None:
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(target), strict=True, **changed))


def test_the_site_has_no_dead_link(tmp_path: Path) -> None:
    build_site(tmp_path)

    assert 'href="repository/' in (tmp_path / "index.html").read_text()
    assert (tmp_path / "repository" / "config" / "example.toml").is_file()


@pytest.fixture
def small_site(tmp_path: Path) -> Callable[[str], None]:
    """Builds a site of three pages, the first of which ends in what is given."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("[docs](docs/index.md#whats-new--here)\n")
    (tmp_path / "docs" / "other.md").write_text("# Other\n")

    def build_with(more: str) -> None:
        page = f"# What's new / here\n\n[other](other.md#other) [readme](../README.md)\n\n{more}\n"
        (tmp_path / "docs" / "index.md").write_text(page)
        build_site(tmp_path / "site", docs_dir=str(tmp_path / "docs"), nav=["index.md", "other.md"])

    return build_with


def test_a_site_without_a_dead_link_is_fine(small_site: Callable[[str], None]) -> None:
    small_site("")


@pytest.mark.parametrize(
    "link",
    ["gone.md", "other.md#gone", "#gone", "../GONE.md", "../config/gone.toml", "/other.md", "../README.md#gone"],
)
def test_a_dead_link_is_found(link: str, small_site: Callable[[str], None]) -> None:
    with pytest.raises(Abort):
        small_site(f"[dead]({link})")


def test_lists_and_tables_are_written_so_that_a_forge_and_the_site_read_them_alike() -> None:
    """Python-Markdown wants four spaces before an inner list or paragraph, and an empty line before a list or table."""
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"]
    for page in pages:
        whole = page.read_text()
        inner = re.search(r"^ +```", whole, re.MULTILINE)
        assert not inner, f"{page}: code inside a list, which the site does not show"
        text = re.sub(r"^```.*?^```", "```", whole, flags=re.DOTALL | re.MULTILINE)
        assert not re.search(r"^ {1,3}([*-]|\d+\.) ", text, re.MULTILINE), f"{page}: an inner list without four spaces"
        assert not re.search(r"\n\n {1,3}\S", text), f"{page}: a paragraph of a list without four spaces"
        begun = re.search(r"^(?![*|#-]|\d+\. )\S.*\n([*|-] |\d+\. ).*", text, re.MULTILINE)
        assert not begun, f"{page}: no empty line before {begun and begun[0]!r}"
