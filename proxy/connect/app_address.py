"""The address of an app as it was typed, and where it is served on this machine. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"https": 443, "http": 80}


class UnusableAddress(Exception):
    """Says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAddress:
    scheme: str
    host: str
    port: int
    target: str
    """Path and query to begin with."""

    @property
    def origin(self) -> str:
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"


def read_address(text: str) -> AppAddress:
    """Raises `UnusableAddress`. A password goes over https, or stays on this machine."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise UnusableAddress(f"{text!r} is no URL") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise UnusableAddress(f"{text!r} is no URL of an app, such as https://wiki.corp.example")
    if parts.username is not None or parts.password is not None:
        raise UnusableAddress("the URL holds a name or password: leave them out, they are asked for")
    if parts.scheme == "http" and not is_of_this_machine(parts.hostname):
        raise UnusableAddress("the URL is http: a password goes over https only")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return AppAddress(scheme=parts.scheme, host=parts.hostname, port=port or _PORTS[parts.scheme], target=target)


def is_of_this_machine(host: str) -> bool:
    """RFC 6761 section 6.3: all of ``localhost``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def read_listen(text: str) -> tuple[str, int]:
    """Of ``127.0.0.1:8080`` or ``[::1]:8080``. Raises `UnusableAddress`: others of the network never reach it."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UnusableAddress(f"{text!r} is no address with a port, such as 127.0.0.1:8080")
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host, int(port)
    except ValueError:
        pass
    raise UnusableAddress(f"{text!r} is no loopback address: what is served here is signed in already")
