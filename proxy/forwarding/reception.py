"""What becomes of each request of one client connection: forwarded to an app or the portal, asked to sign in, refused.

The order is the program's whole access control: host, reserved prefix, session, level, policy. Whatever goes wrong
on the way denies.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from proxy.access.networks import ClientPlace, is_within, parse_address, place_of_client
from proxy.answers import Answer, Problem, wants_page
from proxy.forwarding.cookies import NO_COOKIES, RequestCookies, split_cookies
from proxy.forwarding.exchange import Exchange
from proxy.forwarding.gate import Deny, browser_cookie_field, sign_in_location
from proxy.forwarding.refusals import answer_bytes, redirect
from proxy.forwarding.request_head import RequestHead
from proxy.forwarding.routes import Route
from proxy.forwarding.upstream_lines import forwarded_block, head_for_upstream, portal_block
from proxy.incidents import new_incident_id
from proxy.reserved import PREFIX
from proxy.sessions.session import Session
from proxy.sessions.tokens import new_token
from proxy.store.store import StoreUnavailable

if TYPE_CHECKING:
    from proxy.forwarding.client_connection import ClientConnection
    from proxy.forwarding.plane import ForwardingPlane

DECISION_SECONDS = 15.0
"""How long the store may take to say whose session it is."""
_PREFIX = PREFIX.encode("ascii")


class Reception:
    """Of one connection: it remembers what the last request had, since browsers repeat themselves on a connection."""

    __slots__ = (
        "_connection", "_cookie", "_cookies", "_forwarded_block", "_forwarded_for", "_forwarded_host",
        "_forwarded_proto", "_is_tls", "_peer", "_place", "_plane", "deciding", "is_peer_trusted",
    )  # fmt: skip

    def __init__(self, plane: ForwardingPlane, connection: ClientConnection, *, peer: str, is_tls: bool) -> None:
        self._plane = plane
        self._connection = connection
        self._peer = peer
        self._is_tls = is_tls
        self.is_peer_trusted = is_within(parse_address(peer), plane.trusted_proxies)
        self.deciding: asyncio.Task[None] | None = None
        """The look-up that the current request waits for."""
        self._cookie: bytes | None = None
        self._cookies = NO_COOKIES
        self._place: ClientPlace | None = None
        self._forwarded_for: tuple[bytes, ...] = ()
        self._forwarded_proto: tuple[bytes, ...] = ()
        self._forwarded_host = b""
        self._forwarded_block = b""

    def receive(self, head: RequestHead) -> None:
        """Decide on one request, now or (when its session has to be looked up) soon."""
        try:
            self._route(head)
        except Exception as exc:  # noqa: BLE001  # the border of one request: whatever it is, it denies
            self.deny_after(exc, head)

    def cancel(self) -> None:
        if self.deciding is not None:
            self.deciding.cancel()
            self.deciding = None

    def deny_after(self, exc: Exception, head: RequestHead) -> None:
        self._plane.log.error("forwarding.failed", error=type(exc).__name__, exc_info=exc)
        exchange, self._connection.exchange = self._connection.exchange, None
        if exchange is not None:
            exchange.abort()
        self.refuse(Problem.INTERNAL, type(exc).__name__, head=head, closes=True)

    def _route(self, head: RequestHead) -> None:
        plane = self._plane
        route = plane.routes.get(head.host)
        if route is None:
            self.refuse(Problem.UNKNOWN_HOST, "host", head=head)
        elif route.app is None or head.target.startswith(_PREFIX):
            incident = new_incident_id()
            blocks = (portal_block(self._place_of(head), head.host, incident),)
            self._forward(head, plane.portal_route, head.cookie or b"", blocks, None)
        else:
            self._ask_gate(head, route)

    def _ask_gate(self, head: RequestHead, route: Route) -> None:
        if head.cookie != self._cookie:
            self._cookie = head.cookie
            self._cookies = split_cookies(head.cookie, self._plane.public_url.scheme) if head.cookie else NO_COOKIES
        token = self._cookies.session_token
        if token is None:
            self._ask_to_sign_in(head, route, self._cookies)
            return
        now = self._plane.clock()
        session = self._plane.sessions.cached(token, route.host_name, now)
        if session is not None:
            self._judge(head, route, self._cookies, session, now)
        else:
            self._connection.deadline = self._plane.coarse_now + DECISION_SECONDS
            self.deciding = asyncio.get_running_loop().create_task(self._find(head, route, self._cookies, token))

    async def _find(self, head: RequestHead, route: Route, cookies: RequestCookies, token: bytes) -> None:
        """The slow way: this worker does not know the session yet."""
        try:
            session = await self._plane.sessions.find(token, route.host_name, self._plane.clock())
            self.deciding = None
            if session is None:
                self._ask_to_sign_in(head, route, cookies)
            else:
                self._judge(head, route, cookies, session, self._plane.clock())
        except StoreUnavailable:
            self.deciding = None
            self.refuse(Problem.STORE_UNAVAILABLE, "store", head=head, route=route)
        except Exception as exc:  # noqa: BLE001  # the border of one request: whatever it is, it denies
            self.deciding = None
            self.deny_after(exc, head)
        self._connection.read_on()

    def _judge(self, head: RequestHead, route: Route, cookies: RequestCookies, session: Session, now: float) -> None:
        if route.app is None:
            raise AssertionError("the sign-in host has no gate")
        admission = self._plane.admissions.get(session, route.app, now)
        if admission.is_admitted:
            blocks = (self._forwarded(head), admission.identity_block)
            self._forward(head, route, cookies.others, blocks, session.session_id)
        elif isinstance(admission.decision, Deny):
            groups = ", ".join(admission.decision.groups)
            self.refuse(Problem.NOT_ALLOWED, "groups", head=head, route=route, detail=groups)
        else:
            self._ask_to_sign_in(head, route, cookies)

    def _forward(
        self, head: RequestHead, route: Route, cookie: bytes, blocks: tuple[bytes, ...], session_id: str | None
    ) -> None:
        request_bytes = head_for_upstream(head, route.upstream, cookie, blocks)
        plane, name = self._plane, route.upstream.name
        exchange = Exchange(
            self._connection, plane.pools[name], route, head, request_bytes, session_id, plane.traffic[name]
        )
        self._connection.exchange = exchange
        exchange.start()

    def _place_of(self, head: RequestHead) -> ClientPlace:
        place = self._place
        if place is None or (
            self.is_peer_trusted
            and (head.forwarded_for != self._forwarded_for or head.forwarded_proto != self._forwarded_proto)
        ):
            self._forwarded_for, self._forwarded_proto = head.forwarded_for, head.forwarded_proto
            self._forwarded_block = b""
            place = self._place = place_of_client(
                peer=self._peer,
                is_tls=self._is_tls,
                forwarded_for=head.forwarded_for,
                forwarded_proto=head.forwarded_proto,
                trusted=self._plane.trusted_proxies,
            )
        return place

    def _forwarded(self, head: RequestHead) -> bytes:
        place = self._place_of(head)
        if not self._forwarded_block or head.host_field != self._forwarded_host:
            self._forwarded_host = head.host_field
            self._forwarded_block = forwarded_block(place, head.host_field)
        return self._forwarded_block

    def _ask_to_sign_in(self, head: RequestHead, route: Route, cookies: RequestCookies) -> None:
        if not wants_page(head.accept, head.fetch_mode, head.fetch_dest, head.method):
            self.refuse(Problem.NOT_SIGNED_IN, "no session", head=head, route=route)
            return
        public_url = self._plane.public_url
        token = cookies.browser_token or new_token().encode("ascii")
        location = sign_in_location(public_url=public_url, host=head.host, target=head.target, browser_token=token)
        set_cookie = None if cookies.browser_token else browser_cookie_field(token, public_url.scheme)
        closes = head.has_body or not self._connection.is_kept
        answer = redirect(location, set_cookie=set_cookie, method=head.method, closes=closes)
        self._connection.send_own_answer(answer, closes=closes)

    def refuse(
        self,
        problem: Problem,
        reason: str,
        *,
        head: RequestHead | None = None,
        route: Route | None = None,
        detail: str = "",
        closes: bool = False,
    ) -> None:
        """Answer `problem`; `reason` is for the log. The connection ends where the request's end is not known."""
        closes = closes or head is None or head.has_body or not self._connection.is_kept
        app = route.upstream.name if route is not None else ""
        answer = Answer(problem=problem, detail=detail, app=app, incident=new_incident_id())
        method = head.method if head is not None else b"GET"
        page = head is not None and wants_page(head.accept, head.fetch_mode, head.fetch_dest, method)
        client = self._place_of(head).address if head is not None else self._peer
        self._plane.metrics.count_refusal(problem.value)
        self._plane.log.info(
            "request.refused",
            problem=problem.value,
            status=answer.status,
            reason=reason,
            incident=answer.incident,
            app=app,
            client=client,
        )
        origin = self._plane.public_url.origin
        data = answer_bytes(answer, page=page, sign_in_origin=origin, method=method, closes=closes)
        self._connection.send_own_answer(data, closes=closes)
