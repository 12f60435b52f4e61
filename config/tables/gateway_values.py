"""The kinds of value that SMS gateways are described by: names, addresses, templates, headers, patterns.

A placeholder is one of a fixed list of words in braces. Nothing is evaluated, and other braces (JSON has many)
stand for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import partial
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from config.addresses import is_loopback, parse_machine
from config.values import matching

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_NAME = r"[a-z0-9][a-z0-9_-]{0,39}"

MAIL_PLACEHOLDERS = ("text", "number", "username", "password", "account")
"""Of the mail to an e-mail-to-SMS gateway."""
ADDRESS_PLACEHOLDERS = ("number", "username", "password", "account")
BODY_PLACEHOLDERS = ("text", "number", "message_id", "sender", "username", "password", "token")
"""Of the request to an HTTP gateway."""
HEADER_PLACEHOLDERS = ("message_id", "username", "password", "token", "basic")
URL_PLACEHOLDERS = ("number", "username")
"""No secret and no text: addresses are written into logs on their way."""
EMAIL = "email"
"""The channel to a person's own mail address."""


def placeholders(template: str) -> list[str]:
    """The placeholders of a template, in order."""
    return _PLACEHOLDER.findall(template)


def fill(template: str, values: Mapping[str, str]) -> str:
    """`template` with its placeholders replaced; what is put in is never read again. Raises `KeyError`."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def _check_known(known: Collection[str], template: str) -> str:
    for name in placeholders(template):
        if name not in known:
            listed = ", ".join(f"{{{each}}}" for each in known)
            raise ValueError(f"has the unknown placeholder {{{name}}}; known are {listed}")
    return template


def _holding(known: Collection[str]) -> AfterValidator:
    """Text with no other placeholders."""
    return AfterValidator(partial(_check_known, known))


def _check_not_email(value: str) -> str:
    if value == EMAIL:
        raise ValueError(f'"{value}" is the name of the channel to the mail address of a person: choose another')
    return value


def _check_lines(value: str) -> str:
    if not value.replace("\n", "").isprintable():
        raise ValueError("must not hold control characters")
    return value


def _check_url(value: str) -> str:
    bare = fill(_check_known(URL_PLACEHOLDERS, value), dict.fromkeys(URL_PLACEHOLDERS, "1"))
    if not bare.isascii() or not bare.isprintable() or " " in bare:
        raise ValueError("not a URL: it holds spaces, control or non-ASCII characters")
    parts = urlsplit(bare)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or parts.fragment:
        raise ValueError('not a URL: write "https://api.sms.example/send"')
    if placeholders(value.partition("://")[2].partition("/")[0]):
        raise ValueError("must name its host as it is")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("its port is no number") from None
    parse_machine(parts.hostname)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("passcodes would cross the network in the clear: it must begin with https://")
    return value


def _check_pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    if not value:
        raise ValueError("matches everything: leave the key out")
    return value


_OneLine = matching(r"[ -~]*", "must be a single line of ASCII")
GatewayName = Annotated[
    str,
    matching(_NAME, "must be 1 to 40 lower-case letters, digits, dashes or underscores"),
    AfterValidator(_check_not_email),
]
ChannelName = Annotated[str, matching(_NAME, "not the name of a channel")]
GatewayAddress = Annotated[
    str,
    matching(
        r"(?:[A-Za-z0-9.+_-]|\{[a-z]+\}){1,64}@[A-Za-z0-9.-]{1,255}",
        'not a gateway\'s address: write "{number}@sms.example"',
    ),
    _holding(ADDRESS_PLACEHOLDERS),
]
SubjectTemplate = Annotated[str, Field(max_length=200), _OneLine, _holding(MAIL_PLACEHOLDERS)]
MailBodyTemplate = Annotated[str, Field(max_length=2000), AfterValidator(_check_lines), _holding(MAIL_PLACEHOLDERS)]
Terminator = Annotated[str, Field(max_length=8), matching(r"[!-z|}~]*", 'must be printable ASCII, such as "##"')]
HeaderName = Annotated[str, matching(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", "not the name of a header")]
HeaderTemplate = Annotated[str, Field(max_length=2000), _OneLine, _holding(HEADER_PLACEHOLDERS)]
GatewayURL = Annotated[str, Field(max_length=2000), AfterValidator(_check_url)]
BodyTemplate = Annotated[str, Field(max_length=8000), _holding(BODY_PLACEHOLDERS)]
Pattern = Annotated[str, Field(max_length=500), AfterValidator(_check_pattern)]
