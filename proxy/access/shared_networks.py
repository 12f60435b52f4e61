"""Networks of computers that several people use, one after the other: pure."""

from __future__ import annotations

from collections.abc import Iterable

from config.settings import NetworkSettings
from proxy.access.networks import is_within, parse_address


def shared_network(networks: Iterable[NetworkSettings], client_address: str) -> NetworkSettings | None:
    """The first one that the client is in. A client whose address cannot be read may be in any of them."""
    address = parse_address(client_address)
    shared = (each for each in networks if each.shared)
    return next((each for each in shared if address is None or is_within(address, each.addresses)), None)
