"""`[pages]`: whose the pages are, how they look, and who helps those who are stuck."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, ValidationInfo

from config.colours import checked_colour
from config.frozen_table import FrozenTable
from config.logos import Logo, read_logo
from config.own_catalogues import NO_CATALOGUES, OwnCatalogues, read_own_catalogues
from config.problems import nearest
from config.values import NotBlank, NotEmpty, matching

_Read = TypeVar("_Read", Logo, OwnCatalogues)
LANGUAGES = ("en", "cy", "pl", "fr", "de", "es", "ar")
"""Those that pages can be shown in (BCP 47)."""


def _check_language(tag: str) -> str:
    if tag not in LANGUAGES:
        raise ValueError(f"no language that Gatepost speaks: {', '.join(LANGUAGES)}" + nearest(tag, LANGUAGES))
    return tag


def _read_from(kind: type[_Read], read: Callable[[Path], _Read], what: str) -> PlainValidator:
    """What the path of a file or folder is read to; a relative one begins at the folder of the configuration."""

    def build(value: object, info: ValidationInfo) -> _Read:
        if isinstance(value, kind):
            return value
        if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
            raise ValueError(f"must be the path of a {what}")
        folder = None if info.context is None else info.context["folder"]
        return read(Path(value) if folder is None else folder / value)

    return PlainValidator(build)


class HelpSettings(FrozenTable):
    """Who helps people who are stuck."""

    text: Annotated[str, Field(max_length=300), NotBlank] | None = None
    """What to do when stuck, in one plain paragraph."""
    telephone: (
        Annotated[
            str,
            matching(
                r"(?=(?:[^0-9]*[0-9]){2,15}[^0-9]*\Z)\+?[0-9(][0-9 ().-]{1,38}",
                'not a telephone number: write digits, with spaces where you like, such as "+44 1632 960000" or "4444"',
            ),
        ]
        | None
    ) = None
    """The telephone number as it is shown. The link dials its digits."""
    hours: Annotated[str, Field(max_length=100), NotBlank] | None = None
    """When somebody answers. Needs `telephone` or `text`."""

    @property
    def dialled(self) -> str:
        """What ``tel:`` is followed by (RFC 3966): no ``(0)`` where the number is written for abroad."""
        number = self.telephone or ""
        return re.sub(r"[^+0-9]", "", number.replace("(0)", "") if number.startswith("+") else number)


class PagesSettings(FrozenTable):
    """Whose the pages are, and how they look."""

    languages: Annotated[tuple[Annotated[str, AfterValidator(_check_language)], ...], NotEmpty] = ("en",)
    """The languages that people can have the pages in: `en`, `cy`, `pl`, `fr`, `de`, `es`, `ar`. The first one is for
    browsers that ask for none of them."""
    catalogues: Annotated[
        OwnCatalogues, _read_from(OwnCatalogues, read_own_catalogues, "folder"), PlainSerializer(str)
    ] = NO_CATALOGUES
    """A folder with gettext catalogues of your own, such as `en.po` and `cy.po`, each at most 1 MiB. What they say is
    said in place of Gatepost's own words. They are read with the configuration. Not set: there are none."""
    name: Annotated[str, Field(max_length=60), NotBlank] = "Gatepost"
    """What stands at the head of every page and in its title."""
    logo_file: Annotated[Logo, _read_from(Logo, read_logo, "file"), PlainSerializer(str)] | None = None
    """An SVG or PNG file of at most 256 KiB, which stands before the name. It is read with the configuration. Not set:
    there is none."""
    colour: Annotated[str, AfterValidator(checked_colour)] | None = None
    """The colour of buttons and links, as ``#rrggbb``, with enough contrast. Not set: Gatepost's own."""
    help: HelpSettings = HelpSettings()
    """Who helps. It stands on every page where somebody may be stuck."""


def pages_problems(pages: PagesSettings) -> Iterator[tuple[str, str]]:
    """Key and sentence."""
    if pages.help.hours is not None and pages.help.text is None and pages.help.telephone is None:
        yield "help.hours", "says when, but not who: give telephone or text too"
