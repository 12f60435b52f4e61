"""A file that is no TOML: the usual slips are named with what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigurationError
from config.load import load_settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[apps]\nname = "A"\n[[apps]]\nname = "B"\n', "line 1: write [[apps]], in two brackets"),
        ('[[apps]]\nname = "A"\n[apps] # the second\nname = "B"\n', "line 3: write [[apps]], in two brackets"),
        ('[apps]\nname = "A"\n[apps]\nname = "B"\n', "line 1: write [[apps]]"),
        ('[ directories ]\nname = "A"\n[[directories]]\n', "line 1: write [[directories]]"),
        ('[[smtp]]\nhost = "a"\n[smtp]\nhost = "b"\n', "line 3: write [[smtp]]"),
        ("[[apps]]\n[apps.rules]\na = 1\n[[apps.rules]]\n", "line 2: write [[apps.rules]]"),
        ("[server]\n[store]\n[server]\n", "[server] is there twice: put both together (at line 3"),
        ("[server\n", "is not TOML: "),
    ],
)
def test_brackets_are_named(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "gatepost.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as found:
        load_settings(file, {})
    assert str(found.value).startswith(f"{file}: {said}")
    assert "Cannot" not in str(found.value)
    assert "('" not in str(found.value)


@pytest.mark.parametrize("name", ["apps.rules", "server.certificates"])
def test_single_brackets_of_a_list_inside_a_table_are_named(name: str, tmp_path: Path) -> None:
    file = tmp_path / "gatepost.toml"
    outer = name.partition(".")[0]
    header = "[[apps]]" if outer == "apps" else "[server]"
    file.write_text(f"{header}\n[{name}]\na = 1\n")
    with pytest.raises(ConfigurationError) as found:
        load_settings(file, {})
    assert f"must be a list of tables: write [[{name}]]" in str(found.value)
