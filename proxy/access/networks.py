"""Who the client is when other proxies stand in front: only what trusted proxies say is believed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from config.addresses import Network

MAX_HOPS = 32
"""How many entries of ``X-Forwarded-For`` are read, from the right."""
UNKNOWN = "unknown"
"""RFC 7239 section 6. It is in no network, so a client at an unknown address gets nothing that needs a network."""
_SCHEMES = {b"https": True, b"wss": True, b"http": False, b"ws": False}
_PORT = re.compile(r"(:[0-9]{1,5})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPlace:
    """Where a request came from, as far as it can be believed."""

    address: str
    """The client's IP address in its canonical text form; `UNKNOWN` if a trusted proxy says something else."""
    proxies: tuple[str, ...] = ()
    """The trusted proxies between the client and this server, the nearest last."""
    is_https: bool


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """An IP address, with or without port and brackets; IPv4-mapped IPv6 becomes IPv4. None if it is not one."""
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


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address itself, the /64 of an IPv6 address; other text as it is.

    One network gets a /64 (RFC 6177, RFC 8981), and it is often one household or one machine. A client that has one
    address of it has all of them.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)


def place_of_client(
    *,
    peer: str,
    is_tls: bool,
    forwarded_for: Sequence[bytes],
    forwarded_proto: Sequence[bytes],
    trusted: Sequence[Network],
) -> ClientPlace:
    """Read ``X-Forwarded-For`` (its lines in order) right to left, as long as the hop that wrote an entry is trusted.

    The first address that is not a trusted proxy is the client. If an entry is not an IP address, the reading ends
    and the client is unknown: if we took it for the proxy instead, it would be let into the proxy's network.
    ``X-Forwarded-Proto`` counts only if the peer itself is trusted. The hop that saw the client decides. Never raises.
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
    said = _said_by_hop(forwarded_proto, max(1, len(proxies)))
    address = str(here) if here is not None else UNKNOWN
    return ClientPlace(address=address, proxies=tuple(proxies), is_https=is_tls if said is None else said)


def scheme_is_https(proto: bytes) -> bool | None:
    """The scheme that a proxy names; Traefik names a WebSocket's own (``wss``). None: unreadable."""
    return _SCHEMES.get(proto.strip(b" \t").lower())


def _said_by_hop(lines: Sequence[bytes], hop: int) -> bool | None:
    """In a list to which each hop appended, the entry of the hop that saw the client: the `hop`-th from the right.

    The client may have written everything to the left of it. If the list is shorter, some hops wrote nothing, and its
    first entry is nearest to the client. If a hop's entry is empty, the next one counts.
    """
    entries = b",".join(lines).rsplit(b",", MAX_HOPS)[-hop:] if lines else []
    spoken = next((entry for entry in entries if entry.strip(b" \t")), b"")
    return scheme_is_https(spoken)
