"""The domain controllers of a domain: those that the configuration lists, or those that DNS names in SRV records
(`srv_servers.py`)."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from config.problems import UnusableFile
from config.settings import ActiveDirectorySettings
from directory.active_directory.deadline_socket import create_tls_context
from directory.active_directory.server_address import ServerAddress
from directory.errors import DirectoryMisconfigured

SHORTEST_SECONDS, LONGEST_SECONDS = 30.0, 3600.0
"""The records are looked up again after their time to live, but never sooner or later than this."""


class DiscoveryFailed(Exception):
    """DNS named no domain controller. The text is for the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedServer:
    """A server and the rank that the operator gave it: lower ones first, equal ones by how fast they answer."""

    address: ServerAddress
    rank: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    candidates: tuple[RankedServer, ...]
    """Best first, as far as ranks and weights say."""
    left_out: tuple[str, ...] = ()
    """Names that DNS gave and that are not below the domain."""
    lifetime_seconds: float
    origin: str
    """Where they come from, for `gatepost check`."""


class Locator(Protocol):
    """Finds the servers; may block for some seconds. Raises `DiscoveryFailed`."""

    def locate(self) -> Located: ...


class ListedServers:
    """Those of the configuration, all equal in rank: the fastest one is asked."""

    def __init__(self, servers: Iterable[ServerAddress]) -> None:
        self._candidates = tuple(RankedServer(address=address) for address in dict.fromkeys(servers))

    def locate(self) -> Located:
        return Located(candidates=self._candidates, lifetime_seconds=LONGEST_SECONDS, origin="the configuration")


def tls_context_of(settings: ActiveDirectorySettings) -> ssl.SSLContext:
    """What connections to a realm's servers are secured with. Raises `DirectoryMisconfigured`."""
    try:
        return create_tls_context(settings.ca_file)
    except UnusableFile as exc:
        raise DirectoryMisconfigured(settings.name, f"ca_file: {exc}") from exc
