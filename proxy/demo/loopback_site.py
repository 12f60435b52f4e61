"""What the demo's two small sites share: templates, static files, protective header fields, and loopback alone."""

from __future__ import annotations

from pathlib import Path

import jinja2
from aiohttp import web

_HERE = Path(__file__).parent
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
)


async def serve(app: web.Application, *, port: int = 0, form_action: str) -> tuple[web.AppRunner, int]:
    """Serve `app`, its static files too; the runner (`await runner.cleanup()` ends it) and the port.

    `form_action`: where its forms may go, as the Content Security Policy says it.
    """
    _add_static_files(app)
    fields = {
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
            f"base-uri 'none'; form-action {form_action}; frame-ancestors 'none'"
        ),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }

    async def add_fields(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(fields)

    app.on_response_prepare.append(add_fields)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner, runner.addresses[0][1]


def _add_static_files(app: web.Application) -> None:
    """Answer ``/static/NAME`` with what lies in the folder ``static`` now, from memory.

    aiohttp's own static files are opened in a thread: a browser that leaves at that moment, which ends the handler,
    leaves the file open until it is collected.
    """
    files = {file.name: (file.read_bytes(), _TYPES[file.suffix]) for file in (_HERE / "static").iterdir()}

    async def show(request: web.Request) -> web.Response:
        try:
            body, content_type = files[request.match_info["name"]]
        except KeyError:
            raise web.HTTPNotFound from None
        return web.Response(body=body, content_type=content_type, charset="utf-8")

    app.router.add_get("/static/{name}", show)
