"""Who may open a connection to what: the whole policy of the jump host, pure.

It is asked twice. Before a name is resolved, so that nobody makes Gatepost look up names that they may not open. And
with the addresses that it stands for, so that no name leads to this machine itself. What is connected to then is one
of the addresses that were judged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from config.addresses import ends_in_number, is_loopback, parse_machine
from config.tables.ssh import SSHTargetSettings
from proxy.access.networks import is_within
from proxy.sessions.session import Level, Session

Address = IPv4Address | IPv6Address
_LOCAL = tuple(map(ip_network, ("127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10")))
"""Loopback and link-local: nobody's but this machine's, or its neighbours'. Clouds keep their secrets there."""
_OF_CLOUDS = tuple(map(ip_network, ("fd00:ec2::254/128", "fd20:ce::254/128", "100.100.100.200/32", "168.63.129.16/32")))
"""Where a cloud answers the machine that asks, outside link-local: AWS and Google by IPv6, Alibaba, Azure's WireServer.
In many domains anybody may write DNS records, so a zone's names lead wherever somebody wants."""


class TargetRefusal(Enum):
    """Why not, for the log. A client is told no more than that it may not."""

    MALFORMED = "no host and port"
    SESSION = "the session opens no targets"
    NOT_PERMITTED = "no target permits it"
    THIS_MACHINE = "leads to this machine"
    LINK_LOCAL = "leads to a link-local address"
    CLOUD = "leads to the cloud's own service for this machine"
    OWN_PORT = "leads to a port of Gatepost's own"
    NOWHERE = "leads to no address of one machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """What was asked for, in its canonical form."""

    host: str
    """A name in lower case, or an address."""
    port: int

    @property
    def address(self) -> Address | None:
        """None: it was asked for by name."""
        return _address(self.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class SSHTarget:
    """One `[[ssh.targets]]`: exactly one of `name`, `zone` and `network` is given."""

    name: str = ""
    zone: str = ""
    """The end of names, with the dot before it."""
    network: IPv4Network | IPv6Network | None = None
    ports: frozenset[int]
    groups: frozenset[str] | None
    """None: everybody."""

    def permits(self, groups: Collection[str], destination: Destination) -> bool:
        """Whether somebody in these `groups` may ask for it, as far as that can be said before it is resolved."""
        return (
            destination.port in self.ports
            and (self.groups is None or not self.groups.isdisjoint(groups))
            and self._is(destination)
        )

    def _is(self, destination: Destination) -> bool:
        address = destination.address
        if address is not None:
            return self.network is not None and is_within(address, (self.network,))
        return destination.host == self.name or (self.zone != "" and destination.host.endswith(self.zone))

    def names(self, address: Address) -> bool:
        """Whether it is written here for what it is, although it is this machine's or its cloud's alone: no name stands
        for it by chance, and no wide network holds it."""
        if self.network is not None:
            special = (*_LOCAL, *_OF_CLOUDS)
            return any(self.network.version == each.version and self.network.subnet_of(each) for each in special)  # type: ignore[arg-type]
        return address.is_loopback and is_loopback(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPlaces:
    """What of this is Gatepost's own."""

    addresses: Collection[Address] = frozenset()
    """Those of the resolved ones that are this machine's."""
    ports: Collection[int] = frozenset()
    """Those that Gatepost listens on."""


def create_targets(settings: Iterable[SSHTargetSettings]) -> tuple[SSHTarget, ...]:
    return tuple(_target(each) for each in settings)


def parse_destination(host: str, port: int) -> Destination | TargetRefusal:
    """`host` and `port` as a client sent them: any text, any 32 bits."""
    bare = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    address = _address(bare)
    if address is None:
        try:
            bare = parse_machine(bare.removesuffix("."))
        except ValueError:
            return TargetRefusal.MALFORMED
        # Resolvers take 127.1 for 127.0.0.1: what is judged as a name must be one.
        if ends_in_number(bare):
            return TargetRefusal.MALFORMED
    if not 0 < port <= 65535 or (isinstance(address, IPv6Address) and address.scope_id):
        return TargetRefusal.MALFORMED
    return Destination(host=bare if address is None else str(address), port=port)


def permitting(
    targets: Iterable[SSHTarget], session: Session, destination: Destination
) -> tuple[SSHTarget, ...] | TargetRefusal:
    """The targets by which this session may ask for that destination."""
    if session.level is not Level.SIGNED_IN or session.confined is not None:
        return TargetRefusal.SESSION
    found = tuple(each for each in targets if each.permits(session.principal.groups, destination))
    return found or TargetRefusal.NOT_PERMITTED


def reachable(
    permitted: Sequence[SSHTarget], destination: Destination, addresses: Sequence[Address], own: OwnPlaces
) -> tuple[Address, ...] | TargetRefusal:
    """Those of the addresses, in their order, that may be connected to by a target that permits the destination."""
    plain = [_plain(each) for each in addresses]
    refusals = [_refusal_of(permitted, destination, each, own) for each in plain]
    found = tuple(address for address, refusal in zip(plain, refusals, strict=True) if refusal is None)
    return found or next((each for each in refusals if each is not None), TargetRefusal.NOWHERE)


def _refusal_of(
    permitted: Sequence[SSHTarget], destination: Destination, address: Address, own: OwnPlaces
) -> TargetRefusal | None:
    is_of_nobody = address.is_unspecified or address.is_multicast or address.is_reserved
    if is_of_nobody and not address.is_loopback:  # `ipaddress` counts ::1 among the reserved ones
        return TargetRefusal.NOWHERE
    is_own = address.is_loopback or address in own.addresses
    if is_own and destination.port in own.ports and not any(_is_this_one(each, address) for each in permitted):
        return TargetRefusal.OWN_PORT
    refusal = _unless_named(address)
    return None if any(each.names(address) for each in permitted) else refusal


def _unless_named(address: Address) -> TargetRefusal | None:
    """Why it is refused where no target names it for what it is."""
    if address.is_loopback:
        return TargetRefusal.THIS_MACHINE
    if address.is_link_local:
        return TargetRefusal.LINK_LOCAL
    return TargetRefusal.CLOUD if is_within(address, _OF_CLOUDS) else None


def _is_this_one(target: SSHTarget, address: Address) -> bool:
    """Whether the very address is written: that somebody means Gatepost's own port can be seen from nothing less."""
    return target.network is not None and target.network == ip_network(address)


def _plain(address: Address) -> Address:
    """An IPv4 address where IPv6 only wraps one (RFC 4291 section 2.5.5.2)."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _address(text: str) -> Address | None:
    try:
        return _plain(ip_address(text))
    except ValueError:
        return None


def _target(settings: SSHTargetSettings) -> SSHTarget:
    host, ports = settings.host, frozenset(settings.ports)
    groups = None if settings.groups is None else frozenset(settings.groups)
    if host.startswith("*."):
        return SSHTarget(zone=host.removeprefix("*"), ports=ports, groups=groups)
    if "/" in host or _address(host) is not None:
        return SSHTarget(network=ip_network(host), ports=ports, groups=groups)
    return SSHTarget(name=host, ports=ports, groups=groups)
