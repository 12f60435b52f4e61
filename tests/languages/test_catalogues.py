"""Every catalogue says every message, with what is filled in; every call fills in what its message names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from jinja2 import Environment, nodes

from config.tables.pages import LANGUAGES
from proxy.languages.catalogues import FOLDER, read_catalogue, read_language
from proxy.languages.current import gettext, in_language, without_isolates
from proxy.languages.figures import day_text, figure, percent
from proxy.languages.judging import forms, ids_of, placeholders, untranslated, wrong_with
from tests.languages.extracting import extracted

ROOT = Path(__file__).parents[2]
PROXY = ROOT / "proxy"
CATALOGUES = [tag for tag in LANGUAGES if tag != "en"]


@cache
def template() -> Catalog:
    return extracted(ROOT)


@cache
def catalogue(tag: str) -> Catalog:
    return read_catalogue(FOLDER / f"{tag}.po", tag)


@pytest.mark.parametrize("tag", CATALOGUES)
def test_a_catalogue_is_whole(tag: str) -> None:
    missing = [each.id for each in template() if each.id and each.id not in catalogue(tag)]
    assert missing == [], "run scripts/messages and translate them"
    assert [each.id for each in catalogue(tag) if each.id and each.id not in template()] == [], "run scripts/messages"
    assert [each.id for each in untranslated(catalogue(tag))] == []
    assert [each.id for each in catalogue(tag) if each.id and each.fuzzy] == []


@pytest.mark.parametrize("tag", CATALOGUES)
def test_a_translation_fills_in_what_its_message_does(tag: str) -> None:
    found = [
        (each.id, why)
        for each in catalogue(tag)
        if each.id
        for said in forms(each)
        if said
        for why in wrong_with(each, said)
    ]
    assert found == []


@pytest.mark.parametrize("tag", CATALOGUES)
def test_a_catalogue_has_as_many_forms_as_its_language_has_numbers(tag: str) -> None:
    whole = catalogue(tag)
    assert {len(forms(each)) for each in whole if not isinstance(each.id, str)} == {whole.num_plurals}


def test_a_language_has_its_name_and_its_direction() -> None:
    arabic, welsh = read_language("ar"), read_language("cy")
    assert (arabic.name, arabic.direction) == ("العربية", "rtl")
    assert (welsh.name, welsh.direction) == ("Cymraeg", "ltr")
    assert read_language("en").translations.gettext("Sign in") == "Sign in"


def test_what_is_filled_in_stands_by_itself_from_right_to_left() -> None:
    ours = read_language("ar", 'msgid "Try again in %(wait)s."\nmsgstr "حاول بعد %(wait)s."\n'.encode())
    with in_language(ours):
        assert gettext("Try again in %(wait)s.", wait="•••• 456") == "حاول بعد \u2068•••• 456\u2069."
        assert without_isolates(gettext("Try again in %(wait)s.", wait="5 s")) == "حاول بعد 5 s."


def test_numbers_and_days_are_written_as_the_language_does() -> None:
    day = date(2026, 12, 3)
    said = {}
    for tag in LANGUAGES:
        with in_language(read_language(tag)):
            said[tag] = (figure(12345), figure(1.25, decimals=1), percent(97.4), day_text(day, with_year=True))
    assert said["en"] == ("12,345", "1.2", "97.4%", "3 December 2026")
    assert said["de"] == ("12.345", "1,2", "97,4\N{NO-BREAK SPACE}%", "3. Dezember 2026")
    assert said["cy"][3] == "3 Rhagfyr 2026"
    assert said["ar"][0] == "12,345"


def test_a_planted_fault_is_found() -> None:
    message = Message("%(num)d try of %(name)s")
    assert list(wrong_with(message, "%(num)d Versuch von %(name)s")) == []
    assert list(wrong_with(message, "ein Versuch"))
    assert list(wrong_with(message, "%(num)d <b>%(name)s</b>"))
    assert list(wrong_with(Message("All of %(name)s"), "100 % of %(name)s"))


def calls_in_code() -> Iterator[tuple[str, str, set[str]]]:
    """Where, the message, and the names of what is filled in."""
    for path in sorted(PROXY.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id not in ("_", "gettext", "ngettext") or not node.args:
                continue
            if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                filled = {each.arg for each in node.keywords if each.arg}
                for text in node.args[: 2 if node.func.id == "ngettext" else 1]:
                    assert isinstance(text, ast.Constant)
                    yield (
                        f"{path.name}:{node.lineno}",
                        text.value,
                        filled | ({"num"} if node.func.id == "ngettext" else set()),
                    )


def calls_in_templates() -> Iterator[tuple[str, str, set[str]]]:
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    for path in sorted(PROXY.rglob("*.html")):
        for node in environment.parse(path.read_text()).find_all(nodes.Call):
            if not isinstance(node.node, nodes.Name) or node.node.name not in ("_", "gettext", "ngettext"):
                continue
            numbered = node.node.name == "ngettext"
            for text in node.args[: 2 if numbered else 1]:
                if isinstance(text, nodes.Const):
                    filled = {each.key for each in node.kwargs} | ({"num"} if numbered else set())
                    yield f"{path.name}:{node.lineno}", text.value, filled


def test_every_call_fills_in_what_its_message_names() -> None:
    calls = [*calls_in_code(), *calls_in_templates()]
    assert len(calls) > 400
    assert [
        (where, text) for where, text, filled in calls if placeholders(text)[1] or not placeholders(text)[0] <= filled
    ] == []


def test_every_message_in_the_code_is_found_by_the_tools() -> None:
    """They do not look into f-strings."""
    found = {text for each in template() for text in ids_of(each)}
    assert [(where, text) for where, text, _ in [*calls_in_code(), *calls_in_templates()] if text not in found] == []
