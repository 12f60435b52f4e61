"""`[pages]`: whose the pages are. Bad values stop the start, and say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import load_settings
from config.problems import ConfigurationError
from config.tables.pages import LANGUAGES, PagesSettings
from tests.config.test_rule_checks import START

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9"/></svg>'


def load(tmp_path: Path, text: str, **environ: str) -> PagesSettings:
    (tmp_path / "users.toml").write_text("")
    (tmp_path / "gatepost.toml").write_text(START + text)
    return load_settings(tmp_path / "gatepost.toml", environ).pages


def test_pages_are_gateposts_own_and_in_english_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    pages = load(tmp_path, "")
    assert pages == PagesSettings()
    assert (pages.languages, pages.name, pages.logo_file, pages.colour) == (("en",), "Gatepost", None, None)


def test_everything_can_be_the_houses_own(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_text(SVG)  # its name says nothing
    pages = load(
        tmp_path,
        '[pages]\nname = "Corp"\nlanguages = ["cy", "en"]\nlogo_file = "logo.png"\ncolour = "#05B"\n'
        '[pages.help]\ntext = "Ask."\ntelephone = "+44 (0)1632 960-000"\nhours = "Always"\n',
    )
    assert (pages.name, pages.languages, pages.colour) == ("Corp", ("cy", "en"), "#0055bb")
    assert pages.logo_file is not None
    assert (pages.logo_file.content_type, pages.logo_file.content) == ("image/svg+xml", SVG.encode())
    assert (pages.help.text, pages.help.hours) == ("Ask.", "Always")
    assert (pages.help.telephone, pages.help.dialled) == ("+44 (0)1632 960-000", "+441632960000")


@pytest.mark.parametrize(
    ("written", "dialled"),
    [("4444", "4444"), ("01632 960000", "01632960000"), ("(01632) 960000", "01632960000"), ("+44 1632", "+441632")],
)
def test_a_telephone_number_is_dialled_by_its_digits(tmp_path: Path, written: str, dialled: str) -> None:
    assert load(tmp_path, f'[pages.help]\ntelephone = "{written}"\n').help.dialled == dialled


def test_every_language_can_be_asked_for(tmp_path: Path) -> None:
    assert load(tmp_path, f"[pages]\nlanguages = {list(LANGUAGES)}\n").languages == LANGUAGES


def test_help_can_come_from_the_environment(tmp_path: Path) -> None:
    pages = load(tmp_path, "", GATEPOST_PAGES__HELP='{ telephone = "4444" }', GATEPOST_PAGES__NAME="Corp")
    assert (pages.help.telephone, pages.name) == ("4444", "Corp")


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("[pages]\nlanguages = []\n", "languages", "an empty list"),
        ('[pages]\nlanguages = ["en", "en"]\n', "languages", "the same thing twice"),
        ('[pages]\nlanguages = ["en", "tlh"]\n', "languages[1]", "no language that Gatepost speaks: en, cy, pl"),
        ('[pages]\nname = ""\n', "name", "must not be blank"),
        ('[pages]\nname = "a\\nb"\n', "name", "control characters"),
        (f'[pages]\nname = "{61 * "a"}"\n', "name", "at most 60 characters"),
        ('[pages]\ncolour = "red"\n', "colour", 'not a colour: write "#" and six hexadecimal digits'),
        ('[pages]\ncolour = "#ffcc00"\n', "colour", "the nearest colour that passes is #846a00"),
        ('[pages]\nlogo_file = "gone.svg"\n', "logo_file", "gone.svg cannot be read: there is no such file"),
        ('[pages]\nlogo_file = "users.toml"\n', "logo_file", "users.toml is neither an SVG nor a PNG"),
        ("[pages]\nlogo_file = 1\n", "logo_file", "must be the path of a file"),
        ('[pages]\nlogo = "logo.svg"\n', "logo", 'unknown key; did you mean "logo_file"?'),
        ('[pages]\nhelp = "ask"\n', "help", "must be a table"),
        ('[pages.help]\nphone = "4444"\n', "help.phone", 'unknown key; did you mean "telephone"?'),
        ('[pages.help]\ntelephone = "the desk"\n', "help.telephone", "not a telephone number: write digits"),
        ('[pages.help]\ntelephone = "4444;ext=javascript"\n', "help.telephone", "not a telephone number"),
        ('[pages.help]\ntelephone = "- -"\n', "help.telephone", "not a telephone number"),
        (f'[pages.help]\ntext = "{301 * "a"}"\n', "help.text", "at most 300 characters"),
        ('[pages.help]\nhours = "9 to 5"\n', "help.hours", "give telephone or text too"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, key: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, text)
    (problem,) = refused.value.problems
    assert (problem.file, problem.table, problem.key) == (str(tmp_path / "gatepost.toml"), "pages", key)
    assert message in problem.message


def test_one_wrong_word_about_help_hides_no_other_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, '[pages]\ncolour = "red"\n[pages.help]\nphone = "4444"\nhours = "9 to 5"\n')
    assert [problem.key for problem in refused.value.problems] == ["colour", "help.phone", "help.hours"]
