"""The kinds of value that SMS gateways are described by: names, addresses, templates, headers, patterns.

A placeholder is one of a fixed list of words in braces. Nothing is evaluated, and other braces (JSON has many)
stand for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from config.addresses import is_loopback, parse_machine

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", re.ASCII)
_ADDRESS = re.compile(r"(?:[A-Za-z0-9.+_-]|\{[a-z]+\}){1,64}@[A-Za-z0-9.-]{1,255}", re.ASCII)

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


def _check_known(template: str, known: Collection[str]) -> str:
    for name in placeholders(template):
        if name not in known:
            listed = ", ".join(f"{{{each}}}" for each in known)
            raise ValueError(f"has the unknown placeholder {{{name}}}; known are {listed}")
    return template


def _check_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("must be 1 to 40 lower-case letters, digits, dashes or underscores")
    if value == EMAIL:
        raise ValueError(f'"{value}" is the name of the channel to the mail address of a person: choose another')
    return value


def _check_channel(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("not the name of a channel")
    return value


def _check_address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError('not a gateway\'s address: write "{number}@sms.example"')
    return _check_known(value, ADDRESS_PLACEHOLDERS)


def _check_subject(value: str) -> str:
    if value and not (value.isascii() and value.isprintable()):
        raise ValueError("must be a single line of ASCII")
    return _check_known(value, MAIL_PLACEHOLDERS)


def _check_mail_body(value: str) -> str:
    if not value.replace("\n", "").isprintable():
        raise ValueError("must not hold control characters")
    return _check_known(value, MAIL_PLACEHOLDERS)


def _check_terminator(value: str) -> str:
    if not value.isascii() or not value.isprintable() or " " in value or "{" in value:
        raise ValueError('must be printable ASCII, such as "##"')
    return value


def _check_header_name(value: str) -> str:
    if not _HEADER_NAME.fullmatch(value):
        raise ValueError("not the name of a header")
    return value


def _check_header(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("must be a single line of ASCII")
    return _check_known(value, HEADER_PLACEHOLDERS)


def _check_url(value: str) -> str:
    bare = fill(_check_known(value, URL_PLACEHOLDERS), dict.fromkeys(URL_PLACEHOLDERS, "1"))
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


def _check_body(value: str) -> str:
    return _check_known(value, BODY_PLACEHOLDERS)


def _check_pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    if not value:
        raise ValueError("matches everything: leave the key out")
    return value


GatewayName = Annotated[str, AfterValidator(_check_name)]
ChannelName = Annotated[str, AfterValidator(_check_channel)]
GatewayAddress = Annotated[str, AfterValidator(_check_address)]
SubjectTemplate = Annotated[str, Field(max_length=200), AfterValidator(_check_subject)]
MailBodyTemplate = Annotated[str, Field(max_length=2000), AfterValidator(_check_mail_body)]
Terminator = Annotated[str, Field(max_length=8), AfterValidator(_check_terminator)]
HeaderName = Annotated[str, AfterValidator(_check_header_name)]
HeaderTemplate = Annotated[str, Field(max_length=2000), AfterValidator(_check_header)]
GatewayURL = Annotated[str, Field(max_length=2000), AfterValidator(_check_url)]
BodyTemplate = Annotated[str, Field(max_length=8000), AfterValidator(_check_body)]
Pattern = Annotated[str, Field(max_length=500), AfterValidator(_check_pattern)]
