"""The kinds of value that the configuration holds: durations, addresses, hosts, URLs."""

from __future__ import annotations

import re
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd])", re.ASCII)
_HOST = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*", re.ASCII)


def parse_duration(value: object) -> float:
    """Seconds from a string such as ``"30s"``, ``"5m"``, ``"12h"``, ``"1d"``; `ValueError` on anything else."""
    if isinstance(value, float):  # a default, already in seconds
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('not a duration: write a string such as "30s", "5m", "12h" or "1d"')
    return float(match[1]) * _UNITS[match[2]]


def parse_host(value: str) -> str:
    """A host name in lower case without a trailing dot; `ValueError` if it has a port or is none."""
    host = value.lower().removesuffix(".")
    if not _HOST.fullmatch(host):
        raise ValueError("not a host name (write it without scheme, port and path)")
    return host


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
        parts = urlsplit(text)
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
        if text.startswith("unix:/"):
            return cls("unix", "", 0, text.removeprefix("unix:"))
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ValueError('not an upstream: write "http://10.0.0.5:8080", "https://wiki.internal" or "unix:/path"')
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("must not have a path, query or fragment: the request's own is used")
        port = parts.port if parts.port is not None else {"http": 80, "https": 443}[parts.scheme]
        return cls(parts.scheme, parts.hostname, port, "")


def _check_app_name(value: str) -> str:
    if not value.strip() or len(value) > 64 or not value.isprintable():
        raise ValueError("must be 1 to 64 printable characters")
    return value


Seconds = Annotated[float, BeforeValidator(parse_duration)]
HostName = Annotated[str, AfterValidator(parse_host)]
AppName = Annotated[str, AfterValidator(_check_app_name)]
