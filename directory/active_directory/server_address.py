"""Where a domain controller listens: a pure value, from ``ldaps://HOST[:PORT]`` or ``ldap://HOST[:PORT]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"ldaps": 636, "ldap": 389}
_GLOBAL_CATALOG_PORTS = (3268, 3269)


@dataclass(frozen=True, slots=True)
class ServerAddress:
    scheme: Literal["ldaps", "ldap"]
    """``ldap`` starts in clear and switches to TLS (StartTLS) before anything else is sent."""
    host: str
    """What the certificate must be for."""
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def parse_server(text: str) -> ServerAddress:
    """Raises `ValueError` with a sentence for the operator."""
    parts = urlsplit(text)
    port = parts.port  # raises ValueError itself
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.username is not None:
        raise ValueError(f'{text!r} is not a server: write "ldaps://dc1.corp.example"')
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{text!r} must hold only a host and, if need be, a port")
    if port in _GLOBAL_CATALOG_PORTS:
        raise ValueError(
            f"{text!r} is a Global Catalog, which holds no mobile numbers (MS-ADSC: mobile is not in the partial set)"
        )
    scheme: Literal["ldaps", "ldap"] = "ldaps" if parts.scheme == "ldaps" else "ldap"
    return ServerAddress(scheme, parts.hostname, port or _DEFAULT_PORTS[scheme])
