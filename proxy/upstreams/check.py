"""The active check: each of an app's servers is asked for a path at intervals, and its answer counts.

Each check uses a new connection, so that connecting is checked as well. Instants are the event loop's clock.
"""

from __future__ import annotations

import asyncio
import ssl

from config.addresses import UpstreamURL
from config.settings import AppSettings
from config.system_errors import connection_reason
from proxy.http.response_head import (
    MAX_RESPONSE_HEAD_BYTES,
    BrokenResponse,
    ResponseHead,
    check_begun,
    parse_response_head,
)
from proxy.upstreams.connection import Server
from proxy.upstreams.pool import UpstreamPool


async def open_streams(
    url: UpstreamURL, app: AppSettings, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """To one of an app's servers; `tls` is for those that are https. Raises `OSError`, as which TLS fails too."""
    if url.scheme == "unix":
        return await asyncio.open_unix_connection(url.path)
    if url.scheme != "https":
        return await asyncio.open_connection(url.host, url.port)
    return await asyncio.open_connection(url.host, url.port, ssl=tls, server_hostname=app.server_name or url.host)


class HealthCheck:
    """Of one app whose settings ask for it. The plane's timer drives it."""

    def __init__(self, pool: UpstreamPool) -> None:
        self._pool = pool
        self._path = pool.upstream.settings.health_check
        self._next_at = 0.0
        self._running: set[asyncio.Task[None]] = set()

    def on_tick(self, now: float) -> None:
        """Begin what is due."""
        if self._path is None or now < self._next_at or self._running:
            return
        self._next_at = now + self._pool.upstream.settings.health_check_interval
        for server in self._pool.servers:
            task = asyncio.get_running_loop().create_task(self._check(server, self._path))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """End what is running."""
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _check(self, server: Server, path: str) -> None:
        reason = await self._what_is_wrong(server, path)
        if reason is None:
            self._pool.note_success(server)
        else:
            self._pool.note_failure(server, f"health check: {reason}")

    async def _what_is_wrong(self, server: Server, path: str) -> str | None:
        try:
            async with asyncio.timeout(self._pool.upstream.settings.health_check_interval):
                head = await self._head(server, path)
        except TimeoutError:
            return "no answer in time"
        except OSError as exc:
            return connection_reason(exc)
        except BrokenResponse as exc:
            return str(exc)
        return None if 200 <= head.status < 400 else f"status {head.status}"

    async def _head(self, server: Server, path: str) -> ResponseHead:
        """Of the final answer; raises `BrokenResponse` and `OSError`."""
        url, upstream = server.url, self._pool.upstream
        reader, writer = await open_streams(url, upstream.settings, upstream.tls)
        try:
            lines = f"GET {path} HTTP/1.1\r\nHost: {url.authority}\r\nUser-Agent: gatepost\r\nConnection: close\r\n\r\n"
            writer.write(lines.encode("ascii"))
            data = b""
            while True:
                end = data.find(b"\r\n\r\n") + 4
                if end > 3:
                    head = parse_response_head(data[:end])
                    if head.status >= 200:
                        return head
                    data = data[end:]
                    continue
                check_begun(data)
                more = await reader.read(MAX_RESPONSE_HEAD_BYTES)
                if not more:
                    raise BrokenResponse("no whole head")
                data += more
        finally:
            writer.transport.abort()
