"""A small protected app for the demo: it shows what an upstream receives, and takes every kind of traffic.

A page, a WebSocket echo, an upload and server-sent events. It has no sign-in of its own: it trusts the headers,
which is why it listens on loopback only.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import suppress

from aiohttp import WSMsgType, web

from config.field_kinds import SET_BY_GATEPOST
from proxy.demo.loopback_site import TEMPLATES, serve

_SET_BY_GATEPOST = frozenset(name.decode() for name in SET_BY_GATEPOST)
_STOPPING = web.AppKey("stopping", asyncio.Event)
_TICK_SECONDS = 1.0


async def start_demo_app() -> tuple[web.AppRunner, int]:
    """Serve on loopback; the runner (`await runner.cleanup()` ends it) and the port."""
    app = web.Application(client_max_size=0)  # /upload streams; nothing else reads a body
    app[_STOPPING] = asyncio.Event()
    app.router.add_get("/", _page)
    app.router.add_get("/ws", _echo)
    app.router.add_post("/upload", _upload)
    app.router.add_get("/events", _events)
    app.on_shutdown.append(_stop_streams)
    return await serve(app, form_action="'self'")


async def _page(request: web.Request) -> web.Response:
    """What was received: Gatepost's own headers first, then the rest as it came."""
    headers = [
        (name, value.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
        for name, value in request.headers.items()
    ]
    from_gatepost = [each for each in headers if each[0].lower() in _SET_BY_GATEPOST]
    others = [each for each in headers if each[0].lower() not in _SET_BY_GATEPOST]
    told = {name.lower(): value for name, value in from_gatepost}
    html = TEMPLATES.get_template("app.html").render(
        host=request.host,
        request_line=f"{request.method} {request.raw_path} HTTP/{request.version.major}.{request.version.minor}",
        user=told.get("remote-user", ""),
        name=told.get("remote-name", ""),
        from_gatepost=from_gatepost,
        others=others,
    )
    return web.Response(text=html, content_type="text/html")


async def _echo(request: web.Request) -> web.StreamResponse:
    """Every text or binary message comes back as it was."""
    if request.headers.get("Upgrade", "").lower() != "websocket":
        raise web.HTTPUpgradeRequired(headers={"Upgrade": "websocket"})
    socket = web.WebSocketResponse(heartbeat=30)
    await socket.prepare(request)
    stopping = asyncio.create_task(_close_when_stopping(request.app[_STOPPING], socket))
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await socket.send_bytes(message.data)
    finally:
        stopping.cancel()
    return socket


async def _close_when_stopping(stopping: asyncio.Event, socket: web.WebSocketResponse) -> None:
    await stopping.wait()
    await socket.close()


async def _upload(request: web.Request) -> web.Response:
    """Count and digest the body as it streams in: nothing is kept."""
    digest = hashlib.sha256()
    size = 0
    async for chunk in request.content.iter_chunked(64 * 1024):
        digest.update(chunk)
        size += len(chunk)
    return web.json_response({"bytes": size, "sha256": digest.hexdigest()})


async def _events(request: web.Request) -> web.StreamResponse:
    """The time, once a second, as server-sent events."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    stopping = request.app[_STOPPING]
    with suppress(ConnectionResetError):  # the client left
        while not stopping.is_set():
            await response.write(f"data: {time.strftime('%H:%M:%S')}\n\n".encode())
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_SECONDS):
                    await stopping.wait()
    return response


async def _stop_streams(app: web.Application) -> None:
    app[_STOPPING].set()
