"""A collector: takes OTLP over HTTP, and keeps the spans as values."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSpan:
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty: it begins the trace."""
    attributes: dict[str, str | int]
    failure: str


@dataclass(slots=True)
class OTLPCollector:
    address: str = ""
    spans: list[KeptSpan] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    def named(self, name: str) -> KeptSpan:
        (found,) = [each for each in self.spans if each.name == name]
        return found

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip":
            raise web.HTTPUnsupportedMediaType
        self.raw.append(body)
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in of_resource.scope_spans:
                self.spans += [_kept(each) for each in scope.spans]
        return web.Response()


def _kept(span: Span) -> KeptSpan:
    attributes = {each.key: getattr(each.value, each.value.WhichOneof("value") or "") for each in span.attributes}
    return KeptSpan(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        attributes=attributes,
        failure=span.status.message,
    )


@asynccontextmanager
async def otlp_collector() -> AsyncIterator[OTLPCollector]:
    collector = OTLPCollector()
    application = web.Application()
    application.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        collector.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield collector
    finally:
        await runner.cleanup()
