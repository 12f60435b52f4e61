"""The catalogues: gettext files (``.po``), one for each language but English, whose messages are the ids.

They are read when a process starts, those of the languages that the configuration names and no others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from proxy.languages.current import FIRST_STRONG_ISOLATE, POP_ISOLATE, Language

_PLACEHOLDER = re.compile(r"%\([a-z_]+\)[sd]")
FOLDER = Path(__file__).parent / "catalogues"


class UnusableCatalogue(Exception):
    """A file is no catalogue. `line` is counted from 1; 0: nobody knows it."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def read_catalogue(path: Path, tag: str) -> Catalog:
    """One of ours."""
    with path.open("rb") as file:
        return read_po(file, locale=tag, abort_invalid=True)


def parse_catalogue(content: bytes, tag: str) -> Catalog:
    """Anybody's, in UTF-8. What its header says of numbers does not count: the language decides. Raises
    `UnusableCatalogue`."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnusableCatalogue("is not in UTF-8", line) from None
    try:
        read = read_po(lines, locale=tag, abort_invalid=True)
    except PoFileError as error:
        raise UnusableCatalogue(f"cannot be read: {error.args[0]}", error.lineno + 1) from None
    except Exception as error:  # noqa: BLE001  # Babel raises whatever a broken line or header leads it to
        raise UnusableCatalogue(f"cannot be read as a gettext catalogue ({type(error).__name__})", 0) from None
    own = Catalog(locale=tag, fuzzy=False)
    for message in read:
        if message.id:
            own[message.id] = message
    return own


@cache
def known_messages() -> Mapping[str, str | None]:
    """Every message that Gatepost says, with its plural if it has one."""
    whole = read_catalogue(min(FOLDER.glob("*.po")), "en")
    ids = (each.id for each in whole if each.id)
    return MappingProxyType(dict((each, None) if isinstance(each, str) else (each[0], each[1]) for each in ids))


def read_language(tag: str, own: bytes | None = None) -> Language:
    """A language that Gatepost has a catalogue for, or English. `own`: the operator's catalogue, which counts before
    ours; it was judged."""
    locale = Locale.parse(tag)
    ours = FOLDER / f"{tag}.po"
    translations = _translations(read_catalogue(ours, tag)) if ours.exists() else NullTranslations()
    if own is not None:
        overriding = _translations(parse_catalogue(own, tag))
        overriding.add_fallback(translations)
        translations = overriding
    name = locale.get_display_name(tag) or tag
    return Language(
        tag=tag,
        name=name[0].upper() + name[1:],
        direction="rtl" if locale.text_direction == "rtl" else "ltr",
        translations=translations,
    )


def _isolating(catalogue: Catalog) -> Catalog:
    """What is filled in stands by itself among words from right to left, whatever it is: a masked number, a name."""
    for message in catalogue:
        said = message.string
        if message.id:
            message.string = _isolated(said) if isinstance(said, str) else tuple(map(_isolated, said or ()))
    return catalogue


def _isolated(said: str) -> str:
    return _PLACEHOLDER.sub(rf"{FIRST_STRONG_ISOLATE}\g<0>{POP_ISOLATE}", said)


def _translations(catalogue: Catalog) -> GNUTranslations:
    """Without messages that nobody has confirmed ("fuzzy") or translated."""
    if catalogue.locale is not None and catalogue.locale.text_direction == "rtl":
        catalogue = _isolating(catalogue)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
