"""A protected app that answers with the name of who asks, and echoes what comes through a WebSocket at /socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def running_app() -> AsyncIterator[int]:
    """Its port, on loopback."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", _answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _answer(request: web.Request) -> web.StreamResponse:
    if request.path == "/socket":
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        return socket
    return web.Response(text=request.headers.get("Remote-User", ""))
