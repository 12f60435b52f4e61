"""What an answer says of its language, and the links to the same page in the others."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.http.reserved import LANGUAGE
from proxy.languages.choice import Languages
from proxy.languages.current import Language, current_language


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageLink:
    language: Language
    href: str


def language_links(languages: Languages, target: str) -> tuple[LanguageLink, ...]:
    """`target`: path and query at which this host shows the page on a GET; empty: there are none, and so no links.

    It is the whole query, as it stands: written into a field of one, it would be escaped once more, and an address that
    just fits into a request would fit no longer.
    """
    if not target.startswith("/"):
        return ()
    return tuple(
        LanguageLink(language=each, href=f"{LANGUAGE}{each.tag}?{target}")
        for each in languages.beside(current_language())
    )


def language_fields(languages: Languages, *, by_cookie: bool = True) -> list[tuple[str, str]]:
    """Header fields (RFC 9110 sections 8.5 and 12.5.5)."""
    varies = [("Vary", "Accept-Language, Cookie" if by_cookie else "Accept-Language")]
    return [("Content-Language", current_language().tag), *(varies if len(languages.in_order) > 1 else [])]
