"""The catalogues: gettext files (``.po``), one for each language but English, whose messages are the ids.

They are read when a process starts, those of the languages that the configuration names and no others.
"""

from __future__ import annotations

from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from proxy.languages.current import Language

FOLDER = Path(__file__).parent / "catalogues"


def read_catalogue(path: Path, tag: str) -> Catalog:
    """Raises `OSError`, and `ValueError` for a file that is no catalogue."""
    with path.open("rb") as file:
        return read_po(file, locale=tag, abort_invalid=True)


def read_language(tag: str, own: Catalog | None = None) -> Language:
    """A language that Gatepost has a catalogue for, or English. `own`: the operator's, which counts before ours."""
    locale = Locale.parse(tag)
    ours = FOLDER / f"{tag}.po"
    translations = _translations(read_catalogue(ours, tag)) if ours.exists() else NullTranslations()
    if own is not None:
        overriding = _translations(own)
        overriding.add_fallback(translations)
        translations = overriding
    name = locale.get_display_name(tag) or tag
    return Language(
        tag=tag,
        name=name[0].upper() + name[1:],
        direction="rtl" if locale.text_direction == "rtl" else "ltr",
        translations=translations,
    )


def _translations(catalogue: Catalog) -> GNUTranslations:
    """Without messages that nobody has confirmed ("fuzzy") or translated."""
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
