"""The operator's catalogues: what they say counts before ours, and what cannot be meant is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.own_catalogues import MAX_CATALOGUE_BYTES, read_own_catalogues
from config.tables.pages import PagesSettings
from proxy.languages.configured import languages_of
from proxy.languages.current import gettext as _
from proxy.languages.current import in_language, ngettext
from proxy.languages.judging import catalogue_problems

HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'


def pages(folder: Path, languages: tuple[str, ...] = ("en", "cy"), **files: str | bytes) -> PagesSettings:
    for tag, content in files.items():
        (folder / f"{tag}.po").write_bytes(content if isinstance(content, bytes) else content.encode())
    return PagesSettings(languages=languages, catalogues=read_own_catalogues(folder))


def problems(folder: Path, cy: str | bytes) -> list[str]:
    return [str(each).removeprefix(f"{folder}/") for each in catalogue_problems(pages(folder, cy=cy))]


def test_what_the_operator_says_counts_before_what_we_say(tmp_path: Path) -> None:
    own = pages(
        tmp_path,
        en=HEAD + 'msgid "Sign in"\nmsgstr "Log on at %%s"\n',
        cy=HEAD + 'msgid "Sign in"\nmsgstr "Mewngofnodwch yma"\n\nmsgid "just now"\nmsgstr ""\n',
    )
    assert list(catalogue_problems(own)) == []
    english, welsh = languages_of(own).in_order
    with in_language(english):
        assert (_("Sign in"), _("just now")) == ("Log on at %s", "just now")
    with in_language(welsh):
        assert _("Sign in") == "Mewngofnodwch yma"
        assert _("just now") != ""


def test_english_with_words_of_the_operators_own_is_read_too(tmp_path: Path) -> None:
    one = 'msgid "%(num)d second"\nmsgid_plural "%(num)d seconds"\nmsgstr[0] "one sec"\nmsgstr[1] "%(num)d sec"\n'
    own = pages(tmp_path, languages=("en",), en=HEAD + one)
    assert list(catalogue_problems(own)) == []
    with in_language(languages_of(own).default):
        assert ngettext("%(num)d second", "%(num)d seconds", 1) == "one sec"
        assert ngettext("%(num)d second", "%(num)d seconds", 5) == "5 sec"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('msgid "Sign inn"\nmsgstr "x"\n', 'line 5: there is no message "Sign inn"; did you mean "Sign in"?'),
        ('msgid "Try again in %(wait)s."\nmsgstr "x"\n', "line 5: lacks %(wait)s"),
        (
            'msgid "Try again in %(wait)s."\nmsgstr "%(wait)s %(waits)s"\n',
            'line 5: fills in %(waits)s, which this message does not have; did you mean "wait"?',
        ),
        (
            'msgid "Try again in %(wait)s."\nmsgstr "%(wait)d"\n',
            "line 5: writes %(wait)d, and what is filled in is no number: write %(wait)s",
        ),
        ('msgid "Sign in"\nmsgstr "x\\ry"\n', "line 5: holds a control character"),
        ('msgctxt "a"\nmsgid "Sign in"\nmsgstr "x"\n', "line 6: has a msgctxt"),
        ('msgid "Sign in"\nmsgstr "<b>x</b>"\n', "line 5: holds markup: it would be shown as it stands"),
        ('msgid "Sign in"\nmsgstr "x &amp; y"\n', "line 5: holds markup: it would be shown as it stands"),
        (
            'msgid "Sign in"\nmsgstr "100 % x"\n',
            'line 5: has a "%" that begins no placeholder such as %(name)s',
        ),
        ('msgid "Sign in"\nmsgstr "x "\n', "line 5: begins or ends with a space"),
        ('msgid "Sign in"\nmsgstr "x\\ny"\n', "line 5: has other line breaks than the English text"),
        ('#, fuzzy\nmsgid "Sign in"\nmsgstr "x"\n', 'line 6: is marked "fuzzy", so that it would not be said'),
        (
            'msgid "%(num)d second"\nmsgid_plural "%(num)d seconds"\nmsgstr[0] "%(num)d"\nmsgstr[1] "%(num)d"\n',
            "line 5: has 2 forms, and cy has 6 kinds of number",
        ),
        ('msgid "%(num)d second"\nmsgstr "%(num)d"\n', "line 5: has forms for numbers: write msgid_plural"),
        ('msgid "Sign in"\nmsgid_plural "x"\nmsgstr[0] "x"\n', "line 5: has one form: write msgid and msgstr alone"),
        (
            'msgid "Sign in"\nmsgstr "x"\n"oops\nnonsense "y"\n',
            "line 8: cannot be read: Unknown or misformatted",
        ),
        ('msgid "Sign in"\n', "line 5: cannot be read: missing msgstr"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_line(tmp_path: Path, body: str, told: str) -> None:
    (problem,) = problems(tmp_path, HEAD + body)
    assert problem.startswith(f"cy.po: {told}")


@pytest.mark.parametrize("broken", [b"\x00\xff", b'msgid "\xe9"\nmsgstr "x"\n', b"\x89PNG\r\n\x1a\n"])
def test_a_broken_file_is_told(tmp_path: Path, broken: bytes) -> None:
    (problem,) = problems(tmp_path, broken)
    assert problem == "cy.po: line 1: is not in UTF-8"


def test_the_file_of_a_language_that_nobody_has_is_told(tmp_path: Path) -> None:
    (problem,) = catalogue_problems(pages(tmp_path, de=HEAD))
    assert (
        str(problem)
        == f'{tmp_path}/de.po: is of the language "de", by its name, and pages.languages does not name that'
    )


def test_a_folder_that_cannot_be_read_or_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="gone is no folder"):
        read_own_catalogues(tmp_path / "gone")
    (tmp_path / "cy.po").write_bytes(b"#" * (MAX_CATALOGUE_BYTES + 1))
    with pytest.raises(ValueError, match=r"cy\.po is larger than 1024 KiB"):
        read_own_catalogues(tmp_path)
