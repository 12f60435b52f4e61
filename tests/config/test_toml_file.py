"""A file that is no TOML: the usual slips are named with what to write."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.load import LISTS, load_settings
from config.problems import ConfigurationError
from config.toml_file import read_toml
from tests.config.test_load import GOOD, SECRET


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[smtp]\nhost = "a"\nport = 25\nhost = "b"\n', "line 4: host is there twice: keep one of them"),
        ('apps = []\n[[apps]]\nname = "A"\n', "line 1: apps is given as a table too (line 2): leave this line out"),
        ("smtp = {}\n[smtp]\n", "line 1: smtp is given as a table too (line 2): leave this line out"),
        ('[smtp]\nhost = "a\nport = 25\n', 'line 2: the string is never closed: end it with "'),
        ("[smtp]\nhost = 'a\nuser = 'b'\n", "line 2: the string is never closed: end it with '"),
        ('[smtp]\nhost = """a\nport = 25\n', 'line 2: the string is never closed: end it with """'),
        ('[smtp]\nhost = "a', 'line 2: the string is never closed: end it with "'),
        ('[server]\nlisten = ["a",\n"b"\nworkers = 2\n', "line 2: the list is never closed"),
        ('[smtp]\nhost = "a\\qb"\n', "is not TOML: Unescaped"),
    ],
)
def test_usual_slips_are_said_plainly_with_line_and_remedy(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "gatepost.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as found:
        load_settings(file, {})
    assert str(found.value.problems[0]).startswith(f"{file}: {said}")


def test_every_slip_is_told_and_what_is_wrong_besides(tmp_path: Path) -> None:
    """A line that is left out makes nothing else wrong: what may have stood there is not known."""
    file = tmp_path / "gatepost.toml"
    file.write_text(
        GOOD.replace('host = "smtp.corp.example"', 'host = "smtp.corp.example\nport = "25"')
        .replace('name = "Wiki"', "name = Wiki")
        .replace("[server]", "[server]\nworkers = 1\nworkers = 2\nlisten = []")
        + "[server]\nworker = 3\n[passcode\ndigits = 1\n[sessions]\nidle = 5\n"
    )
    with pytest.raises(ConfigurationError) as found:
        load_settings(file, {})
    told = [str(problem).removeprefix(f"{file}: ") for problem in found.value.problems]
    assert [line.partition(" = ")[0][:40] for line in told] == [
        "line 4: workers is there twice: keep one",
        "line 16: the string is never closed: end",
        "is not TOML: Invalid value (at line 21, ",
        "[server] is there twice: put both togeth",
        "is not TOML: Expected ']' at the end of ",
        "server: listen: an empty list could mean",
        'server: worker: unknown key; did you mea',
        "smtp: port: must be a whole number",
        'sessions: idle: not a duration: write a ',
    ]  # fmt: skip
    assert SECRET not in str(found.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(
    st.integers(0, len(GOOD)), st.integers(0, 12), st.sampled_from(["", '"', "[", "]", "'", "=", "\n", '"""', "#", "{"])
)
def test_whatever_is_done_to_a_file_is_told_or_harmless(tmp_path: Path, start: int, length: int, put: str) -> None:
    text = GOOD[:start] + put + GOOD[start + length :]
    file = tmp_path / "gatepost.toml"
    file.write_text(text)
    read = read_toml(file, LISTS)
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assert read.problems
        assert not any("Cannot" in problem.message for problem in read.problems)
    else:
        assert (read.tree, read.problems, read.is_whole) == (tree, (), True)
    with pytest.raises(ConfigurationError) if read.problems else suppress(ConfigurationError):
        load_settings(file, {})
