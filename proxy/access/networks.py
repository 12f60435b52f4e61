"""Who the client is when other proxies stand in front: only what trusted proxies say is believed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from config.addresses import Network

MAX_HOPS = 32
"""Entries of ``X-Forwarded-For`` that are looked at, from the right."""
UNKNOWN = "unknown"
"""RFC 7239 section 6. It is in no network: what only some networks may do, an unknown client may not."""
_PORT = re.compile(r"(:[0-9]{1,5})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPlace:
    """Where a request came from, as far as it can be believed."""

    address: str
    """The client's IP address in its canonical text form; `UNKNOWN` where a trusted proxy says something else."""
    proxies: tuple[str, ...] = ()
    """The trusted proxies between the client and this server, the nearest last."""
    is_https: bool


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """An IP address, with or without port and brackets; IPv4-mapped IPv6 becomes IPv4. None if it is none."""
    text = text.strip(" \t")
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    port = ""
    if text.startswith("["):
        text, bracket, port = text[1:].partition("]")
        if not bracket:
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        port = ":" + port
    if _PORT.fullmatch(port) is None:
        return None
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_within(address: IPv4Address | IPv6Address | None, networks: Sequence[Network]) -> bool:
    """Whether `address` is in one of `networks`; an unknown address is in none."""
    return address is not None and any(address in network for network in networks)


def place_of_client(
    *,
    peer: str,
    is_tls: bool,
    forwarded_for: Sequence[bytes],
    forwarded_proto: Sequence[bytes],
    trusted: Sequence[Network],
) -> ClientPlace:
    """Read ``X-Forwarded-For`` (its lines in order) right to left, as long as the hop that wrote an entry is trusted.

    The first address that is not a trusted proxy is the client. An entry that is no address ends the reading, with
    the client unknown: were it taken to be the proxy, it would be let into the proxy's network.
    ``X-Forwarded-Proto`` counts where the peer itself is trusted and its
    last value is ``http`` or ``https``. Never raises.
    """
    here = parse_address(peer)
    if not is_within(here, trusted):
        return ClientPlace(address=str(here) if here is not None else peer, is_https=is_tls)
    entries = b",".join(forwarded_for).decode("latin-1").rsplit(",", MAX_HOPS)[-MAX_HOPS:] if forwarded_for else []
    proxies: list[str] = []
    for entry in reversed(entries):
        before = parse_address(entry)
        proxies.insert(0, str(here))
        if before is None:
            here = None
            break
        here = before
        if not is_within(here, trusted):
            break
    proto = b",".join(forwarded_proto).rpartition(b",")[2].strip(b" \t").lower()
    is_https = proto == b"https" if proto in (b"http", b"https") else is_tls
    address = str(here) if here is not None else UNKNOWN
    return ClientPlace(address=address, proxies=tuple(proxies), is_https=is_https)
