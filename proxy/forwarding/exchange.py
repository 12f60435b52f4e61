"""One request and its answer between a client and an upstream: streamed, framed anew, held back where slow.

Here is the answer's way; the request's is `request_flow.py`. The answer is the upstream's or, before its first byte,
one of Gatepost's own; after the first byte a failure ends the connection.
"""

from __future__ import annotations

from proxy.forwarding.request_flow import RequestFlow
from proxy.forwarding.writing import JOIN_BELOW, write
from proxy.http.bodies import Body, BrokenBody, LengthBody, Piece, Rechunked
from proxy.http.problem import Problem
from proxy.http.request_head import protocols_in
from proxy.http.response_head import (
    MAX_RESPONSE_HEAD_BYTES,
    BrokenResponse,
    ResponseHead,
    check_begun,
    head_for_client,
    parse_response_head,
)
from proxy.upstreams.after_body import may_bring_more

MAX_INTERIM_RESPONSES = 16


class Exchange(RequestFlow):
    """From the judged request to the end of its answer. Its client connection owns it."""

    is_answered = False
    """Whether the first byte of the final answer went to the client."""
    _answer_head: ResponseHead | None = None
    _interims = 0

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
                check_begun(data)
                self._partial_head = data
                return
            upstream = self._pool.upstream
            head = parse_response_head(data[:end], may_set_reserved_cookies=upstream.is_portal)
            data = data[end:]
            if head.status >= 200:
                self._begin_answer(head, data)
                return
            if head.status == 101:
                self._open_tunnel(head, data)
                return
            self._pass_interim(head)

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
        is_chunked = False
        client = self._client
        if not isinstance(body, LengthBody):
            if request.is_http_1_1:
                body, is_chunked = Rechunked(body), True
            else:
                client.closes_after_answer()
        if self._request_body is not None:
            if not self._request_body.is_over:
                # An early answer: whether the client sends the rest is not known (RFC 9112 section 9.3).
                client.closes_after_answer()
                self._is_last = True
            elif self._connection is not None and self._connection.transport.get_write_buffer_size():
                self._is_last = True
        if may_bring_more(request, head, self._pool.upstream):
            self._is_last = True
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
            chunked=is_chunked,
            connection=connection,
        )
        if isinstance(body, LengthBody) and body.remaining == len(data) < JOIN_BELOW:  # whole, as most are
            client.transport.write(out + data)
            self._end(is_doubtful=False)
        else:
            self._pass_answer_body((out,), body, data)

    def _pass_answer_body(self, out: tuple[Piece, ...], body: Body, data: bytes) -> None:
        pieces = body.feed(data) if data else ()
        write(self._client.transport, (*out, *pieces) if out else pieces)
        if body.is_over:
            self._end(is_doubtful=bool(body.leftover))
        else:
            self._client.touch(self._pool.upstream.idle_timeout)

    def _end(self, *, is_doubtful: bool) -> None:
        """The answer is complete. The connection serves again only after a clean finish of both directions."""
        head, connection, request_body = self._answer_head, self._connection, self._request_body
        is_request_over = request_body is None or request_body.is_over
        self._connection = None
        if connection is not None:
            self._pool.note_success(connection.server)
            if (
                head is not None
                and head.is_http_1_1
                and not head.closes
                and not is_doubtful
                and not self._is_last
                and not connection.is_lost
                and is_request_over
            ):
                if self._is_held:
                    connection.transport.resume_reading()
                if self._owner is not None:
                    connection.owner = self._owner
                self._pool.give_back(connection, self._client.plane.coarse_now)
            elif is_request_over and not (
                is_doubtful or connection.is_lost or connection.transport.get_write_buffer_size()
            ):
                if self._is_held:
                    connection.transport.resume_reading()
                self._pool.await_end(connection, self._client.plane.coarse_now)
            else:
                connection.abort()
        self._client.on_exchange_over(is_request_over=is_request_over)

    def _open_tunnel(self, head: ResponseHead, data: bytes) -> None:
        connection = self._connection
        if self.head.upgrade is None or head.upgrade is None or connection is None:
            raise BrokenResponse("an upgrade that was not asked for")
        chosen = protocols_in(head.upgrade)
        if not chosen or not set(chosen) <= set(protocols_in(self.head.upgrade)):
            raise BrokenResponse("an upgrade to what was not asked for")  # RFC 9110 section 7.8
        head.lines += (b"Connection: Upgrade", b"Upgrade: " + head.upgrade)
        out = head_for_client(head, method=b"GET", client_is_http_1_1=True, chunked=False, connection=None)
        self.is_answered = True
        self._traffic.by_class[1] += 1
        self._connection, connection.exchange = None, None
        self._pool.note_success(connection.server)
        self._client.become_tunnel(connection, out, data, is_websocket=head.upgrade.lower() == b"websocket")

    def on_upstream_lost(self, *, is_clean: bool) -> None:
        connection, self._connection = self._connection, None
        body = self._answer_body
        last = body.end() if body is not None and is_clean else None
        if last is not None:
            write(self._client.transport, last)
            self._client.on_exchange_over(is_request_over=self.is_request_over)
        elif (
            self._is_repeatable
            and connection is not None
            and connection.has_served
            and not self._partial_head
            and not self._interims
            and body is None
        ):
            self._start_again()
        else:
            reason = "closed before its answer was complete"
            self._note_broken(connection, reason)
            self._fail(Problem.UPSTREAM_BROKEN, reason)

    # The client's side.

    def on_client_full(self) -> None:
        if self._connection is not None and not self._connection.is_lost:
            self._is_held = True
            self._connection.transport.pause_reading()

    def on_client_drained(self) -> None:
        if self._connection is not None and not self._connection.is_lost:
            self._is_held = False
            self._connection.transport.resume_reading()
        self._client.touch(self._pool.upstream.idle_timeout)
