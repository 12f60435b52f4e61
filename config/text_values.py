"""The values that messages with passcodes are written by: texts, subjects, languages."""

from __future__ import annotations

from string import Formatter
from typing import Annotated

from pydantic import AfterValidator, Field

from config.values import matching

TEXT_PLACEHOLDERS = ("passcode", "app", "host", "minutes", "name", "tag")


def _check_sms_text(value: str) -> str:
    """A text of a passcode message in one line."""
    if not value.isprintable():
        raise ValueError("must be a single line without control characters")
    if _text_placeholders(value).count("passcode") != 1:
        raise ValueError("must contain {passcode}, once")
    return value


def _check_long_text(value: str) -> str:
    """A text of a passcode message that may have several lines."""
    if not value.replace("\n", "").isprintable():
        raise ValueError("must not hold control characters")
    if _text_placeholders(value).count("passcode") != 1:
        raise ValueError("must contain {passcode}, once")
    return value


def _check_mail_subject(value: str) -> str:
    if not value.isprintable() or not value.strip():
        raise ValueError("must be a single line without control characters")
    if "passcode" in _text_placeholders(value):
        raise ValueError("must not contain {passcode}: subjects of mails are shown on locked screens and kept in logs")
    return value


def _text_placeholders(value: str) -> list[str]:
    """Placeholders are filled in as they stand; anything but plain names is refused (``{app.__class__}``)."""
    known = ", ".join(f"{{{name}}}" for name in TEXT_PLACEHOLDERS)
    try:
        fields = [part[1:] for part in Formatter().parse(value) if part[1] is not None]
    except ValueError:
        raise ValueError(f"has an unmatched brace; placeholders are {known}") from None
    for name, format_spec, conversion in fields:
        if name not in TEXT_PLACEHOLDERS or format_spec or conversion:
            written = f"{name}{'!' if conversion else ''}{conversion or ''}{':' if format_spec else ''}{format_spec}"
            raise ValueError(f"has the unknown placeholder {{{' '.join(written.split())[:40]}}}; known are {known}")
    return [str(name) for name, _, _ in fields]


SMSText = Annotated[str, AfterValidator(_check_sms_text)]
LongText = Annotated[str, Field(max_length=2000), AfterValidator(_check_long_text)]
MailSubject = Annotated[str, Field(max_length=200), AfterValidator(_check_mail_subject)]
Language = Annotated[
    str, matching(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*", 'not a language in small letters: write "en", "de" or "pt-br"')
]
