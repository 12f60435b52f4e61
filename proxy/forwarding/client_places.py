"""Where the requests of one connection come from, and what upstreams are told: computed once while it stays the
same."""

from __future__ import annotations

from proxy.access.networks import ClientPlace, is_within, parse_address, place_of_client
from proxy.forwarding.listeners import Arrival
from proxy.http.forwarded import forwarded_block, read_forwarded
from proxy.http.request_head import RequestHead


class ClientPlaces:
    """Of one connection. Behind a trusted proxy each request may come from another place."""

    __slots__ = (
        "_block", "_block_host", "_place", "_reads_forwarded", "_said", "arrival", "is_peer_trusted", "says_scheme",
    )  # fmt: skip

    def __init__(self, arrival: Arrival, *, reads_forwarded: bool) -> None:
        """`reads_forwarded`: see `Context`."""
        self.arrival = arrival
        self._reads_forwarded = reads_forwarded
        self.is_peer_trusted = is_within(parse_address(arrival.address), arrival.trusted)
        self._place: ClientPlace | None = None
        self._said: tuple[tuple[bytes, ...], ...] = ()
        """The fields that the place was worked out from."""
        self.says_scheme = False
        """Whether the last request says by which scheme its client came."""
        self._block = b""
        self._block_host = b""

    def of(self, head: RequestHead) -> ClientPlace:
        """Where this request came from, as far as it can be believed."""
        place = self._place
        if place is not None and not self.is_peer_trusted:
            return place
        said = (
            (head.fields.forwarded,)
            if self._reads_forwarded
            else (head.fields.forwarded_for, head.fields.forwarded_proto)
        )
        if place is None or said != self._said:
            self._said = said
            self._block = b""
            if self._reads_forwarded:
                nodes, protos = read_forwarded(head.fields.forwarded)
            else:
                nodes, protos = head.fields.forwarded_for, head.fields.forwarded_proto
            self.says_scheme = bool(protos)
            place = self._place = place_of_client(
                peer=self.arrival.address,
                is_tls=self.arrival.is_https,
                forwarded_for=nodes,
                forwarded_proto=protos,
                trusted=self.arrival.trusted,
            )
        return place

    def forwarded(self, head: RequestHead) -> bytes:
        """The ``X-Forwarded-*`` fields that go upstream with it."""
        place = self.of(head)
        if not self._block or head.fields.host_field != self._block_host:
            self._block_host = head.fields.host_field
            self._block = forwarded_block(
                hops=(place.address, *place.proxies), is_https=place.is_https, host_field=head.fields.host_field
            )
        return self._block
