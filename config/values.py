"""The kinds of value that many tables hold: durations, flags, numbers, names, secrets."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeVar

import phonenumbers
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, Strict, ValidationInfo

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd])", re.ASCII)


def parse_duration(value: object) -> float:
    """Seconds from a string such as ``"30s"``, ``"5m"``, ``"12h"``, ``"1d"``; `ValueError` on anything else."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('not a duration: write a string such as "30s", "5m", "12h" or "1d"')
    return float(match[1]) * _UNITS[match[2]]


def duration_text(seconds: float) -> str:
    """The same as it is written, in the largest unit that says it exactly."""
    for unit, length in reversed(_UNITS.items()):
        if seconds and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:g}s"


def _build_seconds(value: object, info: ValidationInfo) -> float:
    """Code may pass seconds; where a file is read (there is a context), only strings count."""
    return value if isinstance(value, float) and info.context is None else parse_duration(value)


def _check_app_name(value: str) -> str:
    if not value.strip() or len(value) > 64 or not value.isprintable():
        raise ValueError("must be 1 to 64 printable characters")
    return value


def _check_region(value: str) -> str:
    if value not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError('not a country: write its two capital letters (ISO 3166), such as "GB"')
    return value


def _check_countries(value: tuple[str, ...]) -> tuple[str, ...]:
    if value != ("*",):
        if "*" in value:
            raise ValueError('"*" stands alone: it already means every country')
        for each in value:
            _check_region(each)
    return value


def matching(pattern: str, message: str) -> AfterValidator:
    """Text that `pattern` matches from its beginning to its end, or else `message`."""
    expression = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        if not expression.fullmatch(value):
            raise ValueError(message)
        return value

    return AfterValidator(check)


def _check_text(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError("must not be blank nor hold control characters")
    return value


def _check_secret(value: SecretStr) -> SecretStr:
    if not value.get_secret_value():
        raise ValueError("is empty")
    return value


T = TypeVar("T")


def _check_not_empty(value: tuple[T, ...]) -> tuple[T, ...]:
    if not value:
        raise ValueError("an empty list could mean all or nothing: name something, or leave the key out")
    if len(set(value)) != len(value):
        raise ValueError("names the same thing twice")
    return value


MADE_LATER = "made later"
"""Marks a file that Gatepost writes itself."""
Integer = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Seconds = Annotated[float, BeforeValidator(_build_seconds), Field(gt=0, le=31_622_400)]
"""More than nothing and at most a year."""
LongSeconds = Annotated[float, BeforeValidator(_build_seconds)]
"""Its limits are beside the key: what is kept for proof is kept for years."""
SecondsOrNone = Annotated[float, BeforeValidator(_build_seconds), Field(ge=0, le=63_244_800)]
"""At most two years; 0 turns something off."""
IdentityEncoding = Literal["utf-8", "percent", "leave_out"]
"""How ``Remote-User`` and its like write what is not ASCII: as it is, percent-encoded, or not at all."""
AppName = Annotated[str, AfterValidator(_check_app_name)]
RealmName = Annotated[
    str, matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "must be 1 to 64 letters, digits, dots, dashes or underscores")
]
NetBIOSName = Annotated[
    str,
    matching(
        r"[^\\/:*?\"<>|@\s\x00-\x1f]{1,15}", 'not a NetBIOS name: write what stands before the "\\", such as "CORP"'
    ),
]
AttributeName = Annotated[
    str, matching(r"[A-Za-z][A-Za-z0-9-]{0,63}", 'not the name of an LDAP attribute, such as "mobile"')
]
NumberRange = Annotated[
    str,
    matching(
        r"\+[1-9][0-9]{3,14}", 'not the beginning of a number: write "+" and 4 to 15 digits, such as "+447700900"'
    ),
]
NamePattern = Annotated[str, matching(r"[^\s/\[\]]{1,64}", 'not a user name, in which "*" stands for any characters')]
ServicePrincipal = Annotated[
    str,
    matching(
        r"[A-Za-z]{1,32}/[a-z0-9.-]{1,253}@[A-Z0-9.-]{1,253}",
        'not a service: write it as in "HTTP/signin.corp.example@CORP.EXAMPLE"',
    ),
]
NotBlank = AfterValidator(_check_text)
"""One line that holds something."""
Text = Annotated[str, NotBlank]
Secret = Annotated[SecretStr, AfterValidator(_check_secret)]
PlainAddress = Annotated[
    str,
    matching(
        r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}",
        'not a plain e-mail address: write "otp@corp.example", without a name and brackets',
    ),
]
SiteName = Annotated[
    str, matching(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", "not the name of an Active Directory site")
]
StorePrefix = RealmName
TargetPath = Annotated[
    str,
    matching(r"/[!-\"$-~]{0,1023}", 'not a path: write what stands behind the host in a URL, such as "/healthz"'),
]
Region = Annotated[str, AfterValidator(_check_region)]
NotEmpty = AfterValidator(_check_not_empty)
Countries = Annotated[tuple[str, ...], NotEmpty, AfterValidator(_check_countries)]
