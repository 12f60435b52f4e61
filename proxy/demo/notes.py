"""A small single-page app for the demo: an editor that sends its text each second and hears through a WebSocket.

It includes `/.gatepost/session.js`, so that the end of a session loses nothing. Like the demo's other app it trusts the
headers, and listens on loopback only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from aiohttp import web

from proxy.demo.loopback_site import TEMPLATES, serve

MOST_KEPT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The text of one page at one second."""

    person: str
    page: str
    number: int
    text: str


@dataclass(slots=True)
class Notes:
    """The app's server; nothing outlives it."""

    changes: deque[Change] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))
    """The latest, each once, in the order in which they arrived."""
    sockets: set[web.WebSocketResponse] = field(default_factory=set)

    async def show(self, request: web.Request) -> web.Response:
        html = TEMPLATES.get_template("notes.html").render(name=request.headers.get("Remote-Name", ""))
        return web.Response(text=html, content_type="text/html")

    async def take(self, request: web.Request) -> web.Response:
        """A page whose connection broke sends a change again: by its number it counts once."""
        sent = await request.json()
        change = Change(
            person=request.headers.get("Remote-User", ""),
            page=str(sent["page"]),
            number=int(sent["number"]),
            text=str(sent["text"]),
        )
        if all((each.page, each.number) != (change.page, change.number) for each in self.changes):
            self.changes.append(change)
            for socket in tuple(self.sockets):
                await socket.send_str(f"{change.page} {change.number}")
        return web.json_response({"number": change.number})

    async def tell(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            raise web.HTTPUpgradeRequired(headers={"Upgrade": "websocket"})
        socket = web.WebSocketResponse(heartbeat=30)
        await socket.prepare(request)
        self.sockets.add(socket)
        try:
            async for _message in socket:
                pass  # it only tells
        finally:
            self.sockets.discard(socket)
        return socket

    async def close_sockets(self, app: web.Application) -> None:
        await asyncio.gather(*(socket.close() for socket in tuple(self.sockets)))


async def start_notes_app(notes: Notes | None = None) -> tuple[web.AppRunner, int]:
    """Serve on loopback; the runner (`await runner.cleanup()` ends it) and the port."""
    served = notes or Notes()
    app = web.Application()
    app.router.add_get("/", served.show)
    app.router.add_post("/changes", served.take)
    app.router.add_get("/live", served.tell)
    app.on_shutdown.append(served.close_sockets)
    return await serve(app, form_action="'none'")
