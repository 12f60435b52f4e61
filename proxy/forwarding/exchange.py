"""One request and its answer between a client and an upstream: streamed, framed again, held back where slow.

The answer is the upstream's or, before its first byte, one of Gatepost's own; after the first byte a failure ends the
connection. A request that is safe to repeat is sent once more where the connection that was idle had died.

What an exchange is doing is one `ExchangeState`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

from proxy.forwarding.client_side import ClientSide, TunnelOpening
from proxy.forwarding.context import Context
from proxy.forwarding.states import ExchangeState
from proxy.forwarding.upload import Upload
from proxy.forwarding.upstream_lines import with_host
from proxy.forwarding.verdict import Forward, RefuseRequest, SentOn
from proxy.http.bodies import Body, BrokenBody, LengthBody, Piece, Rechunked
from proxy.http.head_reading import protocols_in
from proxy.http.problem import Problem
from proxy.http.request_head import RequestHead
from proxy.http.response_head import (
    MAX_RESPONSE_HEAD_BYTES,
    BrokenResponse,
    ResponseHead,
    check_begun,
    head_for_client,
    parse_response_head,
)
from proxy.operations.store_errors import StoreUnavailable
from proxy.operations.traffic_metrics import TIMED_ONE_OF
from proxy.sessions.session import Session
from proxy.upstreams.after_body import is_last, may_bring_more, owner_after
from proxy.upstreams.connection import CLOSED, UpstreamConnection
from proxy.upstreams.pool import NoConnection

MAX_INTERIM_RESPONSES = 16
JOIN_BELOW = 32 * 1024
"""Pieces smaller than this are copied into one write; larger ones are handed over as they are."""
KEEPING_ON_SECONDS = 30.0
"""How long the store may take to keep a form again that could not be sent."""
_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"PROPFIND", b"REPORT", b"SEARCH"))
"""RFC 9110 section 9.2.2 and the registry: what may be sent once more when a pooled connection had died."""
_UPSTREAM_PROBLEMS = frozenset((Problem.UPSTREAM_UNREACHABLE, Problem.UPSTREAM_BROKEN, Problem.UPSTREAM_SILENT))
_NOTHING_SENT = frozenset((Problem.UPSTREAM_UNREACHABLE, Problem.OVERLOADED))


# Bound once: the look-up of an enum's member by its name costs more than the comparison.
_CONNECTING, _ASKING = ExchangeState.CONNECTING, ExchangeState.ASKING
_ANSWERING, _OVER = ExchangeState.ANSWERING, ExchangeState.OVER


class Exchange:
    """From the judged request to the end of its answer. Its client connection owns it."""

    def __init__(self, client: ClientSide, context: Context, head: RequestHead, forward: Forward) -> None:
        upstream = forward.route.upstream
        self.head = head
        self.session_id = forward.session_id
        self.state = _CONNECTING
        self._forward = forward
        self.fields = forward.fields
        """All that is sent behind the request line."""
        self._client = client
        self._context = context
        self._moment = context.moment
        self._upstream = upstream
        self._pool = context.pools[upstream.name]
        self._traffic = context.traffic[upstream.name]
        self.connection: UpstreamConnection | None = None
        """To the upstream, while it is this exchange's."""
        self._upload: Upload | None = None
        """The request's body; None where there is none."""
        self._is_last = False
        """Whether nothing else may be sent on the connection after this."""
        self._answer_head: ResponseHead | None = None
        self._answer_body: Body | None = None
        """Framed as it goes to the client."""
        self._partial_head = b""
        """What came of the answer's head so far."""
        self._is_held = False
        """Whether the upstream has to wait for the client to read."""
        self.is_answered = False
        self._interims = 0
        self._sent_at = 0.0
        """When its request was sent (`time.monotonic`: uvloop's clock is too coarse); 0: it is not timed."""
        self._connecting: asyncio.Task[None] | None = None
        """Connects."""
        self._keeping_on: asyncio.Task[None] | None = None
        self._owner: str | None = None
        """The session whose the connection is from now on; None: it stays whose it was."""
        if head.fields.is_chunked or head.fields.content_length:
            self._upload = Upload(head)
            self._is_last = is_last(head, upstream, forward.session_id)
            self._owner = owner_after(head, upstream, forward.session_id)

    # What its client connection asks of it.

    @property
    def app_name(self) -> str:
        return self._upstream.name

    @property
    def not_kept(self) -> RefuseRequest | None:
        return self._forward.not_kept

    def is_open_to(self, session: Session) -> bool:
        return self._forward.judge_again()(session)

    @property
    def takes_request_data(self) -> bool:
        upload = self._upload
        return upload is not None and self.connection is not None and not upload.is_over

    @property
    def is_in_use(self) -> bool:
        body = self._answer_body
        # A body without a length may be a stream of events: an open tab alone keeps nobody signed in.
        return self.takes_request_data or (type(body) is LengthBody and not body.is_over)

    @property
    def is_request_over(self) -> bool:
        return self._upload is None or self._upload.is_over

    # The request's way.

    def start(self) -> None:
        """Send the request on an idle connection, or on a new one once it is there."""
        head = self.head
        is_repeatable = self._upload is None and head.fields.upgrade is None and head.method in _IDEMPOTENT
        if not self._is_last:
            connection = self._pool.take(is_repeatable, self._moment.now, self.session_id)
            if connection is not None:
                self._send_on(connection)
                return
        self._connect(is_repeatable=is_repeatable, is_fresh=self._is_last)

    def _connect(self, *, is_repeatable: bool, is_fresh: bool) -> None:
        self._client.deadline = float("inf")  # connecting has its own
        connecting = self._send_on_new_connection(is_repeatable=is_repeatable, is_fresh=is_fresh)
        self._connecting = asyncio.get_running_loop().create_task(connecting)

    async def _send_on_new_connection(self, *, is_repeatable: bool, is_fresh: bool) -> None:
        connection = None
        pool = self._pool
        try:
            try:
                connection = await pool.connect(is_repeatable=is_repeatable, key=self.session_id, is_fresh=is_fresh)
            finally:
                self._connecting = None
            self._send_on(connection)
        except NoConnection as exc:
            self._fail(exc.problem, exc.reason)
        except Exception as exc:  # noqa: BLE001  # the border of one request, again: this is a task of its own
            if connection is not None:  # perhaps not ours yet, and then nobody else would end it
                connection.abort()
            self._client.on_exchange_error(exc)

    def _send_on(self, connection: UpstreamConnection) -> None:
        self.state = self.state.then[_ASKING]
        self.connection = connection
        connection.exchange = self
        if connection.state is CLOSED:
            self._fail(Problem.UPSTREAM_UNREACHABLE, "closed as soon as it was open")
            return
        self._client.touch(self._pool.first_byte_timeout)
        head = self.head
        request_bytes = head.method + b" " + head.target + b" HTTP/1.1\r\n" + self.fields
        if connection.server.host is not None:
            request_bytes = with_host(request_bytes, connection.server.host)
        if self._upload is None:
            connection.transport.write(request_bytes)
            traffic = self._traffic
            traffic.until_timed -= 1
            if not traffic.until_timed:
                traffic.until_timed = TIMED_ONE_OF
                self._sent_at = monotonic()
        else:
            self.on_request_data(self._client.take_buffer(), before=request_bytes)

    def on_request_data(self, data: bytes, *, before: bytes = b"") -> None:
        """A piece of the body came from the client (or, `before` it the head, whatever came behind that)."""
        upload, connection = self._upload, self.connection
        if upload is None or connection is None:
            raise AssertionError("no body is awaited")
        try:
            pieces = upload.feed(data)
        except BrokenBody as exc:
            self._fail(Problem.MALFORMED_REQUEST, str(exc))
            return
        upstream = self._upstream.settings
        if upload.is_over:
            self._client.touch(upstream.first_byte_timeout)
        elif before or upload.has_moved(len(data), self._context.min_body_rate * upstream.idle_timeout):
            self._client.touch(upstream.idle_timeout)
        _write(connection.transport, (before, *pieces) if before else pieces)
        if upload.is_over:
            leftover = upload.take_leftover()
            if leftover:
                self._client.keep(leftover)

    def on_upstream_full(self) -> None:
        if self._upload is not None:
            self._upload.is_held = True
        self._client.hold_reading(True)

    def on_upstream_drained(self) -> None:
        if self._upload is not None:
            self._upload.go_on()
        self._client.hold_reading(False)
        self._client.touch(self._upstream.settings.idle_timeout)

    # The answer's way.

    def on_upstream_data(self, data: bytes) -> None:
        try:
            if self._answer_body is None:
                self._read_answer_head(data)
            else:
                self._pass_answer_body((), self._answer_body, data)
        except (BrokenResponse, BrokenBody) as exc:
            self._note_broken(self.connection, str(exc))
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
            head = parse_response_head(data[:end], self._pool.is_portal)
            data = data[end:]
            if head.status >= 200:
                self._begin_answer(head, data)
                return
            if head.status == 101:
                self._open_tunnel(head, data)
                return
            self._pass_interim(head)

    def _pass_interim(self, head: ResponseHead) -> None:
        """RFC 9110 section 15.2: passed on to clients that can understand them."""
        self._interims += 1
        if self._interims > MAX_INTERIM_RESPONSES:
            raise BrokenResponse("too many interim responses")
        if self.head.fields.is_http_1_1:
            self._client.transport.write(head_for_client(head))

    def _begin_answer(self, head: ResponseHead, data: bytes) -> None:
        request, client = self.head, self._client
        is_whole = len(data) < JOIN_BELOW and head.ends_with(data, request.method)  # as most are
        is_chunked = False
        body: Body | None = None
        if not is_whole:
            body = head.body(request.method)
            if not isinstance(body, LengthBody):
                if request.fields.is_http_1_1:
                    body, is_chunked = Rechunked(body), True
                else:
                    client.is_kept = False
        if self._upload is not None:
            if not self._upload.is_over:
                # An early answer: whether the client sends the rest is not known (RFC 9112 section 9.3).
                client.is_kept = False
                self._is_last = True
            elif self.connection is not None and self.connection.transport.get_write_buffer_size():
                self._is_last = True
        if body is not None and may_bring_more(request, head, self._upstream):
            self._is_last = True
        if client.transport_security is not None and not head.sets_transport_security:
            head.lines.append(client.transport_security)
        self.state = self.state.then[_ANSWERING]
        self._answer_head, self._answer_body = head, body
        self.is_answered = True
        self._traffic.by_class[head.status // 100] += 1
        if self._sent_at:
            self._traffic.note_answer(monotonic() - self._sent_at)
        is_kept = client.is_kept
        connection = None if is_kept and request.fields.is_http_1_1 else b"keep-alive" if is_kept else b"close"
        out = head_for_client(head, is_chunked, connection)
        if body is None:
            client.transport.write(out + data)
            self._end(False)
        else:
            self._pass_answer_body((out,), body, data)

    def _pass_answer_body(self, out: tuple[Piece, ...], body: Body, data: bytes) -> None:
        pieces = body.feed(data) if data else ()
        _write(self._client.transport, (*out, *pieces) if out else pieces)
        if body.is_over:
            self._end(bool(body.leftover))
        else:
            self._client.touch(self._upstream.settings.idle_timeout)

    def _end(self, is_doubtful: bool) -> None:
        """The answer is complete. The connection serves again only after a clean finish of both directions."""
        head, connection, upload = self._answer_head, self.connection, self._upload
        is_request_over = upload is None or upload.is_over
        self.state = self.state.then[_OVER]
        self.connection = None
        if connection is not None:
            self._pool.note_success(connection.server)
            is_clean = is_request_over and not is_doubtful and connection.state is not CLOSED
            if is_clean and self._is_held:
                connection.transport.resume_reading()
            if is_clean and not self._is_last and head is not None and head.is_http_1_1 and not head.closes:
                if self._owner is not None:
                    connection.owner = self._owner
                self._pool.give_back(connection, self._moment.now)
            elif is_clean and not connection.transport.get_write_buffer_size():
                self._pool.await_end(connection, self._moment.now)
            else:
                connection.abort()
        self._client.on_exchange_over(is_request_over)

    def _open_tunnel(self, head: ResponseHead, data: bytes) -> None:
        connection = self.connection
        if self.head.fields.upgrade is None or head.upgrade is None or connection is None:
            raise BrokenResponse("an upgrade that was not asked for")
        chosen = protocols_in(head.upgrade)
        if not chosen or not set(chosen) <= set(protocols_in(self.head.fields.upgrade)):
            raise BrokenResponse("an upgrade to what was not asked for")  # RFC 9110 section 7.8
        head.lines += (b"Connection: Upgrade", b"Upgrade: " + head.upgrade)
        out = head_for_client(head)
        self.state = self.state.then[_OVER]
        self.is_answered = True
        self._traffic.by_class[1] += 1
        self.connection, connection.exchange = None, None
        self._pool.note_success(connection.server)
        idle_seconds = self._upstream.settings.tunnel_idle_timeout
        opening = TunnelOpening(
            upstream=connection,
            first=data,
            session_id=self.session_id,
            is_open_to=self._forward.judge_again(),
            is_websocket=head.upgrade.lower() == b"websocket",
            idle_seconds=float("inf") if idle_seconds is None else idle_seconds,
        )
        self._client.become_tunnel(out, opening)

    def on_upstream_lost(self, *, is_clean: bool) -> None:
        connection, self.connection = self.connection, None
        body = self._answer_body
        last = body.end() if body is not None and is_clean else None
        if last is not None:
            _write(self._client.transport, last)
            self.state = self.state.then[_OVER]
            self._client.on_exchange_over(self.is_request_over)
        elif (
            self._upload is None
            and self.head.fields.upgrade is None
            and self.head.method in _IDEMPOTENT
            and connection is not None
            and connection.has_served
            and not self._partial_head
            and not self._interims
            and body is None
        ):
            # The idle connection had died: try once more, on a new one.
            self.state = self.state.then[_CONNECTING]
            self._connect(is_repeatable=False, is_fresh=True)
        else:
            reason = "closed before its answer was complete"
            self._note_broken(connection, reason)
            self._fail(Problem.UPSTREAM_BROKEN, reason)

    # The client's side.

    def on_client_full(self) -> None:
        if self.connection is not None and self.connection.state is not CLOSED:
            self._is_held = True
            self.connection.transport.pause_reading()

    def on_client_drained(self) -> None:
        if self.connection is not None and self.connection.state is not CLOSED:
            self._is_held = False
            self.connection.transport.resume_reading()
        self._client.touch(self._upstream.settings.idle_timeout)

    # Ends.

    def on_deadline(self) -> None:
        upload = self._upload
        if upload is None or upload.is_over or upload.is_held or self.connection is None:
            self._fail(Problem.UPSTREAM_SILENT, "no answer in time")
        else:
            self._fail(Problem.REQUEST_TIMEOUT, "the body stopped")

    def abort(self) -> None:
        if self.state is not _OVER:
            self.state = self.state.then[_OVER]
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        connection, self.connection = self.connection, None
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
        sent_on = self._forward.sent_on
        if sent_on is not None and problem in _NOTHING_SENT:
            self._keeping_on = asyncio.get_running_loop().create_task(self._keep_on(sent_on, problem, reason))
        else:
            self._client.on_exchange_failed(problem, reason, is_request_over=self.is_request_over)

    async def _keep_on(self, sent_on: SentOn, problem: Problem, reason: str) -> None:
        """Nothing of a kept form reached the app. It is kept again before its sender is told, even if they are gone."""
        try:
            async with asyncio.timeout(KEEPING_ON_SECONDS):
                await self._context.kept_requests.keep_on(sent_on.token, sent_on.form)
        except (StoreUnavailable, TimeoutError):
            pass  # its sender is told the same
        except Exception as exc:  # noqa: BLE001  # the border of one request, again: this is a task of its own
            self._client.on_exchange_error(exc)
            return
        self._client.on_exchange_failed(problem, reason, is_request_over=self.is_request_over)


def _write(transport: asyncio.WriteTransport, pieces: Sequence[Piece]) -> None:
    """All pieces in one go."""
    if len(pieces) == 1:
        transport.write(pieces[0])
    elif pieces:
        if sum(map(len, pieces)) < JOIN_BELOW:
            transport.write(b"".join(pieces))
        else:
            transport.writelines(pieces)
