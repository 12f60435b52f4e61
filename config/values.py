"""The kinds of value that the configuration holds: durations, addresses, hosts, URLs."""

from __future__ import annotations

import re
import unicodedata
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from string import Formatter
from typing import Annotated, Any, NamedTuple, TypeVar
from urllib.parse import SplitResult, urlsplit

import phonenumbers
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    PlainValidator,
    SecretStr,
    Strict,
    ValidationInfo,
)
from pydantic_core import CoreSchema, core_schema

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd])", re.ASCII)
_UPSTREAM_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._-]{0,252})", re.ASCII)
TEXT_PLACEHOLDERS = ("passcode", "app", "host", "minutes", "name", "tag")
_HOST = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*", re.ASCII)


def parse_duration(value: object) -> float:
    """Seconds from a string such as ``"30s"``, ``"5m"``, ``"12h"``, ``"1d"``; `ValueError` on anything else."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('not a duration: write a string such as "30s", "5m", "12h" or "1d"')
    return float(match[1]) * _UNITS[match[2]]


def _build_seconds(value: object, info: ValidationInfo) -> float:
    """Code may pass seconds; where a file is read (there is a context), only strings count."""
    return value if isinstance(value, float) and info.context is None else parse_duration(value)


def parse_host(value: str) -> str:
    """A host name in lower case without a trailing dot; `ValueError` if it has a port or is none."""
    host = value.lower().removesuffix(".")
    if not _HOST.fullmatch(host):
        raise ValueError("not a host name (write it without scheme, port and path)")
    return host


def parse_machine(value: str) -> str:
    """A host name (underscores allowed, as container networks have them) or an IP address without brackets."""
    host = value.lower().removeprefix("[").removesuffix("]")
    if not is_ip(host) and not _UPSTREAM_HOST.fullmatch(host):
        raise ValueError("not a host name or IP address (write it without scheme, port and path)")
    return host


def is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a name or address can only mean this machine (RFC 6761 section 6.3 for ``localhost``)."""
    if is_ip(host):
        return ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _split(text: str) -> SplitResult:
    """`urlsplit`, which silently drops tabs and newlines, of text that holds none."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("not a URL: it holds blanks, control or non-ASCII characters")
    return urlsplit(text)


class _Parsed:
    """What the values below share: pydantic builds them from a string by their `parse`."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def build(value: object) -> object:
            if isinstance(value, cls):
                return value
            if not isinstance(value, str):
                raise ValueError("must be a string")
            return cls.parse(value)  # type: ignore[attr-defined]  # each value class defines it

        return core_schema.no_info_plain_validator_function(build)


class _Address(NamedTuple):
    host: str
    port: int


class ListenAddress(_Parsed, _Address):
    """A TCP address to listen on; port 0 lets the system choose."""

    @classmethod
    def parse(cls, text: str) -> ListenAddress:
        """From ``"127.0.0.1:8080"`` or ``"[::]:8443"``."""
        host, separator, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError('not an address to listen on: write "127.0.0.1:8080" or "[::]:8443"')
        return cls(host, int(port))


class _URL(NamedTuple):
    scheme: str
    host: str
    port: int


class PublicURL(_Parsed, _URL):
    """Scheme, host and port under which browsers reach the sign-in pages."""

    @property
    def origin(self) -> str:
        """``https://host[:port]``, the default port left out (RFC 6454 section 6.2)."""
        return self.scheme + "://" + self.authority(self.host)

    def authority(self, host: str) -> str:
        """`host` with this URL's port where that is not the scheme's default."""
        default = {"http": 80, "https": 443}[self.scheme]
        return host if self.port == default else f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> PublicURL:
        parts = _split(text)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ValueError('not an origin: write "https://signin.corp.example"')
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("must not have a path, query or fragment")
        port = parts.port if parts.port is not None else {"http": 80, "https": 443}[parts.scheme]
        return cls(parts.scheme, parse_host(parts.hostname), port)


class _Upstream(NamedTuple):
    scheme: str
    host: str
    port: int
    path: str


class UpstreamURL(_Parsed, _Upstream):
    """Where an app's server is: ``http``, ``https`` (host and port) or ``unix`` (the socket's `path`)."""

    @property
    def authority(self) -> str:
        """What the upstream's own ``Host`` would be."""
        if self.scheme == "unix":
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> UpstreamURL:
        """From ``http://10.0.0.5:8080``, ``https://wiki.internal`` or ``unix:/run/wiki.sock``."""
        if text.startswith("unix:/") and "\0" not in text:
            return cls("unix", "", 0, text.removeprefix("unix:"))
        parts = _split(text)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ValueError('not an upstream: write "http://10.0.0.5:8080", "https://wiki.internal" or "unix:/path"')
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("must not have a path, query or fragment: the request's own is used")
        port = parts.port if parts.port is not None else {"http": 80, "https": 443}[parts.scheme]
        if not port:
            raise ValueError("port 0 cannot be connected to")
        return cls(parts.scheme, parse_machine(parts.hostname), port, "")


def _check_app_name(value: str) -> str:
    if not value.strip() or len(value) > 64 or not value.isprintable():
        raise ValueError("must be 1 to 64 printable characters")
    return value


def _parse_network(value: object) -> IPv4Network | IPv6Network:
    if isinstance(value, (IPv4Network, IPv6Network)):
        return value
    try:
        if isinstance(value, str):
            return ip_network(value)
    except ValueError as error:
        if "host bits" in str(error):
            raise ValueError("not a network: its host part must be zero, as in 10.0.0.0/8") from None
    raise ValueError('not a network: write "10.0.0.0/8", "2001:db8::/32" or a single address')


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


def _matching(pattern: str, message: str) -> AfterValidator:
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


def _check_ldap_server(value: str) -> str:
    parts = _split(value)
    if parts.scheme not in ("ldap", "ldaps") or not parts.hostname or parts.username is not None:
        raise ValueError('not an LDAP server: write "ldaps://dc1.corp.example" or "ldap://dc1.corp.example"')
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.port == 0:
        raise ValueError("must hold only a host and, if need be, a port")
    parse_machine(parts.hostname)
    return value


def parse_dns_server(value: str) -> tuple[str, int]:
    """Address and port of ``"10.0.0.53"``, ``"10.0.0.53:5353"``, ``"[2001:db8::53]:5353"``; `ValueError` otherwise."""
    host, separator, port = value.rpartition(":")
    if not separator or is_ip(value):
        host, port = value, "53"
    host = host.removeprefix("[").removesuffix("]")
    if not is_ip(host) or not port.isascii() or not port.isdigit() or not 0 < int(port) <= 65535:
        raise ValueError('not the address of a DNS server: write "10.0.0.53" or "10.0.0.53:5353"')
    return host, int(port)


def _check_dns_server(value: str) -> str:
    parse_dns_server(value)
    return value


def _check_rule_path(value: str) -> str:
    """Written as rules are matched: decoded, in the one form that a request may have (`proxy.access.paths`)."""
    segments = value.split("/")[1:]
    if not value.startswith("/") or not value.isprintable():
        raise ValueError('not a path: write "/admin/" for all below it, or "/admin/users" for exactly that')
    if any(sign in value for sign in "\\%;?#") or unicodedata.normalize("NFC", value) != value:
        raise ValueError("must be written decoded, without query, parameters, backslashes and percent signs")
    if "" in segments[:-1] or any(segment.endswith((".", " ")) for segment in segments):
        raise ValueError("has an empty segment, or one that ends in a dot or a blank: no request gets so far")
    return value


def _check_rule_pattern(value: str) -> str:
    segments = _check_rule_path(value).split("/")
    if "*" not in value:
        raise ValueError('has no "*": write it as path')
    if segments.count("**") > 1 or any(segment.count("*") > 1 for segment in segments if segment != "**"):
        raise ValueError('may hold one "*" in each segment, and one "**" that is a segment of its own')
    return value


def _check_plain_rule_path(value: str) -> str:
    if "*" in value:
        raise ValueError('holds a "*": write it as pattern')
    return _check_rule_path(value)


def _check_sms_text(value: str) -> str:
    """A text of a passcode message in one line."""
    if not value.isprintable():
        raise ValueError("must be a single line without control characters")
    if "passcode" not in _text_placeholders(value):
        raise ValueError("must contain {passcode}")
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
            raise ValueError(f"has an unknown placeholder; known are {known}")
    return [str(name) for name, _, _ in fields]


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


Integer = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Seconds = Annotated[float, BeforeValidator(_build_seconds), Field(gt=0, le=31_622_400)]
"""More than nothing and at most a year."""
SecondsOrNone = Annotated[float, BeforeValidator(_build_seconds), Field(ge=0, le=63_244_800)]
"""At most two years; 0 turns something off."""
Network = Annotated[IPv4Network | IPv6Network, PlainValidator(_parse_network)]
HostName = Annotated[str, AfterValidator(parse_host)]
Machine = Annotated[str, AfterValidator(parse_machine)]
AppName = Annotated[str, AfterValidator(_check_app_name)]
RealmName = Annotated[
    str, _matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "must be 1 to 64 letters, digits, dots, dashes or underscores")
]
NetBIOSName = Annotated[
    str,
    _matching(
        r"[^\\/:*?\"<>|@\s\x00-\x1f]{1,15}", 'not a NetBIOS name: write what stands before the "\\", such as "CORP"'
    ),
]
AttributeName = Annotated[
    str, _matching(r"[A-Za-z][A-Za-z0-9-]{0,63}", 'not the name of an LDAP attribute, such as "mobile"')
]
NumberRange = Annotated[
    str,
    _matching(
        r"\+[1-9][0-9]{3,14}", 'not the beginning of a number: write "+" and 4 to 15 digits, such as "+447700900"'
    ),
]
ServicePrincipal = Annotated[
    str,
    _matching(
        r"[A-Za-z]{1,32}/[a-z0-9.-]{1,253}@[A-Z0-9.-]{1,253}",
        'not a service: write it as in "HTTP/signin.corp.example@CORP.EXAMPLE"',
    ),
]
Text = Annotated[str, AfterValidator(_check_text)]
Secret = Annotated[SecretStr, AfterValidator(_check_secret)]
PlainAddress = Annotated[
    str,
    _matching(
        r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}",
        'not a plain e-mail address: write "otp@corp.example", without a name and brackets',
    ),
]
DNSServer = Annotated[str, AfterValidator(_check_dns_server)]
SiteName = Annotated[
    str, _matching(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", "not the name of an Active Directory site")
]
Method = Annotated[str, _matching(r"[A-Z][A-Z-]{0,31}", 'not a method: write it in capitals, such as "GET"')]
RulePath = Annotated[str, AfterValidator(_check_plain_rule_path)]
RulePattern = Annotated[str, AfterValidator(_check_rule_pattern)]
StorePrefix = Annotated[
    str, _matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "must be 1 to 64 letters, digits, dots, dashes or underscores")
]
LDAPServer = Annotated[str, AfterValidator(_check_ldap_server)]
SMSText = Annotated[str, AfterValidator(_check_sms_text)]
LongText = Annotated[str, Field(max_length=2000), AfterValidator(_check_long_text)]
MailSubject = Annotated[str, Field(max_length=200), AfterValidator(_check_mail_subject)]
Language = Annotated[
    str, _matching(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*", 'not a language in small letters: write "en", "de" or "pt-br"')
]
TargetPath = Annotated[
    str,
    _matching(r"/[!-\"$-~]{0,1023}", 'not a path: write what stands behind the host in a URL, such as "/healthz"'),
]
Region = Annotated[str, AfterValidator(_check_region)]
NotEmpty = AfterValidator(_check_not_empty)
Countries = Annotated[tuple[str, ...], NotEmpty, AfterValidator(_check_countries)]
