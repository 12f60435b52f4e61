"""The collector beside the requests: one that is away holds nothing up."""

from __future__ import annotations

import asyncio
import threading

from config.tables.tracing import TracingSettings
from proxy.tracing.collector import Collector


async def test_a_collector_that_never_answers_does_not_hold_up_the_end() -> None:
    asked, given_up = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await given_up.wait()
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        settings = TracingSettings.model_validate({"endpoint": f"http://{host}:{port}", "one_in": 1})
        traces = Collector(settings, close_seconds=0.01)
        span = traces.begin(None, "request")
        assert span is not None
        span.end()
        before = set(threading.enumerate())
        await asyncio.to_thread(traces.close)
        await asked.wait()  # it is still being sent
        (sending,) = [each for each in set(threading.enumerate()) - before if each.name == "last spans"]
        given_up.set()
        await asyncio.to_thread(sending.join)
