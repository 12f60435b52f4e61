"""The demo's style sheets, scripts and icons, served from memory.

aiohttp's own static files are opened in a thread: a browser that leaves at that moment, which ends the handler, leaves
the file open until it is collected.
"""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def add_static_files(app: web.Application) -> None:
    """Answer ``/static/NAME`` with what lies in the folder ``static`` now."""
    files = {
        file.name: (file.read_bytes(), _TYPES[file.suffix]) for file in (Path(__file__).parent / "static").iterdir()
    }

    async def show(request: web.Request) -> web.Response:
        try:
            body, content_type = files[request.match_info["name"]]
        except KeyError:
            raise web.HTTPNotFound from None
        return web.Response(body=body, content_type=content_type, charset="utf-8")

    app.router.add_get("/static/{name}", show)
