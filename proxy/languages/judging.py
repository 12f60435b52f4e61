"""Whether a catalogue can be used: it says messages that there are, with what is filled in, as text without markup."""

from __future__ import annotations

import re
from collections.abc import Iterator

from babel.messages.catalog import Catalog, Message

from config.own_catalogues import OwnCatalogue
from config.problems import ConfigurationProblem, nearest
from config.settings import PagesSettings
from proxy.languages.catalogues import UnusableCatalogue, known_messages, parse_catalogue

_PLACEHOLDER = re.compile(r"%\(([a-z_]+)\)[sd]|%%|(%)")
_AS_NUMBER = re.compile(r"%\(([a-z_]+)\)d")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_MARKUP = re.compile(r"<[A-Za-z/!?]|&#?\w+;")
_SHOWN = 60


def catalogue_problems(pages: PagesSettings) -> Iterator[ConfigurationProblem]:
    """Everything that is wrong with the operator's files, each with its line."""
    for own in pages.catalogues.files:
        for line, message in _problems(own, pages.languages):
            yield ConfigurationProblem(own.file, f"line {line}" if line else "", "", message)


def _problems(own: OwnCatalogue, languages: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    if own.tag not in languages:
        told = f'is of the language "{own.tag}", by its name, and pages.languages does not name that'
        yield 0, told + nearest(own.tag, languages)
        return
    try:
        catalogue = parse_catalogue(own.content, own.tag)
    except UnusableCatalogue as error:
        yield error.line, str(error)
        return
    known = known_messages()
    numbers = catalogue.num_plurals
    for message in catalogue:
        if not message.id:
            continue
        line = message.lineno or 0
        ids, said = ids_of(message), forms(message)
        if message.context is not None:
            yield line, "has a msgctxt, and no message of Gatepost's has one: it would not be said"
        elif ids[0] not in known:
            yield line, f'there is no message "{_brief(ids[0])}"' + nearest(ids[0], known)
        elif known[ids[0]] != (ids[1] if len(ids) > 1 else None):
            yield line, _other_kind(known[ids[0]])
        elif any(said) and len(ids) > 1 and (len(said) != numbers or not all(said)):
            yield line, f"has {sum(map(bool, said))} forms, and {own.tag} has {numbers} kinds of number"
        elif message.fuzzy and any(said):
            yield line, 'is marked "fuzzy", so that it would not be said: read it, and take the mark away'
        elif any(said):
            yield from ((line, why) for form in said for why in wrong_with(message, form))


def _other_kind(plural: str | None) -> str:
    if plural is None:
        return "has one form: write msgid and msgstr alone"
    return f'has forms for numbers: write msgid_plural "{_brief(plural)}" and msgstr[0], msgstr[1] and so on'


def _brief(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def ids_of(message: Message) -> list[str]:
    return [message.id] if isinstance(message.id, str) else list(message.id)


def forms(message: Message) -> list[str]:
    """What a translation says: one form, or one for each kind of number."""
    return [message.string] if isinstance(message.string, str) else list(message.string or [""])


def untranslated(catalogue: Catalog) -> list[Message]:
    return [each for each in catalogue if each.id and not all(forms(each))]


def placeholders(text: str) -> tuple[set[str], bool]:
    """The names in one text, and whether a percent sign in it is none of them and not doubled: it would break the page
    that fills the text in."""
    found = list(_PLACEHOLDER.finditer(text))
    return {each[1] for each in found if each[1]}, any(each[2] for each in found)


def _as_numbers(text: str) -> set[str]:
    """What is filled in with ``d``: a text there would break the page."""
    return set(_AS_NUMBER.findall(text))


def wrong_with(message: Message, said: str) -> Iterator[str]:
    """What a translation must not differ in."""
    each_names = [placeholders(each)[0] for each in ids_of(message)]
    needed, known = each_names[0], set.union(*each_names)
    has, is_stray = placeholders(said)
    if is_stray:
        yield 'has a "%" that begins no placeholder such as %(name)s: write it twice'
    # The form for one may write the number out, in the English text and in any other.
    for name in sorted(needed - {"num"} - has):
        yield f"lacks %({name})s"
    for name in sorted(has - known):
        yield f"fills in %({name})s, which this message does not have" + nearest(name, known)
    for name in sorted(_as_numbers(said) - set().union(*map(_as_numbers, ids_of(message)))):
        yield f"writes %({name})d, and what is filled in is no number: write %({name})s"
    if _CONTROL.search(said):
        yield "holds a control character"
    if _MARKUP.search(said):
        yield "holds markup: it would be shown as it stands"
    if said != said.strip() and ids_of(message)[0] == ids_of(message)[0].strip():
        yield "begins or ends with a space"
    if ids_of(message)[0].count("\n") != said.count("\n"):
        yield "has other line breaks than the English text"
