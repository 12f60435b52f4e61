"""One request and its answer between a client and an upstream: streamed, framed anew, held back where slow.

Nothing is collected: a piece goes out as soon as it is in. The answer is the upstream's or, before its first byte,
one of Gatepost's own; after the first byte a failure ends the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from proxy.access.paths import Ambiguous
from proxy.answers import Problem
from proxy.forwarding.bodies import (
    Body,
    BrokenBody,
    ChunkedBody,
    LengthBody,
    Piece,
    UntilCloseBody,
    as_chunk,
    last_chunk,
)
from proxy.forwarding.gate import is_still_open
from proxy.forwarding.request_head import RequestHead
from proxy.forwarding.response_head import BrokenResponse, ResponseHead, head_for_client, parse_response_head
from proxy.forwarding.routes import Route
from proxy.forwarding.upstream_connection import UpstreamConnection
from proxy.forwarding.upstream_lines import with_host
from proxy.forwarding.upstream_pool import UpstreamOverloaded, UpstreamPool, UpstreamUnreachable
from proxy.metrics import AppTraffic
from proxy.sessions.session import Session

if TYPE_CHECKING:
    from proxy.forwarding.client_connection import ClientConnection

MAX_RESPONSE_HEAD_BYTES = 64 * 1024
MAX_INTERIM_RESPONSES = 16
JOIN_BELOW = 32 * 1024
"""Pieces smaller than this are copied into one write; larger ones are handed over as they are."""
_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE", b"PROPFIND", b"REPORT", b"SEARCH"))
"""RFC 9110 section 9.2.2 and the registry: what may be sent once more when a pooled connection had died."""

_UPSTREAM_PROBLEMS = frozenset((Problem.UPSTREAM_UNREACHABLE, Problem.UPSTREAM_BROKEN, Problem.UPSTREAM_SILENT))


def write(transport: asyncio.WriteTransport, pieces: Sequence[Piece]) -> None:
    """All pieces in one go."""
    if len(pieces) == 1:
        transport.write(pieces[0])
    elif pieces:
        if sum(map(len, pieces)) < JOIN_BELOW:
            transport.write(b"".join(pieces))
        else:
            transport.writelines(pieces)


def _is_always_open(session: Session) -> bool:
    """The portal judges by itself, page by page."""
    return True


class Exchange:
    """From the judged request to the end of its answer. Its client connection owns it."""

    # What most exchanges never change stands in the class: it costs nothing per request.
    is_answered = False
    """Whether the first byte of the final answer went to the client."""
    _request_body: Body | None = None
    _connection: UpstreamConnection | None = None
    _connecting: asyncio.Task[None] | None = None
    _answer_head: ResponseHead | None = None
    _answer_body: Body | None = None
    _is_rechunked = False
    _is_retried = False
    _is_upstream_full = False
    """Whether the client has to wait for the upstream to read."""
    _progress = 0
    """Bytes of the request's body since its deadline was set: a trickle moves nothing."""
    _is_early = False
    """Whether the answer began before the upstream had the whole request."""
    _is_held = False
    """Whether the upstream has to wait for the client to read."""
    _partial_head = b""
    _interims = 0

    def __init__(
        self,
        client: ClientConnection,
        pool: UpstreamPool,
        route: Route,
        head: RequestHead,
        request_bytes: bytes,
        session_id: str | None,
        traffic: AppTraffic,
    ) -> None:
        self.route = route
        self.head = head
        self.session_id = session_id
        self._client = client
        self._pool = pool
        self._traffic = traffic
        self._request_bytes = request_bytes
        if head.is_chunked:
            self._request_body = ChunkedBody(extensions=False)
        elif head.content_length:
            self._request_body = LengthBody(head.content_length)
        self._is_repeatable = self._request_body is None and head.upgrade is None and head.method in _IDEMPOTENT

    def judge(self) -> Callable[[Session], bool]:
        """Says whether this may stay open with a session whose principal is another now."""
        app, rules = self.route.app, self.route.rules
        rule = rules.choose(self.head.method, self.head.target) if rules is not None else None
        if app is None:
            return _is_always_open
        if isinstance(rule, Ambiguous):
            raise AssertionError("what is ambiguous was not forwarded")
        return partial(is_still_open, app=app, rule=rule)

    # The request's way.

    def start(self) -> None:
        """Send the request on an idle connection, or on a new one once it is there."""
        connection = self._pool.take(
            is_repeatable=self._is_repeatable, now=self._client.coarse_now, key=self.session_id
        )
        if connection is not None:
            self._send_on(connection)
        else:
            self._connect()

    def _connect(self) -> None:
        self._client.deadline = float("inf")  # connecting has its own
        self._connecting = asyncio.get_running_loop().create_task(self._send_on_new_connection())

    async def _send_on_new_connection(self) -> None:
        try:
            connection = await self._pool.connect(
                is_repeatable=self._is_repeatable, key=self.session_id, is_fresh=self._is_retried
            )
        except UpstreamUnreachable as exc:
            self._connecting = None
            self._fail(Problem.UPSTREAM_UNREACHABLE, exc.reason)
            return
        except UpstreamOverloaded as exc:
            self._connecting = None
            self._fail(Problem.OVERLOADED, str(exc))
            return
        except Exception as exc:  # noqa: BLE001  # the border of one request, again: this is a task of its own
            self._connecting = None
            self._client.on_exchange_error(exc)
            return
        self._connecting = None
        self._send_on(connection)

    def _send_on(self, connection: UpstreamConnection) -> None:
        self._connection = connection
        connection.exchange = self
        if connection.is_lost:
            self._fail(Problem.UPSTREAM_UNREACHABLE, "closed as soon as it was open")
            return
        self._client.touch(self._pool.upstream.first_byte_timeout)
        if connection.server.host is not None:
            self._request_bytes = with_host(self._request_bytes, connection.server.host)
        if self._request_body is None:
            connection.transport.write(self._request_bytes)
        else:
            self.on_request_data(self._client.take_buffer(), begins=True)

    @property
    def takes_request_data(self) -> bool:
        """Whether what the client sends now belongs to this request's body and can go on at once."""
        return self._connection is not None and self._request_body is not None and not self._request_body.is_over

    @property
    def is_request_over(self) -> bool:
        return self._request_body is None or self._request_body.is_over

    def on_request_data(self, data: bytes, *, begins: bool = False) -> None:
        """A piece of the body came from the client (or, as it begins, whatever came behind the head)."""
        body, connection = self._request_body, self._connection
        if body is None or connection is None:
            raise AssertionError("no body is awaited")
        try:
            pieces = body.feed(data) if data else ()
        except BrokenBody as exc:
            self._fail(Problem.MALFORMED_REQUEST, str(exc))
            return
        out: list[Piece] = [self._request_bytes] if begins else []
        if isinstance(body, ChunkedBody):
            for piece in pieces:
                out += as_chunk(piece)
            if body.is_over:
                out.append(last_chunk(body.trailers))
        else:
            out += pieces
        upstream = self._pool.upstream
        if body.is_over:
            self._client.touch(upstream.first_byte_timeout)
        else:
            self._progress += len(data)
            if begins or self._progress >= self._client.min_body_rate * upstream.idle_timeout:
                self._progress = 0
                self._client.touch(upstream.idle_timeout)
        write(connection.transport, out)
        if body.is_over and body.leftover:
            self._client.keep(body.leftover)
            body.leftover = b""

    def on_upstream_full(self) -> None:
        self._is_upstream_full = True
        self._client.hold_reading(True)

    def on_upstream_drained(self) -> None:
        self._is_upstream_full = False
        self._progress = 0
        self._client.hold_reading(False)
        self._client.touch(self._pool.upstream.idle_timeout)

    # The answer's way.

    def on_upstream_data(self, data: bytes) -> None:
        try:
            if self._answer_body is None:
                self._read_answer_head(data)
            else:
                self._pass_answer_body((), self._answer_body, data)
        except (BrokenResponse, BrokenBody) as exc:
            self._note_broken(self._connection, str(exc))
            self._fail(Problem.UPSTREAM_BROKEN, str(exc))

    def _read_answer_head(self, data: bytes) -> None:
        if self._partial_head:
            data, self._partial_head = self._partial_head + data, b""
        while data:
            end = data.find(b"\r\n\r\n") + 4
            if end == 3 or end > MAX_RESPONSE_HEAD_BYTES:
                if len(data) > MAX_RESPONSE_HEAD_BYTES:
                    raise BrokenResponse("head too large")
                self._partial_head = data
                return
            upstream = self._pool.upstream
            head = parse_response_head(data[:end], may_set_reserved_cookies=upstream.is_portal)
            data = data[end:]
            if head.is_interim:
                self._pass_interim(head)
            elif head.status == 101:
                self._open_tunnel(head, data)
                return
            else:
                self._begin_answer(head, data)
                return

    def _pass_interim(self, head: ResponseHead) -> None:
        """RFC 9110 section 15.2: passed on to whoever can know of them."""
        self._interims += 1
        if self._interims > MAX_INTERIM_RESPONSES:
            raise BrokenResponse("too many interim responses")
        if self.head.is_http_1_1:
            self._client.transport.write(
                head_for_client(head, method=self.head.method, client_is_http_1_1=True, chunked=False, connection=None)
            )

    def _begin_answer(self, head: ResponseHead, data: bytes) -> None:
        request = self.head
        body = head.body(request.method)
        client = self._client
        if not isinstance(body, LengthBody):
            if request.is_http_1_1:
                self._is_rechunked = True
            else:
                client.closes_after_answer()
        if self._request_body is not None:
            if not self._request_body.is_over:
                # An early answer: whether the client sends the rest is not known (RFC 9112 section 9.3).
                client.closes_after_answer()
                self._is_early = True
            elif self._connection is not None and self._connection.transport.get_write_buffer_size():
                # An upstream that answers without reading may take the body for its next request ("CL.0").
                self._is_early = True
        if client.transport_security is not None and not head.sets_transport_security:
            head.lines.append(client.transport_security)
        self._answer_head, self._answer_body = head, body
        self.is_answered = True
        self._traffic.by_class[head.status // 100] += 1
        is_kept = client.is_kept
        connection = None if is_kept and request.is_http_1_1 else b"keep-alive" if is_kept else b"close"
        out = head_for_client(
            head,
            method=request.method,
            client_is_http_1_1=request.is_http_1_1,
            chunked=self._is_rechunked,
            connection=connection,
        )
        if isinstance(body, LengthBody) and body.remaining == len(data) < JOIN_BELOW:  # whole, as most are
            client.transport.write(out + data)
            self._end(is_doubtful=False)
        else:
            self._pass_answer_body((out,), body, data)

    def _pass_answer_body(self, out: tuple[Piece, ...], body: Body, data: bytes) -> None:
        pieces = body.feed(data) if data else ()
        if not self._is_rechunked:
            write(self._client.transport, (*out, *pieces) if out else pieces)
        else:
            framed: list[Piece] = list(out)
            for piece in pieces:
                framed += as_chunk(piece)
            if body.is_over:
                framed.append(last_chunk(body.trailers if isinstance(body, ChunkedBody) else ()))
            write(self._client.transport, framed)
        if body.is_over:
            self._end(is_doubtful=bool(body.leftover))
        else:
            self._client.touch(self._pool.upstream.idle_timeout)

    def _end(self, *, is_doubtful: bool) -> None:
        """The answer is complete. The connection serves again only after a clean finish of both directions."""
        head, connection = self._answer_head, self._connection
        is_request_over = self.is_request_over
        self._connection = None
        if connection is not None:
            self._pool.note_success(connection.server)
            if (
                head is not None
                and head.is_http_1_1
                and not head.closes
                and not is_doubtful
                and not self._is_early
                and not connection.is_lost
                and is_request_over
            ):
                if self._is_held:
                    connection.transport.resume_reading()
                self._pool.give_back(connection, self._client.coarse_now)
            else:
                connection.abort()
        self._client.on_exchange_over(is_request_over=is_request_over)

    def _open_tunnel(self, head: ResponseHead, data: bytes) -> None:
        connection = self._connection
        if self.head.upgrade is None or head.upgrade is None or connection is None:
            raise BrokenResponse("an upgrade that was not asked for")
        head.lines += (b"Connection: Upgrade", b"Upgrade: " + head.upgrade)
        out = head_for_client(head, method=b"GET", client_is_http_1_1=True, chunked=False, connection=None)
        self.is_answered = True
        self._traffic.by_class[1] += 1
        self._connection, connection.exchange = None, None
        self._pool.note_success(connection.server)
        self._client.become_tunnel(connection, out, data, is_websocket=head.upgrade.lower() == b"websocket")

    # Ends.

    def on_upstream_lost(self, *, is_clean: bool) -> None:
        connection, self._connection = self._connection, None
        body = self._answer_body
        if body is not None and isinstance(body, UntilCloseBody) and is_clean:
            body.is_over = True
            if self._is_rechunked:
                self._client.transport.write(last_chunk())
            self._client.on_exchange_over(is_request_over=self.is_request_over)
        elif (
            self._is_repeatable
            and connection is not None
            and connection.has_served
            and not self._partial_head
            and not self._interims
            and body is None
        ):
            self._is_repeatable = False
            self._is_retried = True
            self._connect()
        else:
            reason = "closed before its answer was complete"
            self._note_broken(connection, reason)
            self._fail(Problem.UPSTREAM_BROKEN, reason)

    def on_client_full(self) -> None:
        if self._connection is not None and not self._connection.is_lost:
            self._is_held = True
            self._connection.transport.pause_reading()

    def on_client_drained(self) -> None:
        if self._connection is not None and not self._connection.is_lost:
            self._is_held = False
            self._connection.transport.resume_reading()
        self._client.touch(self._pool.upstream.idle_timeout)

    def on_deadline(self) -> None:
        """Nothing moved for as long as is allowed."""
        if self.is_request_over or self._is_upstream_full or self._connection is None:
            self._fail(Problem.UPSTREAM_SILENT, "no answer in time")
        else:
            self._fail(Problem.REQUEST_TIMEOUT, "the body stopped")

    def abort(self) -> None:
        """The client is gone, or the session is over: nobody waits for the answer."""
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    def _note_broken(self, connection: UpstreamConnection | None, reason: str) -> None:
        # While the body still flows, what the client sends may be the reason.
        if connection is not None and self.is_request_over:
            self._pool.note_failure(connection.server, reason)

    def _fail(self, problem: Problem, reason: str) -> None:
        if problem in _UPSTREAM_PROBLEMS:
            self._traffic.upstream_failures += 1
        self.abort()
        self._client.on_exchange_failed(problem, reason, is_request_over=self.is_request_over)
