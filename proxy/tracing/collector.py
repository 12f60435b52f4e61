"""Traces as OpenTelemetry keeps them, sent to a collector over OTLP in the background.

The SDK's own settings hold, too: ``OTEL_EXPORTER_OTLP_HEADERS`` for a collector that asks for a key, for one.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from config.tables.tracing import TracingSettings
from proxy.tracing.spans import Span
from proxy.tracing.trace_context import TraceContext

SEND_SECONDS = 2.0
"""How long spans wait for others that are sent with them."""
TIMEOUT_SECONDS = 5.0
CLOSE_SECONDS = 3.0
"""How long the end of a worker may wait for its last spans to be sent. What ends after them, such as the audit, must
not be late for that."""
MOST_A_SECOND = 20
"""How many traces a worker begins in a second: recording one takes many times as long as forwarding its request."""


class _Recorded:
    def __init__(self, tracer: trace.Tracer, recorded: trace.Span) -> None:
        self._tracer = tracer
        self._recorded = recorded

    @property
    def context(self) -> TraceContext:
        own = self._recorded.get_span_context()
        return TraceContext(own.trace_id, own.span_id, is_sampled=True)

    def child(self, name: str, *, is_outward: bool = False, **attributes: str | int) -> Span:
        kind = SpanKind.CLIENT if is_outward else SpanKind.INTERNAL
        inside = trace.set_span_in_context(self._recorded)
        return _Recorded(self._tracer, self._tracer.start_span(name, inside, kind, attributes))

    def note(self, **attributes: str | int) -> None:
        self._recorded.set_attributes(attributes)

    def end(self, *, failed: str = "") -> None:
        if self._recorded.is_recording():  # the SDK would warn of a second time
            if failed:
                self._recorded.set_status(Status(StatusCode.ERROR, failed))
            self._recorded.end()


class Collector:
    """See `proxy.tracing.spans.Traces`. Ends with `close`."""

    def __init__(
        self,
        settings: TracingSettings,
        *,
        draw: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
        close_seconds: float = CLOSE_SECONDS,
    ) -> None:
        """`settings` with an endpoint. `draw()`: a number of at least 0 and below 1."""
        if settings.endpoint is None:
            raise ValueError("no collector is configured")
        self._share = 1 / settings.one_in if settings.one_in else 0.0
        self._draw = draw
        self._monotonic = monotonic
        self._close_seconds = close_seconds
        self._second = 0.0
        """When the running second began, and how many traces did in it."""
        self._begun = 0
        exporter = OTLPSpanExporter(endpoint=f"{settings.endpoint.origin}/v1/traces", timeout=TIMEOUT_SECONDS)
        resource = Resource.create({"service.name": "gatepost", "service.version": version("gatepost")})
        self._provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=SEND_SECONDS * 1000))
        self._tracer = self._provider.get_tracer("gatepost")

    def begin(self, parent: TraceContext | None, name: str) -> Span | None:
        if parent is None:
            if self._draw() >= self._share or not self._has_room():
                return None
            inside = None
        elif parent.is_sampled:
            inside = trace.set_span_in_context(NonRecordingSpan(_as_otel(parent)))
        else:
            return None
        return _Recorded(self._tracer, self._tracer.start_span(name, inside, SpanKind.SERVER))

    def _has_room(self) -> bool:
        now = self._monotonic()
        if now - self._second >= 1.0:
            self._second, self._begun = now, 0
        self._begun += 1
        return self._begun <= MOST_A_SECOND

    def close(self) -> None:
        """Send what waits, or give it up after a while. Blocks."""
        # The SDK alone would try for half a minute where the collector is away.
        sending = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        sending.start()
        sending.join(self._close_seconds)


def _as_otel(parent: TraceContext) -> SpanContext:
    """Of one that is recorded."""
    return SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
