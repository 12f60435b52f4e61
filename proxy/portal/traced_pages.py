"""The pages' part of a trace that the forwarding plane is in."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Middleware

from proxy.portal.middleware import Handler
from proxy.tracing.spans import Traces, within
from proxy.tracing.trace_context import read_traceparent


def tracing_pages(traces: Traces) -> Middleware:
    """To be the outermost. The plane alone writes ``traceparent`` here (`proxy.forwarding.traced`)."""

    @web.middleware
    async def trace(request: web.Request, handler: Handler) -> web.StreamResponse:
        parent = read_traceparent(request.headers.get("traceparent", "").encode("ascii", "replace"))
        page = traces.begin(parent, "page") if parent is not None else None
        if page is None:
            return await handler(request)
        resource = request.match_info.route.resource
        page.note(**{"http.route": "" if resource is None else resource.canonical})
        try:
            with within(page):
                response = await handler(request)
                page.note(**{"http.response.status_code": response.status})
                return response
        finally:
            page.end()

    return trace
