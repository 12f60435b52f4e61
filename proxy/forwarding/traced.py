"""Requests that are traced, where `[tracing]` is on: classes of their own, so that without it nobody pays.

``traceparent`` goes on to the upstream in Gatepost's own hand. A client's own is believed if a trusted proxy sent it;
anybody else's is removed, and a new trace begins.
"""

from __future__ import annotations

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
from proxy.tracing.trace_context import TraceContext, read_traceparent, traceparent

_NAME = "traceparent"
_FIELDS = re.compile(rb"\r\ntrace(?:parent|state):[^\r\n]*", re.IGNORECASE)
_OWN_FIELD = re.compile(rb"\r\ntraceparent:[^\r\n]*", re.IGNORECASE)
_FAULTS = 500


class TracedReception(Reception):
    """Of one connection, each of whose requests is a span, or part of a trace that nobody records."""

    __slots__ = ("_request", "_traces")

    def __init__(
        self, context: Context, client: ClientSide, places: ClientPlaces, gate: Gate, *, traces: Traces
    ) -> None:
        super().__init__(context, client, places, gate)
        self._traces = traces
        self._request: Span | TraceContext
        self._exchange = self._other_exchange = self._traced

    def receive(self, head: RequestHead) -> None:
        self._request = self._traces.begin(self._parent(head), "request")
        super().receive(head)

    def _parent(self, head: RequestHead) -> TraceContext | None:
        if not self._places.is_peer_trusted:
            return None
        found = [line[12:] for line in head.lines if line[:12].lower() == b"traceparent:"]
        return read_traceparent(found[0]) if len(found) == 1 else None

    def _act(self, verdict: Verdict, head: RequestHead) -> None:
        super()._act(verdict, head)
        if isinstance(verdict, Respond):
            _end(self._request, verdict.status)

    async def _found(self, request: JudgedRequest) -> Verdict:
        if isinstance(self._request, TraceContext):
            return await super()._found(request)
        looking_up = self._request.child("session look-up")
        try:
            return await super()._found(request)
        finally:
            looking_up.end()

    def refuse(self, refused: RefuseRequest, head: RequestHead | None = None, *, sent: bytes = b"") -> None:
        super().refuse(refused, head, sent=sent)
        if head is not None:
            if not isinstance(self._request, TraceContext):
                self._request.note(problem=refused.problem.value, app=refused.app_name)
            _end(self._request, status_of(refused.problem))

    def _traced(self, client: ClientSide, context: Context, head: RequestHead, forward: Forward) -> Exchange:
        request, is_trusted = self._request, self._places.is_peer_trusted
        if isinstance(request, TraceContext):
            exchange = exchange_for(client, context, head, forward)
            exchange.fields = with_traceparent(forward.fields, request, is_trusted=is_trusted)
            return exchange
        return TracedExchange(client, context, head, forward, request, is_trusted=is_trusted)


class TracedExchange(Exchange):
    def __init__(
        self,
        client: ClientSide,
        context: Context,
        head: RequestHead,
        forward: Forward,
        request: Span,
        *,
        is_trusted: bool,
    ) -> None:
        super().__init__(client, context, head, forward)
        self._request = request
        self._asking = request.child("upstream", is_outward=True, app=self.app_name)
        self._has_failed = False
        request.note(app=self.app_name)
        self.fields = with_traceparent(forward.fields, self._asking.context, is_trusted=is_trusted)

    def _begin_answer(self, head: ResponseHead, data: bytes) -> None:
        if isinstance(self._forward, TellingForward):
            tell_end(head, self._context, self.session_id)
        for each in (self._asking, self._request):
            each.note(**{"http.response.status_code": head.status})
        super()._begin_answer(head, data)

    def _end(self, *, is_doubtful: bool) -> None:
        super()._end(is_doubtful=is_doubtful)
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
            self._asking.end(failed="broken off")
            self._request.end(failed="broken off")

    def _over(self) -> None:
        self._asking.end()
        self._request.end()


def with_traceparent(fields: bytes, context: TraceContext, *, is_trusted: bool) -> bytes:
    """The fields of a request with this ``traceparent`` alone. ``tracestate`` stays where it is believed. Pure."""
    kept = (_OWN_FIELD if is_trusted else _FIELDS).sub(b"", fields)
    return kept[:-2] + b"traceparent: " + traceparent(context) + b"\r\n\r\n"


def _end(request: Span | TraceContext, status: int) -> None:
    if not isinstance(request, TraceContext):
        request.note(**{"http.response.status_code": status})
        request.end(failed=str(status) if status >= _FAULTS else "")
