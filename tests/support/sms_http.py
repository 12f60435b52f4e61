"""A real HTTPS server that plays an SMS gateway: Kapow's scripts and documented answers, or anything a test says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
from aiohttp import web

Answer = str | tuple[int, str] | Callable[[web.Request], Awaitable[web.StreamResponse]]
"""A text with status 200, or with another one, or a coroutine function that answers (or does not)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    form: dict[str, str]
    body: str


@dataclass(slots=True, kw_only=True)
class SMSGateway:
    """What the server answers by the last part of the path, and what it was asked."""

    ca_file: Path
    port: int = 0
    answers: dict[str, Answer] = field(
        default_factory=lambda: {
            "sendsms.php": "OK 148 11472734895956042",
            "chk_status.php": "D",
            "chk_credit.php": "148",
            "send": '{"status": "queued"}',
        }
    )
    asked: list[Asked] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/scripts/sendsms.php"

    @property
    def sent(self) -> list[Asked]:
        """The messages, without questions about credit or status."""
        return [each for each in self.asked if not each.path.startswith("/scripts/chk_")]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        form = dict(await request.post()) if "form" in request.content_type else {}
        self.asked.append(
            Asked(
                method=request.method,
                path=request.path,
                query=request.query_string,
                headers=dict(request.headers),
                form={name: str(value) for name, value in form.items()},
                body=body,
            )
        )
        answer = self.answers[request.path.rpartition("/")[2]]
        if callable(answer):
            return await answer(request)
        status, text = (200, answer) if isinstance(answer, str) else answer
        return web.Response(status=status, text=text)

    async def silence(self, request: web.Request) -> web.StreamResponse:
        """Takes the request and says nothing."""
        await self.closing.wait()
        raise web.HTTPServiceUnavailable

    async def hang_up(self, request: web.Request) -> web.StreamResponse:
        """Takes the request and breaks the connection."""
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def half_an_answer(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"OK 148 114")
        assert request.transport is not None
        request.transport.close()
        return response

    async def flood(self, request: web.Request) -> web.StreamResponse:
        """An answer without end, until the other side has had enough."""
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while not self.closing.is_set():
                await response.write(b"OK " * 10_000)
        except ConnectionError:
            pass
        return response


@asynccontextmanager
async def sms_http_gateway(folder: Path, *, name: str = "127.0.0.1") -> AsyncIterator[SMSGateway]:
    """Serve until the block is left, with a certificate for `name`; `ca_file` in `folder` is who signed it."""
    authority = trustme.CA()
    ca_file = folder / f"gateway-ca-{name}.pem"
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    gateway = SMSGateway(ca_file=ca_file)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", gateway.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        gateway.port = runner.addresses[0][1]
        yield gateway
    finally:
        gateway.closing.set()
        await runner.cleanup()


def kapow_table(gateway: SMSGateway, **changes: Any) -> dict[str, Any]:
    """A ``[sms.http.kapow_http]`` for this server."""
    login = {"username": "kap0w-user", "password": "kap0w-s3cret"}
    return {**login, "url": gateway.url, "ca_file": str(gateway.ca_file), **changes}


def generic_table(gateway: SMSGateway, **changes: Any) -> dict[str, Any]:
    """A generic ``[sms.http.NAME]`` for this server."""
    return {
        "url": f"https://127.0.0.1:{gateway.port}/v1/send",
        "headers": {"Authorization": "Bearer {token}"},
        "body": '{"to": "{number}", "text": "{text}", "reference": "{message_id}"}',
        "success": '"status": "queued"',
        "failure": '"status": "error"',
        "refused": '"code": 21211',
        "token": "t0ken-s3cret",
        "ca_file": str(gateway.ca_file),
        **changes,
    }
