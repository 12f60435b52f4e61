"""From the settings to the languages, once a worker. English alone reads nothing, nor does it load what could."""

from __future__ import annotations

from config.settings import PagesSettings
from proxy.languages.choice import ENGLISH_ALONE, Languages


def languages_of(pages: PagesSettings) -> Languages:
    """Those of the configuration, in its order."""
    if pages.languages == ("en",) and not pages.catalogues.files:
        return ENGLISH_ALONE
    from proxy.languages.catalogues import read_language  # Babel, which takes longer than the catalogues

    own = {each.tag: each.content for each in pages.catalogues.files}
    return Languages(in_order=tuple(read_language(tag, own.get(tag)) for tag in pages.languages))
