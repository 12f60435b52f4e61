"""How the servers of a realm are found, by its settings."""

from __future__ import annotations

import random

from config.settings import ActiveDirectorySettings
from directory.active_directory.discovery import DiscoveryFailed, ListedServers, Locator
from directory.active_directory.host_addresses import HostAddresses
from directory.active_directory.server_address import parse_server
from directory.errors import DirectoryMisconfigured


def locator_of(settings: ActiveDirectorySettings) -> tuple[Locator, HostAddresses]:
    """How a realm's servers, and then their addresses, are found. Raises `DirectoryMisconfigured`."""
    addresses = HostAddresses()
    try:
        if settings.servers and not settings.dns_servers:
            return ListedServers(map(parse_server, settings.servers)), addresses
        # Not above: what asks DNS takes 3 MiB of every worker.
        from directory.active_directory.srv_servers import SRVServers, addresses_by, create_resolver

        resolver = create_resolver(settings.dns_servers)
        if settings.dns_servers:
            addresses = HostAddresses(addresses_by(resolver))
        if settings.servers:
            return ListedServers(map(parse_server, settings.servers)), addresses
    except (DiscoveryFailed, ValueError) as exc:
        raise DirectoryMisconfigured(settings.name, str(exc)) from exc
    draw = random.SystemRandom().randint
    servers = SRVServers(
        settings.domain,
        resolver,
        site=settings.site,
        suffixes=settings.controller_suffixes,
        draw=lambda highest: draw(0, highest),
    )
    return servers, addresses
