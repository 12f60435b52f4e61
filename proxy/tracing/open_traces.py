"""From `[tracing]` to traces that are sent, in a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from config.tables.tracing import TracingSettings
from proxy.tracing.spans import Traces


@asynccontextmanager
async def serving_traces(settings: TracingSettings) -> AsyncIterator[Traces | None]:
    """Until the block is left, and then the last spans are sent. None: nothing is traced."""
    if not settings.is_on:
        yield None
        return
    # OpenTelemetry, on which it stands, is an extra.
    from proxy.tracing.collector import Collector

    collector = Collector(settings)
    try:
        yield collector
    finally:
        await asyncio.to_thread(collector.close)
