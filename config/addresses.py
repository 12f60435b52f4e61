"""The values that say where something is: hosts, addresses, networks, URLs."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

import idna
from pydantic import AfterValidator, GetCoreSchemaHandler, PlainValidator
from pydantic_core import CoreSchema, core_schema

_HOST = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*", re.ASCII)
_UPSTREAM_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._-]{0,252})", re.ASCII)
_HTTP_PORTS = {"http": 80, "https": 443}


def parse_host(value: str) -> str:
    """A host name in lower case without a trailing dot; `ValueError` if it has a port or is none."""
    host = _ascii(value).lower().removesuffix(".")
    if not _HOST.fullmatch(host):
        raise ValueError("not a host name (write it without scheme, port and path)")
    return host


def _ascii(host: str) -> str:
    """An internationalised name as browsers, DNS and certificates have it: ``xn--...`` (IDNA 2008, RFC 5891).

    What is typed is mapped before as UTS 46 says: capitals, wide letters, the ideographic full stop.
    """
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True, std3_rules=True).decode("ascii")
    except idna.IDNAError:
        raise ValueError("not a host name that DNS can have (IDNA 2008): write it as xn--...") from None


def parse_machine(value: str) -> str:
    """A host name (underscores allowed, as container networks have them) or an IP address without brackets."""
    host = _ascii(value.removeprefix("[").removesuffix("]")).lower()
    if not is_ip(host) and not _UPSTREAM_HOST.fullmatch(host):
        raise ValueError("not a host name or IP address (write it without scheme, port and path)")
    return host


def ends_in_number(host: str) -> bool:
    """Whether the last label is a number, so that resolvers take the whole for an IPv4 address in some old spelling:
    ``127.1``, ``0x7f000001`` (inet_aton(3); URL standard, "ends in a number checker")."""
    last = host.removesuffix(".").rpartition(".")[2]
    return last.isascii() and (last.isdigit() or re.fullmatch(r"0[xX][0-9A-Fa-f]*", last) is not None)


def parse_target_host(value: str) -> str:
    """What `[[ssh.targets]]` name: a host, ``*.`` and a zone, an address, or a network; in its canonical form."""
    if "/" in value:
        return str(_parse_network(value))
    if value.startswith("*."):
        return "*." + parse_host(value.removeprefix("*."))
    host = parse_machine(value).removesuffix(".")
    if is_ip(host):
        return str(ip_address(host))
    if ends_in_number(host):
        raise ValueError("not a host name, and not an IP address in full (write it as in 10.0.0.5)")
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
    if not text.isprintable() or any(char.isspace() for char in text):
        raise ValueError("not a URL: it holds spaces or control characters")
    if not text.isascii():
        start, end = text.find("://") + 3, len(text)
        for stop in "/?#":
            found = text.find(stop, start)
            end = found if 0 <= found < end else end
        host, colon, port = text[start:end].partition(":")
        # A character that only looks like a slash or a colon must not become one.
        if text.find("://") < 0 or "@" in host or not text[end:].isascii():
            raise ValueError("not a URL: only its host may hold letters beyond ASCII")
        text = f"{text[:start]}{_ascii(host)}{colon}{port}{text[end:]}"
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  # it raises for what is none
    except ValueError:
        raise ValueError("not a URL: its host, or its port (0 to 65535), is wrong") from None
    return parts


class Parsed:
    """What values share that are written as one string: pydantic builds them from it with their `parse`."""

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


class ListenAddress(Parsed, _Address):
    """An address to listen on; port 0 lets the system choose."""

    @classmethod
    def parse(cls, text: str) -> ListenAddress:
        """From ``"127.0.0.1:8080"`` or ``"[::]:8443"``."""
        host, separator, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError('not an address to listen on: write "127.0.0.1:8080" or "[::]:8443"')
        return cls(host, int(port))


class ResolverAddress(Parsed, _Address):
    """Where DNS is asked."""

    @classmethod
    def parse(cls, text: str) -> ResolverAddress:
        """From ``"10.0.0.53"``, ``"10.0.0.53:5353"`` or ``"[2001:db8::53]:5353"``."""
        host, separator, port = text.rpartition(":")
        if not separator or is_ip(text):
            host, port = text, "53"
        host = host.removeprefix("[").removesuffix("]")
        if not is_ip(host) or not port.isascii() or not port.isdigit() or not 0 < int(port) <= 65535:
            raise ValueError('not the address of a DNS server: write "10.0.0.53" or "10.0.0.53:5353"')
        return cls(host, int(port))


class _URL(NamedTuple):
    scheme: str
    host: str
    port: int


class PublicURL(Parsed, _URL):
    """Scheme, host and port under which browsers reach the sign-in pages."""

    @property
    def origin(self) -> str:
        """``https://host[:port]``, the default port left out (RFC 6454 section 6.2)."""
        return self.scheme + "://" + self.authority(self.host)

    def authority(self, host: str) -> str:
        """`host` with this URL's port where that is not the scheme's default."""
        return host if self.port == _HTTP_PORTS[self.scheme] else f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> PublicURL:
        parts = _split(text)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ValueError('not an origin: write "https://signin.corp.example"')
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("must not have a path, query or fragment")
        port = parts.port if parts.port is not None else _HTTP_PORTS[parts.scheme]
        return cls(parts.scheme, parse_host(parts.hostname), port)


class SyslogURL(Parsed, _Address):
    """Host and port of a syslog server, spoken to over TLS."""

    @classmethod
    def parse(cls, text: str) -> SyslogURL:
        """From ``tls://log.corp.example`` or ``tls://log.corp.example:6514`` (RFC 5425 section 4.1)."""
        parts = _split(text)
        if parts.scheme != "tls" or not parts.hostname or parts.username is not None:
            raise ValueError('not a syslog server over TLS: write "tls://log.corp.example:6514"')
        if parts.path not in ("", "/") or parts.query or parts.fragment or parts.port == 0:
            raise ValueError("must hold only a host and, if need be, a port")
        return cls(parse_machine(parts.hostname), parts.port or 6514)


class _Upstream(NamedTuple):
    scheme: str
    host: str
    port: int
    path: str


class UpstreamURL(Parsed, _Upstream):
    """Where an app's server is: ``http``, ``https`` (host and port) or ``unix`` (the socket's `path`)."""

    @property
    def authority(self) -> str:
        """What the upstream's own ``Host`` would be."""
        if self.scheme == "unix":
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _HTTP_PORTS[self.scheme] else f"{host}:{self.port}"

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
        port = parts.port if parts.port is not None else _HTTP_PORTS[parts.scheme]
        if not port:
            raise ValueError("port 0 cannot be connected to")
        return cls(parts.scheme, parse_machine(parts.hostname), port, "")


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


def _check_ldap_server(value: str) -> str:
    parts = _split(value)
    if parts.scheme not in ("ldap", "ldaps") or not parts.hostname or parts.username is not None:
        raise ValueError('not an LDAP server: write "ldaps://dc1.corp.example" or "ldap://dc1.corp.example"')
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.port == 0:
        raise ValueError("must hold only a host and, if need be, a port")
    parse_machine(parts.hostname)
    return value if value.isascii() else parts.geturl()


HostName = Annotated[str, AfterValidator(parse_host)]
Machine = Annotated[str, AfterValidator(parse_machine)]
TargetHost = Annotated[str, AfterValidator(parse_target_host)]
Network = Annotated[IPv4Network | IPv6Network, PlainValidator(_parse_network)]
LDAPServer = Annotated[str, AfterValidator(_check_ldap_server)]
