"""`[[texts]]` and every other text of a message: what is said with a passcode, and what has to agree there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator

from config.frozen_table import FrozenTable
from config.problems import nearest, told
from config.tables.gateway_values import EMAIL, ChannelName
from config.values import matching

TEXT_PLACEHOLDERS = ("passcode", "app", "host", "minutes", "name", "tag")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Literal texts and placeholder names in turn: ``pieces[0] + values[names[0]] + pieces[1] + ...``."""

    pieces: tuple[str, ...]
    names: tuple[str, ...]

    def render(self, *, passcode: str, app: str, host: str, minutes: int, name: str = "", tag: str = "") -> str:
        """`name` as `proxy.delivery.person_names.spoken_name` gives it."""
        values = {"passcode": passcode, "app": app, "host": host, "minutes": str(minutes), "name": name, "tag": tag}
        rendered = [self.pieces[0]]
        for placeholder, piece in zip(self.names, self.pieces[1:], strict=True):
            rendered += (values[placeholder], piece)
        return "".join(rendered)


def parse_template(text: str, *, holds_passcode: bool = True) -> Template:
    """Cut `text` at its placeholders; ``{{`` and ``}}`` stand for braces. Nothing is ever evaluated.

    `str.format` is never called: its ``{passcode.__class__}`` reads attributes. `ValueError` for an unknown
    placeholder, an attribute, index, conversion or format, for a stray brace, and where ``{passcode}`` does not stand
    exactly once (`holds_passcode` false: where it stands at all).
    """
    known = ", ".join(f"{{{name}}}" for name in TEXT_PLACEHOLDERS)
    try:
        parsed = list(Formatter().parse(text))
    except ValueError:
        raise ValueError(f"has an unmatched brace; placeholders are {known}") from None
    pieces, names = [""], []
    for literal, name, format_spec, conversion in parsed:
        pieces[-1] += literal
        if name is None:
            continue
        if name not in TEXT_PLACEHOLDERS or format_spec or conversion:
            written = f"{name}{'!' if conversion else ''}{conversion or ''}{':' if format_spec else ''}{format_spec}"
            raise ValueError(f"has the unknown placeholder {{{' '.join(written.split())[:40]}}}; known are {known}")
        names.append(name)
        pieces.append("")
    if holds_passcode and names.count("passcode") != 1:
        raise ValueError("must contain {passcode}, once")
    if not holds_passcode and "passcode" in names:
        raise ValueError("must not contain {passcode}: subjects of mails are shown on locked screens and kept in logs")
    return Template(pieces=tuple(pieces), names=tuple(names))


def _template(
    *, most: int | None = None, several_lines: bool = False, is_subject: bool = False
) -> tuple[PlainValidator, PlainSerializer]:
    """How a text of a message is built from what is written. Only a subject holds no passcode."""

    def build(value: object) -> Template:
        if isinstance(value, Template):
            return value
        if not isinstance(value, str):
            raise ValueError("must be a string")
        if most is not None and len(value) > most:
            raise ValueError(f"must be at most {most} characters long")
        if several_lines and not value.replace("\n", "").isprintable():
            raise ValueError("must not hold control characters")
        if not several_lines and (not value.isprintable() or (is_subject and not value.strip())):
            raise ValueError("must be a single line without control characters")
        return parse_template(value, holds_passcode=not is_subject)

    return PlainValidator(build), PlainSerializer(str)


SMSText = Annotated[Template, *_template()]
LongText = Annotated[Template, *_template(most=2000, several_lines=True)]
MailSubject = Annotated[Template, *_template(most=200, is_subject=True)]
Language = Annotated[
    str, matching(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*", 'not a language in lower case: write "en", "de" or "pt-br"')
]


class TextSettings(FrozenTable):
    """What is said in one language: by one channel, or by all SMS channels."""

    language: Language | None = None
    """A language in lower case, such as `de` or `pt-br`. Not set: that of `second_factor.language`, or else the first
    of `pages.languages`."""
    channel: ChannelName | None = None
    """The channel that this is for. Not set: every SMS channel that has no text of its own in this language."""
    text: LongText | None = None
    """The text of an SMS, with the placeholders of `sms.text`. It may have several lines if the gateway passes them on.
    At most 2,000 characters."""
    subject: MailSubject | None = None
    """The Subject of a mail, without `{passcode}`. At most 200 characters."""
    body: LongText | None = None
    """The body of a mail, which holds `{passcode}` once. At most 2,000 characters."""


def text_problems(
    texts: Sequence[TextSettings], channels: Sequence[str], default_language: str
) -> Iterator[tuple[int, str, str]]:
    """Position, key and sentence of texts that would never be sent, or of which two would say the same thing."""
    taken: set[tuple[str, str]] = set()
    for position, each in enumerate(texts):
        for key, message in told(_channel(each, channels), _parts(each), _default(each, default_language)):
            yield position, key, message
        place = (getattr(each, "channel", None) or "", getattr(each, "language", None) or default_language)
        if place in taken:
            yield position, "language", f'there is a text in "{place[1]}" for this already'
        taken.add(place)


def _channel(each: TextSettings, channels: Sequence[str]) -> Iterator[tuple[str, str]]:
    if each.channel is not None and each.channel not in channels:
        yield "channel", f'"{each.channel}" is none of the channels' + nearest(each.channel, channels)


def _default(each: TextSettings, default_language: str) -> Iterator[tuple[str, str]]:
    if each.channel is None and each.language in (None, default_language) and each.text is not None:
        yield "text", "is what sms.text says: write it there, or name a channel"


def _parts(each: TextSettings) -> Iterator[tuple[str, str]]:
    """A mail has subject and body, an SMS has a text."""
    if each.channel != EMAIL:
        if each.text is None:
            yield "text", "is missing"
        for key in ("subject", "body"):
            if getattr(each, key) is not None:
                yield key, 'is for channel = "email": an SMS has a text'
        return
    for key in ("subject", "body"):
        if getattr(each, key) is None:
            yield key, "is missing: a mail has subject and body"
    if each.text is not None:
        yield "text", "is for an SMS: a mail has subject and body"
