"""The language that words are said in: one for each request or message, English where nobody chose.

Messages are marked in the code as GNU gettext has it: `gettext` (imported as ``_``) and `ngettext` say them now, `N_`
marks one that is said later. A message's id is its English text. What is filled in stands as ``%(name)s``, a percent
sign as ``%%``; nothing in a message is HTML.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from gettext import NullTranslations
from typing import Literal

FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"
"""Around what is filled in among words from right to left (Unicode Standard Annex 9, section 2.4)."""


def without_isolates(text: str) -> str:
    """For messages: there a person copies a code, and what cannot be seen may come with it."""
    return text.replace(FIRST_STRONG_ISOLATE, "").replace(POP_ISOLATE, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    tag: str
    """By BCP 47, such as ``cy``."""
    name: str
    """What its speakers call it."""
    direction: Literal["ltr", "rtl"] = "ltr"
    translations: NullTranslations = field(default_factory=NullTranslations, repr=False)


ENGLISH = Language(tag="en", name="English")
_CURRENT: ContextVar[Language] = ContextVar("language", default=ENGLISH)


def current_language() -> Language:
    return _CURRENT.get()


@contextmanager
def in_language(language: Language) -> Iterator[None]:
    """For as long as it lasts, in this task and in those that it begins."""
    token = _CURRENT.set(language)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def gettext(message: str, **values: object) -> str:
    """`message` in the current language, with `values` filled in."""
    return translated(message) % values


def ngettext(singular: str, plural: str, num: int, /, **values: object) -> str:
    """The form of a message that `num` of something asks for, with ``%(num)s`` and `values` filled in."""
    return translated_number(singular, plural, num) % {"num": num, **values}


def N_(message: str) -> str:
    """Mark a message that `gettext` says later."""
    return message


@dataclass(frozen=True, slots=True)
class Sentence:
    """A message and what is filled in, decided before anybody knows who reads it: `str` says it."""

    message: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return gettext(self.message, **self.values)


def translated(message: str) -> str:
    """With its placeholders as they are: for templates, which fill them in escaped."""
    # Gettext keeps what it knows of a catalogue under the empty message.
    return _CURRENT.get().translations.gettext(message) if message else ""


def translated_number(singular: str, plural: str, num: int) -> str:
    """The same for a message with numbers."""
    return _CURRENT.get().translations.ngettext(singular, plural, num)
