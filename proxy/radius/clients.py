"""Which configured client a packet comes from, and what its person is counted by. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from config.settings import RADIUSClientSettings
from directory.login_name import fold
from proxy.access.networks import parse_address
from proxy.radius.packets import CALLING_STATION_ID, RADIUSRequest

_DIGITS = 12


def client_at(address: str, clients: Sequence[RADIUSClientSettings]) -> RADIUSClientSettings | None:
    """The one whose network is the narrowest around an address; None: a stranger's."""
    found = parse_address(address)
    around = [each for each in clients if found is not None and found in each.address]
    return max(around, key=lambda each: each.address.prefixlen, default=None)


def address_of_person(client: RADIUSClientSettings, request: RADIUSRequest, *, folded_name: str, key: bytes) -> str:
    """What limits count as the person's address, and schemes take for their place.

    It is their own IP address where the client is trusted to tell it. The client's address would be everybody's: the
    wrong passwords of one would stop them all, and it may lie in a network in which a password is enough. So otherwise
    each typed name has an address of its own at each client, in no network. The digest hides what was typed: it may be
    a password.
    """
    own = parse_address(request.text(CALLING_STATION_ID)) if client.trusts_calling_station else None
    if own is not None:
        return str(own)
    digest = hmac.digest(key, f"radius\0{client.name}\0{folded_name}".encode(errors="replace"), "sha256")
    return f"RADIUS {client.name} {digest.hex()[:_DIGITS]}"


def folded_name(request_name: str) -> str:
    """One spelling for what a directory takes for the same name."""
    return fold(request_name.strip())
