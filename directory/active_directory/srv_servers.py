"""The domain controllers that DNS names, and other questions to DNS.

DNS is not authenticated, so a name found there counts only below the domain (or a suffix that the operator lists),
and then its certificate has to be for that very name. SRV records give the port of plain LDAP; LDAPS is asked instead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import dns.exception
import dns.nameserver
import dns.rdatatype
import dns.resolver
from dns.rdtypes.IN.SRV import SRV

from config.addresses import ResolverAddress
from directory.active_directory.discovery import (
    LONGEST_SECONDS,
    SHORTEST_SECONDS,
    DiscoveryFailed,
    Located,
    RankedServer,
)
from directory.active_directory.host_addresses import LookUp
from directory.active_directory.server_address import ServerAddress

_LOOKUP_SECONDS = 2.0
_LDAPS_PORT = 636


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Record:
    """An SRV record (RFC 2782), its target in lower case without the last dot."""

    priority: int
    weight: int
    target: str


class SRVServers:
    """MS-ADTS section 6.3.6.1: the site's own domain controllers first, then all others."""

    def __init__(
        self,
        domain: str,
        resolver: dns.resolver.Resolver,
        *,
        site: str | None = None,
        suffixes: Collection[str] = (),
        draw: Callable[[int], int],
    ) -> None:
        """`draw(n)` is a random number of 0 to n."""
        self._domain, self._site, self._resolver, self._draw = domain, site, resolver, draw
        self._suffixes = (domain, *suffixes)
        self._last: tuple[frozenset[tuple[bool, Record]], Located] | None = None

    def locate(self) -> Located:
        everywhere = f"_ldap._tcp.dc._msdcs.{self._domain}"
        of_site = f"_ldap._tcp.{self._site}._sites.dc._msdcs.{self._domain}" if self._site is not None else None
        found: list[Sequence[Record]] = []
        lifetime = LONGEST_SECONDS
        failure: DiscoveryFailed | None = None
        for name in (of_site, everywhere):
            records: Sequence[Record] = ()
            if name is not None:
                try:
                    records, known_for = self._records(name)
                    lifetime = min(lifetime, known_for)
                except DiscoveryFailed as exc:
                    failure = exc
            found.append(records)
        near, far = found
        # One of the two answers is enough: a site without a controller of its own is normal.
        if not near and not far:
            raise failure or DiscoveryFailed(f"DNS has no {everywhere}")
        return self._located(near, far, max(SHORTEST_SECONDS, lifetime))

    def _located(self, near: Sequence[Record], far: Sequence[Record], lifetime: float) -> Located:
        found = frozenset([*((True, each) for each in near), *((False, each) for each in far)])
        if self._last is not None and self._last[0] == found:
            # The same records must give the same choice among equals, or the connections would move with every look-up.
            return replace(self._last[1], lifetime_seconds=lifetime)
        candidates: dict[str, RankedServer] = {}
        left_out: dict[str, None] = {}
        for group, records in enumerate((near, far)):
            for record in in_order(records, self._draw):
                if not is_below(record.target, self._suffixes):
                    left_out[record.target] = None
                elif record.target not in candidates:
                    address = ServerAddress("ldaps", record.target, _LDAPS_PORT)
                    candidates[record.target] = RankedServer(address=address, rank=(group, record.priority))
        if not candidates:
            raise DiscoveryFailed(f"DNS names only servers outside of {self._domain}: {', '.join(left_out)}")
        origin = f"DNS, site {self._site}" if near else "DNS"
        located = Located(
            candidates=tuple(candidates.values()), left_out=tuple(left_out), lifetime_seconds=lifetime, origin=origin
        )
        self._last = found, located
        return located

    def _records(self, name: str) -> tuple[Sequence[Record], float]:
        """Nothing where the name does not exist; and for how many seconds that holds."""
        try:
            answer = self._resolver.resolve(name, dns.rdatatype.SRV, lifetime=_LOOKUP_SECONDS, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return (), LONGEST_SECONDS
        except (dns.exception.DNSException, OSError, ValueError) as exc:
            raise DiscoveryFailed(f"{name}: {_reason(exc)}") from exc
        records = {
            Record(priority=each.priority, weight=each.weight, target=_text(each.target))
            for each in answer
            if isinstance(each, SRV)
        }
        ttl = float(answer.rrset.ttl) if answer.rrset is not None else LONGEST_SECONDS
        # A target of "." says that the service is not offered (RFC 2782): its text is empty.
        return sorted(each for each in records if each.target), ttl


def in_order(records: Iterable[Record], draw: Callable[[int], int]) -> list[Record]:
    """By priority, and drawn by weight among equals (RFC 2782). Pure, but for `draw`."""
    left = sorted(records)
    ordered: list[Record] = []
    while left:
        equals = [each for each in left if each.priority == left[0].priority]
        # Records of weight 0 come first, so they are drawn by 0 alone: seldom, as the RFC wants it.
        at = draw(sum(each.weight for each in equals))
        running = accumulate(each.weight for each in equals)
        ordered.append(next(each for each, so_far in zip(equals, running, strict=True) if so_far >= at))
        left.remove(ordered[-1])
    return ordered


def is_below(host: str, suffixes: Iterable[str]) -> bool:
    return any(host.endswith(f".{suffix}") for suffix in suffixes)


def create_resolver(servers: Sequence[ResolverAddress]) -> dns.resolver.Resolver:
    """At these servers, or at those of the operating system. Raises `DiscoveryFailed`."""
    try:
        resolver = dns.resolver.Resolver(configure=not servers)
    except dns.exception.DNSException as exc:
        raise DiscoveryFailed(f"this machine has no usable resolver: {_reason(exc)}") from exc
    if servers:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(*each) for each in servers]
    return resolver


def addresses_by(resolver: dns.resolver.Resolver) -> LookUp:
    """Hosts' addresses at this resolver, where it is not the operating system's."""

    def look_up(host: str) -> Sequence[str]:
        try:
            return tuple(resolver.resolve_name(host, lifetime=_LOOKUP_SECONDS, search=False).addresses())
        except dns.exception.DNSException as exc:
            raise OSError(_reason(exc)) from exc

    return look_up


def _text(name: object) -> str:
    return str(name).rstrip(".").lower()


def _reason(exc: Exception) -> str:
    if isinstance(exc, dns.exception.Timeout):
        return "DNS does not answer in time"
    if isinstance(exc, (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer)):
        return "DNS knows no such name"
    if isinstance(exc, dns.resolver.NoNameservers):
        return "no DNS server gives an answer that can be used"
    if isinstance(exc, dns.resolver.NoResolverConfiguration):
        return "/etc/resolv.conf names no DNS server (or set dns_servers)"
    return "DNS does not answer as it should"
