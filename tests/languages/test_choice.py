"""Which language something is said in: what was chosen before, then what the browser asks for, then the default."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.tables.pages import PagesSettings
from proxy.languages.choice import ENGLISH_ALONE, Languages, choose_language
from proxy.languages.configured import languages_of
from proxy.languages.current import Language

FRENCH, WELSH, ENGLISH = (Language(tag=tag, name=tag) for tag in ("fr", "cy", "en"))
THREE = Languages(in_order=(FRENCH, WELSH, ENGLISH))


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("", "en"),
        ("de", "de"),
        ("DE-at, en", "de"),
        ("fr, pt-BR;q=0.5, de;q=0.4", "pt-br"),
        ("pt", "en"),
        ("de;q=0, en;q=0.1", "en"),
        ("*", "en"),
        ("de;q=x", "en"),
        ("en;q=0.2,de;q=0.9", "de"),
        ("x" * 10_000, "en"),
    ],
)
def test_the_language_is_the_best_of_those_there_are(accepted: str, chosen: str) -> None:
    assert choose_language(accepted, ("en", "de", "pt-br")) == chosen


@given(st.text())
def test_any_accept_language_chooses_one_that_there_is(accepted: str) -> None:
    assert choose_language(accepted, ("en", "de")) in ("en", "de")


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("*;q=0.1, cy;q=0", "fr"),
        ("*, fr;q=0", "cy"),
        ("*;q=0.5, en", "en"),
        ("*;q=0", "fr"),
        ("EN-gb", "en"),
        ("cy-x-welsh-word", "cy"),
        ("cy;q=1.1", "fr"),
        ("cy;q=0.0001", "fr"),
        ("cy;level=1", "fr"),
        (";q=1,,cy;q=0.1", "cy"),
        (" cy ; Q=0.3 ", "cy"),
        ("cy\r\nX: y", "fr"),
        ("ｃｙ", "fr"),
    ],
)
def test_odd_wishes_are_read_as_they_are_meant_or_not_at_all(accepted: str, chosen: str) -> None:
    assert choose_language(accepted, ("fr", "cy", "en")) == chosen


@pytest.mark.parametrize(
    ("accepted", "remembered", "tag"),
    [
        ("en", "cy", "cy"),
        ("en", "", "en"),
        ("en", "de", "en"),
        ("en", "CY", "en"),
        ("", "x" * 100_000, "fr"),
        ("de", "", "fr"),
        ("", "", "fr"),
    ],
)
def test_what_was_chosen_counts_before_what_the_browser_asks_for(accepted: str, remembered: str, tag: str) -> None:
    assert THREE.asked_for(accepted, remembered).tag == tag


def test_the_others_are_all_but_the_one_in_use() -> None:
    assert [each.tag for each in THREE.beside(WELSH)] == ["fr", "en"]
    assert ENGLISH_ALONE.beside(ENGLISH_ALONE.default) == ()


def test_english_alone_reads_nothing_and_loads_no_babel() -> None:
    assert languages_of(PagesSettings()) is ENGLISH_ALONE
    # What the start of a worker loads, in a process of its own.
    code = "import sys, proxy.server; print('babel' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "False\n"


def test_the_languages_of_the_configuration_are_read_in_its_order() -> None:
    languages = languages_of(PagesSettings(languages=("ar", "en")))
    assert [(each.tag, each.direction) for each in languages.in_order] == [("ar", "rtl"), ("en", "ltr")]
    assert languages.default.tag == "ar"
