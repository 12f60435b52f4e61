"""The request's way of an exchange: to an idle connection or a new one, its body streamed after it.

Nothing is collected: a piece goes out as soon as it is in. A request that is safe to repeat is sent once more where
the connection that was idle had died.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from proxy.access.paths import Ambiguous
from proxy.forwarding.gate import is_still_open
from proxy.forwarding.routes import Route
from proxy.forwarding.upstream_lines import with_host
from proxy.forwarding.writing import write
from proxy.http.bodies import Body, BrokenBody, ChunkedBody, LengthBody, Rechunked
from proxy.http.problem import Problem
from proxy.http.request_head import RequestHead
from proxy.operations.metrics import AppTraffic
from proxy.sessions.session import Session
from proxy.upstreams.after_body import is_last, owner_after
from proxy.upstreams.connection import UpstreamConnection
from proxy.upstreams.pool import UpstreamOverloaded, UpstreamPool, UpstreamUnreachable

if TYPE_CHECKING:
    from proxy.forwarding.client_connection import ClientConnection

_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE", b"PROPFIND", b"REPORT", b"SEARCH"))
"""RFC 9110 section 9.2.2 and the registry: what may be sent once more when a pooled connection had died."""
_UPSTREAM_PROBLEMS = frozenset((Problem.UPSTREAM_UNREACHABLE, Problem.UPSTREAM_BROKEN, Problem.UPSTREAM_SILENT))


def _is_always_open(session: Session) -> bool:
    """The portal judges by itself, page by page."""
    return True


class RequestFlow(ABC):
    """From the judged request to its last byte upstream, or to the failure of both ways. The answer comes on top."""

    # What every exchange reads stands in the instance, where Python finds it at once; what few read, in the class.
    _connecting: asyncio.Task[None] | None = None
    _is_retried = False
    _is_upstream_full = False
    """Whether the client has to wait for the upstream to read."""
    _progress = 0
    """Bytes of the request's body since its deadline was set: a trickle moves nothing."""

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
        self._connection: UpstreamConnection | None = None
        self._request_body: Body | None = None
        """Framed as it goes on; None where there is none."""
        self._is_last = False
        """Whether nothing else may be sent on the connection after this."""
        self._owner: str | None = None
        """The session whose the connection is from now on; None: it stays whose it was."""
        # The answer's way needs these. They stand here since an `__init__` of its own would be one more call.
        self._answer_body: Body | None = None
        """Framed as it goes to the client."""
        self._partial_head = b""
        """What came of the answer's head so far."""
        self._is_held = False
        """Whether the upstream has to wait for the client to read."""
        if head.is_chunked:
            self._request_body = Rechunked(ChunkedBody(extensions=False))
        elif head.content_length:
            self._request_body = LengthBody(head.content_length)
        if self._request_body is None:
            self._is_repeatable = head.upgrade is None and head.method in _IDEMPOTENT
        else:
            self._is_repeatable = False
            self._is_last = is_last(head, pool.upstream, session_id)
            self._owner = owner_after(head, pool.upstream, session_id)

    def judge(self) -> Callable[[Session], bool]:
        """Says whether this may stay open with a session whose principal is another now."""
        app, rules = self.route.app, self.route.rules
        rule = rules.choose(self.head.method, self.head.target) if rules is not None else None
        if app is None:
            return _is_always_open
        if isinstance(rule, Ambiguous):
            raise AssertionError("what is ambiguous was not forwarded")
        return partial(is_still_open, app=app, rule=rule, demand=self.route.demand)

    def start(self) -> None:
        """Send the request on an idle connection, or on a new one once it is there."""
        if not self._is_last:
            now = self._client.plane.coarse_now
            connection = self._pool.take(is_repeatable=self._is_repeatable, now=now, key=self.session_id)
            if connection is not None:
                self._send_on(connection)
                return
        self._connect()

    def _start_again(self) -> None:
        """The connection that was idle until now had died: send the request once more, on a new one."""
        self._is_repeatable = False
        self._is_retried = True
        self._connect()

    def _connect(self) -> None:
        self._client.deadline = float("inf")  # connecting has its own
        self._connecting = asyncio.get_running_loop().create_task(self._send_on_new_connection())

    async def _send_on_new_connection(self) -> None:
        try:
            connection = await self._pool.connect(
                is_repeatable=self._is_repeatable, key=self.session_id, is_fresh=self._is_retried or self._is_last
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
        upstream = self._pool.upstream
        if body.is_over:
            self._client.touch(upstream.first_byte_timeout)
        else:
            self._progress += len(data)
            if begins or self._progress >= self._client.min_body_rate * upstream.idle_timeout:
                self._progress = 0
                self._client.touch(upstream.idle_timeout)
        write(connection.transport, (self._request_bytes, *pieces) if begins else pieces)
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

    # What comes back.

    @abstractmethod
    def on_upstream_data(self, data: bytes) -> None: ...

    @abstractmethod
    def on_upstream_lost(self, *, is_clean: bool) -> None: ...

    # Ends.

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
