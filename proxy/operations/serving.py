"""aiohttp servers whose every answer is in our own words, and whose log holds nothing of a request.

When aiohttp cannot read a request, its answer quotes a piece of it, and so does the traceback that it logs. That piece
may be a ticket. The limits here match the forwarding plane's: everything that it lets through can be read.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from structlog.typing import FilteringBoundLogger

from config.settings import ServerSettings
from proxy.http.problem import Problem
from proxy.operations.incidents import new_incident_id
from proxy.pages.answers import Answer, render

_BACKLOG = 128
_MOST_FIELDS = 256
"""More than the forwarding plane lets through and adds."""
_ADDED_BYTES = 32 * 1024
"""More than it adds in one line: a field with the target of a form that is to be kept."""


class _HTTPConnection(web.RequestHandler):
    """As aiohttp's own, except for its answer when its parser fails or nobody has one."""

    __slots__ = ("_log", "_origin")

    def __init__(self, manager: web.Server, *, log: FilteringBoundLogger, sign_in_origin: str, **options: Any) -> None:
        super().__init__(manager, **options)
        self._log = log
        self._origin = sign_in_origin

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """`message` and `exc` hold a piece of the request: neither goes any further."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        problem = Problem.MALFORMED_REQUEST if status < 500 else Problem.INTERNAL
        if isinstance(exc, LineTooLong):
            problem = Problem.HEAD_TOO_LARGE
        answer = Answer(problem=problem, incident=new_incident_id())
        say = self._log.info if answer.status < 500 else self._log.error
        say("request.refused", problem=problem.value, reason=type(exc).__name__, incident=answer.incident)
        fields, body = render(answer, page=False, sign_in_origin=self._origin)
        response = web.Response(
            status=answer.status, headers=[(name.decode(), value.decode()) for name, value in fields], body=body
        )
        response.headers["Server"] = "Gatepost"  # otherwise aiohttp names itself and Python, with their versions
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Only the type of an error is logged: its text may hold a piece of the request."""
        exc = kw.get("exc_info")
        self._log.error("connection.failed", error=type(exc).__name__)


async def serve(
    stack: AsyncExitStack,
    app: web.Application,
    *,
    log: FilteringBoundLogger,
    server: ServerSettings,
    path: Path | None = None,
    listeners: Sequence[socket.socket] = (),
) -> None:
    """Serve `app` on a Unix socket at `path` and on these listeners until the stack is closed."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    manager, loop = runner.server, asyncio.get_running_loop()
    if manager is None:
        raise AssertionError("it was just set up")
    # The largest head that the forwarding plane reads, and what it adds.
    most_bytes = server.max_head_bytes + _ADDED_BYTES

    def connection() -> _HTTPConnection:
        return _HTTPConnection(
            manager,
            loop=loop,
            log=log,
            sign_in_origin=server.public_url.origin,
            access_log=None,
            # Bytes are kept and passed on as they came. Code that unpacks them does so within a bound.
            auto_decompress=False,
            max_line_size=most_bytes,
            max_field_size=most_bytes,
            max_headers=_MOST_FIELDS,
        )

    if path is not None:
        _close_with(stack, await loop.create_unix_server(connection, str(path), backlog=_BACKLOG))
    for listener in listeners:
        _close_with(stack, await loop.create_server(connection, sock=listener, backlog=_BACKLOG))


def _close_with(stack: AsyncExitStack, server: asyncio.Server) -> None:
    """Accept nothing more; requests in flight end with the runner."""
    stack.callback(server.close)
