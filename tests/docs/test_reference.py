"""The pages that are made from the code say what the code says now."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import Field

from config.frozen_table import FrozenTable
from config.schema import tables
from config.values import Flag, Integer, Seconds, Text
from scripts.reference import configuration
from scripts.reference.__main__ import DOCS, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), f"run python -m scripts.reference, which writes docs/{name}"


def test_every_key_has_a_row() -> None:
    """Told apart from how the page is made: by the keys that a file may hold."""
    page = (DOCS / "configuration.md").read_text()
    for table in tables().values():
        section = page.split(f"\n## `[{'[' * table.is_array}{table.key}]")[1].split("\n## ")[0]
        assert [key for key in table.known_keys() if f"`{key}`" not in section] == [], table.key


class ShownSettings(FrozenTable):
    """What stands in it."""

    wait: Annotated[Seconds, Field(ge=5, le=90)] = 60.0
    """How long; None: never."""
    names: tuple[Text, ...] = ("a|b",)
    """Who."""
    size: Annotated[Integer, Field(ge=1024)] | None = None
    """In bytes. None: any."""
    wanted: Flag
    """Whether."""


class UndescribedSettings(FrozenTable):
    """It has a key that nobody has described."""

    size: Integer = 1


class NamelessSettings(FrozenTable):
    size: Integer = 1
    """How much."""


def test_a_key_is_shown_with_its_type_default_and_limits() -> None:
    assert list(configuration.section("`[shown]`", 2, "shown", ShownSettings)) == [
        "## `[shown]`\n",
        "What stands in it.\n",
        "| key | value | default | meaning |\n|---|---|---|---|",
        '| `wait` | duration, 5s to 90s | `"1m"` | How long; not set: never. |',
        '| `names` | list of names | `["a\\|b"]` | Who. |',
        "| `size` | whole number, at least 1,024 | not set | In bytes. Not set: any. |",
        "| `wanted` | true or false | **needed** | Whether. |",
        "",
    ]


def test_a_key_without_a_docstring_is_named() -> None:
    with pytest.raises(configuration.NotDescribed, match=r"UndescribedSettings\.size has no docstring"):
        list(configuration.section("`[undescribed]`", 2, "undescribed", UndescribedSettings))
    with pytest.raises(configuration.NotDescribed, match="NamelessSettings has no docstring"):
        list(configuration.section("`[nameless]`", 2, "nameless", NamelessSettings))
