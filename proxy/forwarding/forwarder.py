"""What goes on to an app or to the portal: each request as it is sent, and the exchange that carries it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from proxy.forwarding.client_places import ClientPlaces
from proxy.forwarding.cookies import RequestCookies
from proxy.forwarding.exchange import Exchange
from proxy.forwarding.kept_forms import Keeping, SendingFlow, SentOn, restored
from proxy.forwarding.routes import Route
from proxy.forwarding.upstream_lines import fields_for_upstream, portal_block, request_line
from proxy.http.forwarded import block
from proxy.http.internal_headers import KEPT_SCHEME, KEPT_TARGET
from proxy.http.request_head import RequestHead
from proxy.http.reserved import KEEP
from proxy.operations.incidents import new_incident_id
from proxy.sessions.kept_requests import KeptRequest
from proxy.sessions.session import Session
from proxy.upstreams.after_body import is_last

if TYPE_CHECKING:
    from proxy.forwarding.client_connection import ClientConnection
    from proxy.forwarding.plane import ForwardingPlane

_KEEP = KEEP.encode("ascii")


class Forwarder:
    """Of one connection."""

    __slots__ = ("_connection", "_places", "_plane")

    def __init__(self, plane: ForwardingPlane, connection: ClientConnection, places: ClientPlaces) -> None:
        self._plane = plane
        self._connection = connection
        self._places = places

    def forward(self, head: RequestHead, route: Route, fields: bytes, session_id: str | None) -> None:
        """`fields` are what `fields` gives for the same request."""
        exchange = self._exchange(head, route, fields, session_id)
        if session_id is not None and session_id != self._connection.session_id:
            self._plane.note_session(self._connection, session_id)
        self._connection.exchange = exchange
        exchange.start()

    def fields(
        self, head: RequestHead, route: Route, cookies: RequestCookies, identity_block: bytes, session_id: str | None
    ) -> bytes:
        """All that follows the request line: the same as long as client and session stay the same.

        `identity_block` is empty where there is no session, and only there.
        """
        memory = self._connection.memory
        fields = memory.fields_sent(head, route, identity_block)
        if fields is None:
            forwarded = self._places.forwarded(head)
            blocks = (forwarded, identity_block) if identity_block else (forwarded,)
            is_alone, trusted = is_last(head, route.upstream, session_id), self._places.is_peer_trusted
            fields = fields_for_upstream(
                head, route.upstream, cookies.others, blocks, is_last=is_alone, is_peer_trusted=trusted
            )
            memory.keep(head, route, identity_block, fields)
        return fields

    def forward_to_portal(self, head: RequestHead) -> None:
        portal = self._plane.portal_route
        blocks = (portal_block(self._places.of(head), head, new_incident_id()),)
        fields = fields_for_upstream(head, portal.upstream, head.cookie or b"", blocks)
        self.forward(head, portal, fields, None)

    def keep_form(self, head: RequestHead, not_kept: Callable[[str], None], scheme: str = "") -> None:
        """The portal takes the form in, if it knows whose session this is or was; `not_kept`: see `Keeping`."""
        place, portal = self._places.of(head), self._plane.portal_route
        kept = [(KEPT_TARGET.encode("ascii"), head.target)]
        if scheme:
            kept.append((KEPT_SCHEME.encode("ascii"), scheme.encode("utf-8")))
        blocks = (portal_block(place, head, new_incident_id()), block(kept))
        fields = fields_for_upstream(head, portal.upstream, head.cookie or b"", blocks)
        exchange = self._exchange(head.repeated(b"POST", _KEEP), portal, fields, None, Keeping)
        if not isinstance(exchange, Keeping):
            raise AssertionError("what was asked for")
        exchange.not_kept = not_kept
        self._connection.exchange = exchange
        exchange.start()

    def await_sending(
        self, head: RequestHead, route: Route, cookies: RequestCookies, identity_block: bytes, session: Session
    ) -> None:
        """The body will tell whether this is an app's own form or the button that sends a kept one on."""

        def begin(kept: KeptRequest | None) -> Exchange:
            if kept is None:
                fields = self.fields(head, route, cookies, identity_block, session_id)
                return self._exchange(head, route, fields, session_id)
            sent = restored(head, kept, cookies.others)
            blocks = (self._places.forwarded(sent), identity_block)
            sent.held = head.held
            is_alone, trusted = is_last(sent, route.upstream, session_id), self._places.is_peer_trusted
            fields = fields_for_upstream(
                sent, route.upstream, sent.cookie or b"", blocks, is_last=is_alone, is_peer_trusted=trusted
            )
            return self._exchange(sent, route, fields, session_id, SentOn)

        plane, session_id = self._plane, session.session_id
        if plane.kept_requests is None:
            raise AssertionError("no form is kept")
        flow = SendingFlow(
            self._connection, route, head, session, kept_requests=plane.kept_requests, clock=plane.clock, begin=begin
        )
        plane.note_session(self._connection, session_id)
        self._connection.exchange = flow
        flow.start()

    def _exchange(
        self, head: RequestHead, route: Route, fields: bytes, session_id: str | None, kind: type[Exchange] = Exchange
    ) -> Exchange:
        plane, name, request_bytes = self._plane, route.upstream.name, request_line(head) + fields
        return kind(self._connection, plane.pools[name], route, head, request_bytes, session_id, plane.traffic[name])
