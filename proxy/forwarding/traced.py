"""Requests that are traced, where `[tracing]` is on: classes of their own, so that without it nobody pays.

``traceparent`` goes on to the upstream in Gatepost's own hand. A client's own is believed if a trusted proxy sent it;
anybody else's is removed, and a new trace begins.
"""

from __future__ import annotations

import random
import re

from proxy.forwarding.client_places import ClientPlaces
from proxy.forwarding.client_side import ClientSide
from proxy.forwarding.context import Context
from proxy.forwarding.exchange import Exchange
from proxy.forwarding.gate import Gate
from proxy.forwarding.reception import Reception
from proxy.forwarding.told_end import exchange_for, tell_end
from proxy.forwarding.verdict import Forward, JudgedRequest, RefuseRequest, Respond, TellingForward, Verdict
from proxy.http.problem import Problem
from proxy.http.request_head import RequestHead
from proxy.http.response_head import ResponseHead
from proxy.pages.answers import status_of
from proxy.tracing.spans import Span, Traces
from proxy.tracing.trace_context import TraceContext, not_recorded, read_traceparent, traceparent

_FIELDS = re.compile(rb"\r\ntrace(?:parent|state):[^\r\n]*", re.IGNORECASE)
_OWN_FIELD = re.compile(rb"\r\ntraceparent:[^\r\n]*", re.IGNORECASE)
_FAULTS = 500
_BROKEN_OFF = "broken off"
_draw_bits = random.getrandbits
_END = b"\r\n\r\n"


class TracedReception(Reception):
    """Of one connection, each of whose requests is a span, or part of a trace that nobody records."""

    __slots__ = ("_begin", "_begun", "_begun_new", "_came_in", "_is_peer_trusted", "_of", "_request")

    def __init__(
        self, context: Context, client: ClientSide, places: ClientPlaces, gate: Gate, *, traces: Traces
    ) -> None:
        super().__init__(context, client, places, gate)
        self._begin = traces.begin
        self._is_peer_trusted = places.is_peer_trusted
        self._request: Span | None = None
        """None: it is not recorded."""
        self._came_in: TraceContext | None = None
        """The trace of the proxy in front."""
        self._of: Forward | None = None
        """Whose fields were stripped last: the next request on a connection is mostly forwarded like the one before."""
        self._begun = b""
        self._begun_new = b""
        """And the first half of the id of each new trace that is not recorded."""
        self._exchange = self._other_exchange = self._traced

    def receive(self, head: RequestHead) -> None:
        self._came_in = parent = self._parent(head) if self._is_peer_trusted else None
        self._request = self._begin(parent, "request")
        Reception.receive(self, head)  # `super()` would cost more

    @staticmethod
    def _parent(head: RequestHead) -> TraceContext | None:
        found = [line[12:] for line in head.lines if line[:12].lower() == b"traceparent:"]
        return read_traceparent(found[0]) if len(found) == 1 else None

    def _act(self, verdict: Verdict, head: RequestHead) -> None:
        super()._act(verdict, head)
        if isinstance(verdict, Respond):
            _end(self._request, verdict.status)

    async def _found(self, request: JudgedRequest) -> Verdict:
        if self._request is None:
            return await super()._found(request)
        looking_up = self._request.child("session look-up")
        try:
            return await super()._found(request)
        finally:
            looking_up.end()

    def cancel(self) -> None:
        super().cancel()
        if self._request is not None:
            self._request.end(failed=_BROKEN_OFF)

    def refuse(self, refused: RefuseRequest, head: RequestHead | None = None, *, sent: bytes = b"") -> None:
        if head is not None:  # before the answer, which breaks off what was asked of the app
            if self._request is not None:
                self._request.note(problem=refused.problem.value, app=refused.app_name)
            _end(self._request, status_of(refused.problem))
        super().refuse(refused, head, sent=sent)

    def _traced(self, client: ClientSide, context: Context, head: RequestHead, forward: Forward) -> Exchange:
        if forward is not self._of:
            self._of = forward
            self._begun = up_to_traceparent(forward.fields, is_trusted=self._is_peer_trusted)
            self._begun_new = self._begun + b"00-%016x" % _draw_bits(64)
        request = self._request
        if request is None:
            exchange = (Exchange if type(forward) is Forward else exchange_for)(client, context, head, forward)
            if self._came_in is not None:
                exchange.fields = self._begun + not_recorded(self._came_in) + _END
            else:
                # The same bits twice, as nobody records either: this is done for nearly every request.
                drawn = _draw_bits(64) | 1
                exchange.fields = self._begun_new + b"%016x-%016x-00\r\n\r\n" % (drawn, drawn)
            return exchange
        return TracedExchange(client, context, head, forward, request, begun=self._begun)


class TracedExchange(Exchange):
    def __init__(
        self,
        client: ClientSide,
        context: Context,
        head: RequestHead,
        forward: Forward,
        request: Span,
        *,
        begun: bytes,
    ) -> None:
        """`begun`: see `up_to_traceparent`."""
        super().__init__(client, context, head, forward)
        self._request = request
        self._asking = request.child("upstream", is_outward=True, app=self.app_name)
        self._has_failed = False
        request.note(app=self.app_name)
        self.fields = begun + traceparent(self._asking.context) + _END

    def _begin_answer(self, head: ResponseHead, data: bytes) -> None:
        if isinstance(self._forward, TellingForward):
            tell_end(head, self._context, self.session_id)
        for each in (self._asking, self._request):
            each.note(**{"http.response.status_code": head.status})
        super()._begin_answer(head, data)

    def _end(self, is_doubtful: bool) -> None:
        super()._end(is_doubtful)
        self._over()

    def _open_tunnel(self, head: ResponseHead, data: bytes) -> None:
        super()._open_tunnel(head, data)
        self._over()

    def on_upstream_lost(self, *, is_clean: bool) -> None:
        super().on_upstream_lost(is_clean=is_clean)
        if self.is_answered:
            self._over()

    def _fail(self, problem: Problem, reason: str) -> None:
        self._has_failed = True
        self._asking.end(failed=problem.value)
        super()._fail(problem, reason)
        if self.is_answered:  # nobody is told anything else, so nobody ends it
            self._request.end(failed=problem.value)

    def abort(self) -> None:
        super().abort()
        if not self._has_failed:
            self._asking.end(failed=_BROKEN_OFF)
            self._request.end(failed=_BROKEN_OFF)

    def _over(self) -> None:
        self._asking.end()
        self._request.end()


def up_to_traceparent(fields: bytes, *, is_trusted: bool) -> bytes:
    """The fields of a request without the client's ``traceparent``, up to the value of Gatepost's own. ``tracestate``
    stays where it is believed. Pure."""
    kept = (_OWN_FIELD if is_trusted else _FIELDS).sub(b"", fields)
    return kept[:-2] + b"traceparent: "


def _end(request: Span | None, status: int) -> None:
    if request is not None:
        request.note(**{"http.response.status_code": status})
        request.end(failed=str(status) if status >= _FAULTS else "")
