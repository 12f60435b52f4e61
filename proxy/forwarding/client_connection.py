"""One connection from a client: reads heads, asks the gate, and starts one exchange after the other.

Requests that are pipelined wait, within a bound, and are answered in order. `deadline` is an instant of the event
loop's clock, looked at by the plane's one timer.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, cast

from proxy.access.networks import ClientPlace, is_within, parse_address, place_of_client
from proxy.answers import Answer, Problem, wants_page
from proxy.forwarding.cookies import NO_COOKIES, RequestCookies, split_cookies
from proxy.forwarding.exchange import Exchange
from proxy.forwarding.gate import Deny, browser_cookie_field, sign_in_location
from proxy.forwarding.refusals import answer_bytes, redirect
from proxy.forwarding.request_head import RefusedHead, RequestHead, parse_request_head
from proxy.forwarding.routes import Route
from proxy.forwarding.tunnel import Tunnel
from proxy.forwarding.upstream_connection import WRITE_BUFFER_BYTES, UpstreamConnection
from proxy.forwarding.upstream_lines import forwarded_block, head_for_upstream, portal_block
from proxy.reserved import PREFIX
from proxy.sessions.session import Session
from proxy.sessions.tokens import new_token
from proxy.store.store import StoreUnavailable

if TYPE_CHECKING:
    from proxy.forwarding.plane import ForwardingPlane

KEEP_ALIVE_SECONDS = 75.0
HEAD_SECONDS = 15.0
"""From a head's first byte to its last (slow heads)."""
DECISION_SECONDS = 15.0
LINGER_SECONDS = 2.0
"""How long what a refused client still sends is read and thrown away, so that it gets to see the answer."""
HALF_CLOSED_SECONDS = 3.0
"""A client that sent its end of stream may wait for its answer, or be gone: how long it may stay silent which it is."""
_PREFIX = PREFIX.encode("ascii")
_NEVER = float("inf")
_CR = 13


class ClientConnection(asyncio.Protocol):
    """Between the transport, the gate and the current exchange."""

    def __init__(self, plane: ForwardingPlane, *, is_tls: bool) -> None:
        self._plane = plane
        self._is_tls = is_tls
        self.transport: asyncio.Transport
        self.deadline = _NEVER
        self.exchange: Exchange | None = None
        self.is_kept = True
        """Whether the connection stays open after the current answer."""
        self._peer = ""
        self._is_peer_trusted = False
        self._buffer = b""
        self._is_head_partial = False
        self._deciding: asyncio.Task[None] | None = None
        self._is_lingering = False
        self._is_over = False
        self._has_ended = False
        self._held_by_upstream = False
        self._held_by_buffer = False
        # What the last request had, worked out once: browsers repeat these on a connection.
        self._cookie: bytes | None = None
        self._cookies = NO_COOKIES
        self._place: ClientPlace | None = None
        self._forwarded_for: tuple[bytes, ...] = ()
        self._forwarded_proto: tuple[bytes, ...] = ()
        self._forwarded_host = b""
        self._forwarded_block = b""

    @property
    def coarse_now(self) -> float:
        return self._plane.coarse_now

    @property
    def is_idle(self) -> bool:
        return self.exchange is None and self._deciding is None

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(WRITE_BUFFER_BYTES)
        address = transport.get_extra_info("peername")
        self._peer = address[0] if isinstance(address, tuple) else "127.0.0.1"
        self._is_peer_trusted = is_within(parse_address(self._peer), self._plane.trusted_proxies)
        self.deadline = self.coarse_now + KEEP_ALIVE_SECONDS
        if not self._plane.admit_connection(self, self._peer, is_trusted=self._is_peer_trusted):
            self.refuse(Problem.OVERLOADED, "connections of one address", closes=True)

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is not None and exchange.takes_request_data:
            exchange.on_request_data(data)
        elif self._is_lingering:
            pass
        elif exchange is not None or self._deciding is not None:
            self.keep(data)
        else:
            self._read_heads(self._buffer + data if self._buffer else data)

    def eof_received(self) -> bool:
        self._has_ended = True
        if self.is_idle or self._is_tls or (self.exchange is not None and not self.exchange.is_request_over):
            return False
        self.is_kept = False
        self.deadline = min(self.deadline, self.coarse_now + HALF_CLOSED_SECONDS)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True
        self._plane.forget_connection(self, self._peer)
        if self._deciding is not None:
            self._deciding.cancel()
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.abort()

    def pause_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.on_client_full()

    def resume_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.on_client_drained()

    # Reading.

    def _read_heads(self, data: bytes) -> None:
        """Take one request after the other out of `data` until one has to be waited for."""
        self._buffer = b""
        while data and self.is_idle and not self._is_over and not self._is_lingering:
            if data[0] == _CR and data.startswith(b"\r\n") and not self._is_head_partial:
                data = data[2:]  # RFC 9112 section 2.2: one empty line before a request is passed over
                if not data:
                    return
            end = data.find(b"\r\n\r\n") + 4
            if end == 3 or end > self._plane.max_head_bytes:
                if len(data) > self._plane.max_head_bytes:
                    self.refuse(Problem.HEAD_TOO_LARGE, "head", closes=True)
                    return
                if not self._is_head_partial:
                    self._is_head_partial = True
                    self.deadline = self.coarse_now + HEAD_SECONDS
                self._buffer = data
                return
            self._is_head_partial = False
            self._buffer = data[end:]
            self._take(data[:end])
            data = self._buffer
        if data and not self._is_lingering:
            self.keep(b"")

    def keep(self, data: bytes) -> None:
        """Set aside what comes before its turn; beyond a bound, read no more."""
        self._buffer += data
        if len(self._buffer) >= self._plane.max_head_bytes:
            self._held_by_buffer = True
            self._apply_holds()

    def take_buffer(self) -> bytes:
        data, self._buffer = self._buffer, b""
        if self._held_by_buffer:
            self._held_by_buffer = False
            self._apply_holds()
        return data

    def hold_reading(self, is_held: bool) -> None:
        """Whether the upstream has enough for now."""
        self._held_by_upstream = is_held
        self._apply_holds()

    def _apply_holds(self) -> None:
        if self._is_over or self.transport.is_closing():
            return
        if self._held_by_upstream or self._held_by_buffer:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def touch(self, seconds: float) -> None:
        """Something moved: from now on, `seconds` may pass until the next."""
        self.deadline = self._plane.coarse_now + (HALF_CLOSED_SECONDS if self._has_ended else seconds)

    # Deciding.

    def _take(self, raw: bytes) -> None:
        try:
            head = parse_request_head(raw)
        except RefusedHead as refused:
            self.refuse(refused.problem, refused.reason, closes=True)
            return
        self.is_kept = head.keeps_alive and not self._plane.is_closing
        try:
            self._route(head)
        except Exception as exc:  # the border of one request: whatever it is, it denies
            self._plane.log.error("forwarding.failed", error=type(exc).__name__, exc_info=exc)
            self.refuse(Problem.INTERNAL, type(exc).__name__, head=head, closes=True)

    def _route(self, head: RequestHead) -> None:
        plane = self._plane
        route = plane.routes.get(head.host)
        if route is None:
            self.refuse(Problem.UNKNOWN_HOST, "host", head=head)
        elif route.app is None or head.target.startswith(_PREFIX):
            incident = new_incident()
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
            self.deadline = self.coarse_now + DECISION_SECONDS
            self._deciding = asyncio.get_running_loop().create_task(self._find(head, route, self._cookies, token))

    async def _find(self, head: RequestHead, route: Route, cookies: RequestCookies, token: bytes) -> None:
        """The slow way: this worker does not know the session yet."""
        try:
            session = await self._plane.sessions.find(token, route.host_name, self._plane.clock())
            self._deciding = None
            if session is None:
                self._ask_to_sign_in(head, route, cookies)
            else:
                self._judge(head, route, cookies, session, self._plane.clock())
        except StoreUnavailable:
            self._deciding = None
            self.refuse(Problem.STORE_UNAVAILABLE, "store", head=head, route=route)
        except Exception as exc:  # the border of one request: whatever it is, it denies
            self._deciding = None
            self._plane.log.error("forwarding.failed", error=type(exc).__name__, exc_info=exc)
            self.refuse(Problem.INTERNAL, type(exc).__name__, head=head, route=route, closes=True)
        if self.is_idle and self._buffer:
            self._read_heads(self.take_buffer())

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
        exchange = Exchange(self, self._plane.pools[route.upstream.name], route, head, request_bytes, session_id)
        self.exchange = exchange
        exchange.start()

    def _place_of(self, head: RequestHead) -> ClientPlace:
        place = self._place
        if place is None or (
            self._is_peer_trusted
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

    # Gatepost's own answers.

    def _ask_to_sign_in(self, head: RequestHead, route: Route, cookies: RequestCookies) -> None:
        if not wants_page(head.accept, head.fetch_mode, head.fetch_dest, head.method):
            self.refuse(Problem.NOT_SIGNED_IN, "no session", head=head, route=route)
            return
        public_url = self._plane.public_url
        token = cookies.browser_token or new_token().encode("ascii")
        location = sign_in_location(public_url=public_url, host=head.host, target=head.target, browser_token=token)
        set_cookie = None if cookies.browser_token else browser_cookie_field(token, public_url.scheme)
        closes = head.has_body or not self.is_kept
        self.transport.write(redirect(location, set_cookie=set_cookie, method=head.method, closes=closes))
        self._after_own_answer(closes=closes)

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
        closes = closes or head is None or head.has_body or not self.is_kept
        app = route.upstream.name if route is not None else ""
        answer = Answer(problem=problem, detail=detail, app=app, incident=new_incident())
        method = head.method if head is not None else b"GET"
        page = head is not None and wants_page(head.accept, head.fetch_mode, head.fetch_dest, method)
        client = self._place_of(head).address if head is not None else self._peer
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
        self.transport.write(answer_bytes(answer, page=page, sign_in_origin=origin, method=method, closes=closes))
        self._after_own_answer(closes=closes)

    def _after_own_answer(self, *, closes: bool) -> None:
        if closes:
            self._linger()
        else:
            self.deadline = self.coarse_now + KEEP_ALIVE_SECONDS

    def _linger(self) -> None:
        """Close so that the client can still read its answer although it goes on sending (RFC 9112 section 9.6)."""
        self._buffer = b""
        self._is_lingering = True
        self._held_by_buffer = self._held_by_upstream = False
        self._apply_holds()
        if self._has_ended or not self.transport.can_write_eof():
            self.transport.close()
        else:
            self.transport.write_eof()
            self.deadline = self.coarse_now + LINGER_SECONDS

    # The exchange's calls.

    def closes_after_answer(self) -> None:
        self.is_kept = False

    def on_exchange_over(self, *, is_request_over: bool) -> None:
        """The answer was handed to the transport."""
        self.exchange = None
        if not is_request_over:
            self._linger()
        elif not self.is_kept:
            self.transport.close()
            self.deadline = self.coarse_now + LINGER_SECONDS
        else:
            self.deadline = self._plane.coarse_now + KEEP_ALIVE_SECONDS
            if self._held_by_upstream:
                self.hold_reading(False)
            if self._buffer:
                self._read_heads(self.take_buffer())

    def on_exchange_failed(self, problem: Problem, reason: str, *, is_request_over: bool) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is None or self._is_over:
            return
        if exchange.is_answered:
            self._plane.log.info("answer.broken_off", problem=problem.value, reason=reason, client=self._peer)
            self.transport.abort()
            return
        self.refuse(problem, reason, head=exchange.head, route=exchange.route, closes=not is_request_over)
        if self.is_idle and self._buffer and not self._is_lingering:
            self._read_heads(self.take_buffer())

    def become_tunnel(self, connection: UpstreamConnection, head: bytes) -> None:
        exchange, self.exchange = self.exchange, None
        self.deadline = _NEVER
        self.transport.write(head)
        pending = self.take_buffer()
        if pending:
            connection.transport.write(pending)
        self._plane.forget_connection(self, self._peer)
        self._plane.add_tunnel(
            Tunnel(
                client=self.transport,
                upstream=connection.transport,
                session_id=exchange.session_id if exchange is not None else None,
                on_end=self._plane.forget_tunnel,
            )
        )

    # The plane's calls.

    def on_deadline(self) -> None:
        self.deadline = _NEVER
        if self.exchange is not None:
            self.exchange.on_deadline()
        elif self._deciding is not None:
            self._deciding.cancel()
            self._deciding = None
            self.refuse(Problem.STORE_UNAVAILABLE, "no decision in time", closes=True)
        elif self._is_lingering or not self._is_head_partial:
            self.transport.abort() if self.transport.is_closing() or self._is_lingering else self.transport.close()
        else:
            self.refuse(Problem.REQUEST_TIMEOUT, "slow head", closes=True)

    def end_session(self, session_id: str) -> None:
        """The session is over: so is what it has in flight."""
        if self.exchange is not None and self.exchange.session_id == session_id:
            self.transport.abort()

    def close_if_idle(self) -> None:
        """Going down: an idle connection closes now, a busy one after its answer."""
        self.is_kept = False
        if self.is_idle:
            self.transport.close()


def new_incident() -> str:
    """An id that pages, log lines and people can carry: 48 random bits."""
    return secrets.token_hex(6)
